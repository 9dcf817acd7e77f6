"""Query results as the tables of a page: every cell a text, numbers rounded for reading."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

MOST_ROWS = 1000
MISSING = "–"


@dataclass(frozen=True)
class Filter:
    """A choice above a table: rows whose `column` reads as chosen, or, without one, a set of columns.

    options : what can be chosen. initial : what is chosen when the page opens; "" is no choice.
    """

    label: str
    column: int | None
    options: list[str]
    initial: str = ""


@dataclass(frozen=True)
class Column:
    """A column: `numeric` ones are set flush right; `sets` are the sets of columns it is shown in, () all.

    descends : whether the first click sorts the highest first.
    """

    title: str
    numeric: bool = False
    sets: tuple[str, ...] = ()
    descends: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Table:
    """A table of texts: `note` says what a reader must know.

    keys : what rows sort by, cell by cell, where it is not the text itself; () where it is throughout.
    marked : rows to set apart. shades : cell by cell 0 to 6, how strongly it is coloured; () not at all.
    foot : rows that stand below the others however those are sorted.
    header_column : which column names its row. sorted_by : the column by which rows ascend at first.
    is_live : can be sorted, and filtered by what stands in any of its cells and by `filters`.
    """

    caption: str
    columns: list[Column]
    rows: list[list[str]]
    keys: Sequence[list[str]] = ()
    marked: Sequence[bool] = ()
    shades: Sequence[list[int]] = ()
    foot: Sequence[list[str]] = ()
    filters: Sequence[Filter] = ()
    header_column: int = 0
    sorted_by: int | None = None
    is_live: bool = True
    note: str = ""

    def is_hidden(self, column: int) -> bool:
        """Whether the column is not in the set of columns that is shown at first."""
        sets = self.columns[column].sets
        return bool(sets) and not any(each.initial in sets for each in self.filters if each.column is None)


def table_of(frame: pl.DataFrame, caption: str, *, most_rows: int = MOST_ROWS, rest: str = "") -> Table:
    """The first `most_rows` rows of `frame`; if there are more, the note says how many and `rest` where."""
    shown = frame.head(most_rows)
    note = ""
    if frame.height > most_rows:
        note = f"The first {most_rows:,} of {frame.height:,} rows. {rest}".strip()
    rows = [
        [cell(value, name) for name, value in zip(frame.columns, row, strict=True)]
        for row in shown.iter_rows()
    ]
    return Table(
        caption=caption,
        columns=[
            Column(name.replace("_", " "), dtype.is_numeric(), descends=dtype.is_numeric() and not is_p(name))
            for name, dtype in frame.schema.items()
        ],
        rows=rows,
        keys=[
            [sort_key(value, text) for value, text in zip(row, texts, strict=True)]
            for row, texts in zip(shown.iter_rows(), rows, strict=True)
        ],
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
    return Table(caption, [Column("setting"), Column("value")], rows, is_live=False)


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
        [Column("setting"), *map(Column, columns)],
        rows,
        marked=[len(set(row[1:])) > 1 for row in rows],
        is_live=False,
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
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {cell(each)}" for name, each in flat(value)) or MISSING
    if isinstance(value, pl.Series) or (isinstance(value, Sequence) and not isinstance(value, str | bytes)):
        return ", ".join(cell(each) for each in value) or MISSING
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, int):
        return in_bytes(value) if column == "bytes" else whole(value)
    if isinstance(value, float):
        return p_text(value) if is_p(column) else decimal(value)
    return str(value)


def sort_key(value: object, text: str) -> str:
    """What a number sorts by in six digits, where that is not what its `text` says; else ""."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ""
    key = f"{value:.6g}" if isinstance(value, float) else str(value)
    return "" if key == text else key


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


def is_p(column: str) -> bool:
    """Whether the column of that name holds p-values."""
    return column in ("p", "q") or column.startswith(("p_", "q_")) or column.endswith(("_p", "_p_value"))
