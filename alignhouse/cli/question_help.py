"""What a question is: its help, and why an answer may be empty."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alignhouse.protocol_names import MEASURE, takes_measure
from alignhouse.warehouse.questions import Parameter, Question, option_of

if TYPE_CHECKING:
    from alignhouse.warehouse.reader import Warehouse

_WIDTH = 100
_KINDS = {"str": "NAME", "int": "NUMBER", "float": "NUMBER"}


def help_of(asked: Question) -> str:
    """What a question asks, what its rows are, its parameters, the options of every question, an example."""
    lines = [f"alignhouse ask {asked.name} [OPTIONS]", "", *_wrapped(asked.asks), ""]
    lines += [*_wrapped(asked.rows), ""] if asked.rows else []
    measure = "the protocol's scores by another measure of analysis.measures, such as cka (default: its own)"
    named = [(f"{each.option} {_KINDS.get(each.type.__name__, 'NAMES')}", each) for each in asked.parameters]
    texts = [(name, f"{each.help}{_default(each)}") for name, each in named]
    if takes_measure(asked):
        texts.append((f"{option_of(MEASURE)} NAME", measure))
    width = max((len(name) for name, _ in texts), default=0)
    if texts:
        lines.append("Parameters of this question:")
        for name, text in texts:
            lines += _wrapped(text, first=f"  {name:{width}}  ", rest=" " * (width + 4))
        lines.append("")
    lines += [
        "Options of every question:",
        "  --warehouse, -w FOLDER  the warehouse; default: the only *.alignhouse folder here",
        "  --format, -f FORMAT     table, csv, json, parquet or markdown",
        "  --out, -o FILE          write to a file, in the format of its suffix",
    ]
    if asked.example:
        lines += ["", f"Example: {asked.example}"]
    return "\n".join(lines)


def nothing_found(warehouse: Warehouse, asked: Question, given: Mapping[str, Any]) -> str:
    """Why an answer may be empty, in one line: a default that is not in the warehouse, or what a row is."""
    for each in asked.parameters:
        if each.known_in is None or each.default is None or each.name in given:
            continue
        column = each.known_in[1]
        known = [str(name) for name in warehouse.known(*each.known_in)]
        if str(each.default) not in known:
            there = f"it has {', '.join(known)}, try {each.option} {known[0]}" if known else "it has none"
            return f"Nothing found: this warehouse has no {column} {each.default!r}; {there}."
    asking = "".join(f" {option_of(name)} {value}" for name, value in given.items())
    row = f" A row would be: {asked.rows.removeprefix('One row: ').partition('. ')[0]}" if asked.rows else ""
    return f"Nothing found{' for' + asking if asking else ''}.{row}"


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return " (required)"
    if parameter.default is not None:
        return f" (default: {parameter.default})"
    return "" if "default" in parameter.help else " (default: all)"


def _wrapped(text: str, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
