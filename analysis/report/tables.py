"""Query results as the tables of a page: every cell a text, numbers rounded for reading."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

MOST_ROWS = 1000


@dataclass(frozen=True)
class Table:
    """A table of texts: `numeric` says which columns are set flush right, `note` what a reader must know."""

    caption: str
    columns: list[str]
    rows: list[list[str]]
    numeric: list[bool]
    note: str = ""
    marked: list[bool] = field(default_factory=list)


def table_of(frame: pl.DataFrame, caption: str, *, most_rows: int = MOST_ROWS, rest: str = "") -> Table:
    """The first `most_rows` rows of `frame`; if there are more, the note says how many and `rest` where."""
    shown = frame.head(most_rows)
    note = ""
    if frame.height > most_rows:
        note = f"The first {most_rows:,} of {frame.height:,} rows. {rest}".strip()
    return Table(
        caption=caption,
        columns=[name.replace("_", " ") for name in frame.columns],
        rows=[
            [cell(value, name) for name, value in zip(frame.columns, row, strict=True)]
            for row in shown.iter_rows()
        ],
        numeric=[dtype.is_numeric() for dtype in frame.dtypes],
        note=note,
    )


def without_repeated_remark(frame: pl.DataFrame, remark: str) -> pl.DataFrame:
    """The frame without a remark column that says in every row what the caption says already, or nothing."""
    if "remark" in frame.columns and set(frame["remark"].cast(pl.String).to_list()) <= {remark, "", None}:
        return frame.drop("remark")
    return frame


def settings_table(settings: Mapping[str, object], caption: str) -> Table:
    """Nested settings as rows of a dotted name and its value."""
    rows = [[name, cell(value, name)] for name, value in flat(settings)]
    return Table(caption, ["setting", "value"], rows, [False, False])


def compared_settings(settings: Mapping[str, Mapping[str, object]], caption: str) -> Table:
    """A row per setting and a column per name; rows whose values differ are marked."""
    columns = {name: dict(flat(each)) for name, each in settings.items()}
    names = list(dict.fromkeys(setting for each in columns.values() for setting in each))
    parts = [name.rpartition(".")[0] for name in names]
    names.sort(key=lambda name: parts.index(name.rpartition(".")[0]))
    rows = [
        [name, *(cell(each[name], name) if name in each else "not set" for each in columns.values())]
        for name in names
    ]
    return Table(
        caption,
        ["setting", *columns],
        rows,
        [False] * (1 + len(columns)),
        marked=[len(set(row[1:])) > 1 for row in rows],
    )


def flat(settings: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    """Nested mappings as (dotted name, value), in the given order; an empty mapping keeps its name."""
    rows: list[tuple[str, object]] = []
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            rows += flat(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", value))
    return rows


def cell(value: object, column: str = "") -> str:
    """A value as a reader wants it: three decimals, p-values by `p_text`, bytes in units, null as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {cell(each)}" for name, each in flat(value)) or "–"
    if isinstance(value, pl.Series) or (isinstance(value, Sequence) and not isinstance(value, str | bytes)):
        return ", ".join(cell(each) for each in value) or "–"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, int):
        return in_bytes(value) if column == "bytes" else whole(value)
    if isinstance(value, float):
        return p_text(value) if _is_p(column) else decimal(value)
    return str(value)


def whole(value: int) -> str:
    """An integer, with thousands set off from five digits on."""
    return f"{value:,}" if abs(value) >= 10_000 else str(value)


def decimal(value: float) -> str:
    """Three decimals; a value that would read 0.000 though it is not, in its shortest form."""
    if not math.isfinite(value):
        return str(value)
    return f"{value:.3g}" if value != 0 and abs(value) < 0.0005 else f"{value:,.3f}"


def p_text(value: float) -> str:
    """A p-value in 3 decimals; one below .001 says so, and exactly 0 stays 0 (a protocol may count so)."""
    if value == 0:
        return "0"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def in_bytes(value: int) -> str:
    """A size in bytes in the unit that keeps it under 1,000: "12.3 MB"."""
    size, unit = float(value), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(size) < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def _is_p(column: str) -> bool:
    return column in ("p", "q") or column.startswith(("p_", "q_")) or column.endswith(("_p", "_p_value"))
