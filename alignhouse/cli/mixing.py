"""The line above an answer whose rows should not be compared with each other without care."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alignhouse.warehouse.errors import some_names
from alignhouse.warehouse.exports import printable

if TYPE_CHECKING:
    from alignhouse.warehouse.questions import Question

# Column of an answer -> the plural of what it names.
MIXED = {"protocol": "protocols", "dataset": "data sets", "split": "splits", "weights": "weights"}
# A group of networks: how many it has, and how many of them are untrained.
GROUP = ("n_models", "n_random")
COLUMNS = (*MIXED, *GROUP)
BOTH_WEIGHTS = ("pretrained", "random")
# These questions list what there is; they compare nothing.
LISTS = frozenset({"networks", "regions", "unfinished"})
MOST_VALUES = 6


def mixing_line(columns: Sequence[str], rows: Iterable[Sequence[Any]], asked: Question | None) -> str:
    """A sentence on the protocols, data sets, splits and weights that an answer mixes; "" if it mixes none.

    Parameters
    ----------
    columns : the names of the answer's columns. rows : its rows, or its distinct rows.
    asked : the question that was answered; None for SQL.
    """
    if asked is not None and asked.name in LISTS:
        return ""
    values = _mixed_values(columns, list(rows))
    if not values:
        return ""
    told = " and ".join(f"{MIXED[name]} ({some_names(each, MOST_VALUES)})" for name, each in values.items())
    advice = _advice(values, asked)
    return printable(f"This answer mixes {told}{f': {advice}' if advice else ''}.")


def _mixed_values(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[str]]:
    places = {name: columns.index(name) for name in COLUMNS if name in columns}
    found = {}
    for name in MIXED:
        # A row of an answer about groups with this column is of one kind of weights: they are apart already.
        if name in places and not (name == "weights" and "n_models" in places):
            distinct = {str(row[places[name]]) for row in rows if row[places[name]] is not None}
            if len(distinct) > 1:
                found[name] = sorted(distinct)
    if "weights" not in places and all(name in places for name in GROUP):
        sizes = ((row[places["n_models"]] or 0, row[places["n_random"]] or 0) for row in rows)
        if any(0 < random < models for models, random in sizes):
            found["weights"] = list(BOTH_WEIGHTS)
    return found


def _advice(values: Mapping[str, Sequence[str]], asked: Question | None) -> str:
    """How to ask for one of the values."""
    if asked is None:
        chosen = ("sound" if "sound" in each else each[0] for each in values.values())
        wanted = [f"{name} = '{value}'" for name, value in zip(values, chosen, strict=True)]
        return f"filter with where {' and '.join(wanted)}"
    known = {each.name for each in asked.parameters}
    options = [f"--{name}" for name in values if name in known]
    advice = [f"filter with {' and '.join(options)}"] if options else []
    if "weights" in values and "weights" not in known and "by" in known:
        advice.append("separate with --by weights")
    return ", ".join(advice)
