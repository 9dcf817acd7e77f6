"""What a figure is asked to show, and of what: protocol, data set, split, regions, networks."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alignhouse.analysis.figures.labels import PROTOCOL
from alignhouse.analysis.figures.theme import WIDTH
from alignhouse.warehouse.errors import BadInput, near_names
from alignhouse.warehouse.questions import question

if TYPE_CHECKING:
    from alignhouse.warehouse.store import Warehouse

GROUPINGS = ("model_type", "arch_type", "training_dataset", "family", PROTOCOL)
DEFAULT_PROTOCOL = "sound"


@dataclass(frozen=True)
class Request:
    """What a figure shall show.

    Attributes
    ----------
    protocol, dataset, split : may be None where the warehouse leaves no choice ("sound" goes first).
    group_by : one of GROUPINGS.
    rois : names of regions. models, layers : names or globs of networks and of their layers. None: all, or
        the figure's own choice.
    other : the protocol to compare with. most : the most networks to show.
    width : inches.
    """

    protocol: str | None = None
    dataset: str | None = None
    split: str | None = None
    group_by: str = "model_type"
    rois: Sequence[str] | None = None
    models: Sequence[str] | None = None
    layers: Sequence[str] | None = None
    other: str | None = None
    most: int | None = None
    width: float = WIDTH


@dataclass(frozen=True)
class FigureScope:
    """One protocol, data set and split on which networks were scored; `other` is another protocol there."""

    protocol: str
    dataset: str
    split: str
    n_networks: int
    n_subjects: int
    remark: str
    other: str | None = None

    @property
    def source(self) -> str:
        """Data set and split in words."""
        return f"{self.dataset}, {self.split}"


def scopes(warehouse: Warehouse) -> list[FigureScope]:
    """Every protocol, data set and split on which a warehouse has scores; the default protocol first."""
    return [FigureScope(*row) for row in warehouse.sql(question("scopes", "figures").sql).fetchall()]


def chosen_scope(known: Sequence[FigureScope], request: Request) -> FigureScope:
    """The one scope that a request means.

    Raises
    ------
    BadInput : nothing was scored, nothing fits, or several data sets and splits do (all are listed).
    """
    if not known:
        raise BadInput("no network was scored in this warehouse", hint="alignhouse run STUDY.toml")
    places = list(dict.fromkeys((each.dataset, each.split) for each in known))
    fitting = [
        place for place in places if request.dataset in (None, place[0]) and request.split in (None, place[1])
    ]
    listed = "; ".join(f"{dataset} ({split})" for dataset, split in places)
    if not fitting:
        raise BadInput(
            f"no scores on data set {request.dataset or 'any'}, split {request.split or 'any'}", found=listed
        )
    if len(fitting) > 1:
        raise BadInput(
            "which data set and split is meant?", found=listed, hint="name them: --dataset, --split"
        )
    here = {each.protocol: each for each in known if (each.dataset, each.split) == fitting[0]}
    for name in (request.protocol, request.other):
        if name is not None and name not in here:
            raise BadInput(f"no scores under protocol {name!r} on {listed}", hint=near_names(name, here))
    if request.protocol is None and DEFAULT_PROTOCOL not in here and len(here) > 1:
        raise BadInput("which protocol is meant?", found=", ".join(here), hint="name it: --protocol")
    # scopes come with the default protocol first
    scope = here[request.protocol or next(iter(here))]
    others = [name for name in here if name != scope.protocol]
    return FigureScope(**{**scope.__dict__, "other": others[0] if others else None})


def chosen_regions(
    warehouse: Warehouse,
    scope: FigureScope,
    wanted: Sequence[str] | None,
    *,
    one_a_group: bool,
    of_sides: bool,
) -> list[str] | None:
    """Names of the regions to draw: the wanted, else the first of each group if so asked for, else None, all.

    `of_sides`: a region that is there left and right (lV1, rV1) goes by its own name (V1).

    Raises
    ------
    BadInput : a region without scores; the near names are listed.
    """
    asked = question("drawn_regions", "figures")
    rows = warehouse.sql(asked.sql, asked.bind(_place(scope))).fetchall()
    names = [roi for roi, *_ in rows]
    if wanted is None:
        return [roi for roi, _, _, place in rows if place == 1] if one_a_group else None
    if of_sides:
        names = [name[1:] for name in names if name.startswith("l") and f"r{name[1:]}" in names]
    for name in wanted:
        if name not in names:
            raise BadInput(f"no scores in region {name!r} of {scope.source}", hint=near_names(name, names))
    return list(wanted)


def chosen_networks(
    warehouse: Warehouse, scope: FigureScope, wanted: Sequence[str] | None
) -> list[str] | None:
    """Names of the networks that names and globs stand for; None where none are wanted in particular.

    Raises
    ------
    BadInput : a name or glob that no scored network has; the near names are listed.
    """
    if wanted is None:
        return None
    return matching([name for name, _, _ in network_rows(warehouse, scope)], wanted, "network")


def matching(names: Sequence[str], wanted: Sequence[str], what: str) -> list[str]:
    """Those of `names` that the wanted names and globs stand for, each once, in the order of the wanted.

    Raises
    ------
    BadInput : one stands for none; it says of `what`, and lists the near names.
    """
    chosen: list[str] = []
    for pattern in wanted:
        found = [name for name in names if name == pattern] or fnmatch.filter(names, pattern)
        if not found:
            raise BadInput(f"no scores of {what} {pattern!r}", hint=near_names(pattern, names))
        chosen += found
    return list(dict.fromkeys(chosen))


def network_rows(warehouse: Warehouse, scope: FigureScope) -> list[tuple[str, float, list[str] | None]]:
    """Name, mean score, and the groups of regions in which it is the best, of every network with scores."""
    asked = question("drawn_networks", "figures")
    return warehouse.sql(asked.sql, asked.bind(_place(scope))).fetchall()


def _place(scope: FigureScope) -> dict[str, str]:
    return {"protocol": scope.protocol, "dataset": scope.dataset, "split": scope.split}
