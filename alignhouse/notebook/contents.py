"""What is in a warehouse, as a few lines of text or HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from alignhouse.warehouse.exports import printable
from alignhouse.warehouse.reader import Warehouse
from alignhouse.warehouse.schema import statement

MOST_NAMES = 8


def contents(warehouse: Warehouse) -> dict[str, str]:
    """Data sets, subjects, regions, networks, protocols, alignments, results and last run, each in words."""
    answer = warehouse.sql(statement("contents"))
    [values] = answer.fetchall()
    row: dict[str, Any] = dict(zip(answer.columns, values, strict=True))
    found = {
        "data sets": "; ".join(row["datasets"] or ()) or "none",
        "subjects": _names(row["subjects"]),
        "regions": _names(row["regions"]),
        "networks": _names(row["networks"]),
        "protocols": ", ".join(row["protocols"] or ()) or "none",
        "alignments": f"{row['alignments']:,}",
    }
    if row["results"]:
        found["results"] = ", ".join(f"results.{name}" for name in row["results"])
    found["last run"] = row["last_run"] or "none"
    return {name: printable(text) for name, text in found.items()}


def as_text(title: str, lines: dict[str, str]) -> str:
    """The title, then one line for each entry."""
    width = max(map(len, lines))
    return "\n".join([title, *(f"  {name:<{width}}  {text}" for name, text in lines.items())])


def as_html(title: str, lines: dict[str, str]) -> str:
    """A table with a row for each entry; names that are HTML are shown as text."""
    rows = "".join(
        f'<tr><th style="text-align: left">{html.escape(name)}</th>'
        f'<td style="text-align: left">{html.escape(text)}</td></tr>'
        for name, text in lines.items()
    )
    return f"<table><caption>{html.escape(title)}</caption><tbody>{rows}</tbody></table>"


def _names(names: Sequence[str] | None) -> str:
    """Their number, and the first eight."""
    if not names:
        return "none"
    more = ", ..." if len(names) > MOST_NAMES else ""
    return f"{len(names)}: {', '.join(names[:MOST_NAMES])}{more}"
