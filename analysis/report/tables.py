"""Tables of the page: cells are text, with numbers rounded for reading."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from alignhouse.analysis.report.column_words import column_words
from alignhouse.analysis.report.value_words import GROUPS, value_label_in_row

MOST_ROWS = 1000
MISSING = "–"
# A p-value of 0 whose number of permutations is not at hand.
UNRESOLVED = "≈ 0"
# Columns whose p-values come directly from the row's column `permutations`, without a correction.
PLAIN_P = ("p_value", "p_family")
# Columns that hold a group of networks, in tables about groups.
GROUP_COLUMNS = (*GROUPS, "model_type", "arch_type", "objective", "weights")


@dataclass(frozen=True)
class Filter:
    """A drop-down above a table. It filters rows by the text in `column`; without one, it selects columns.

    options : the entries. initial : the entry that is selected when the page opens; "" for none.
    """

    label: str
    column: int | None
    options: list[str]
    initial: str = ""


@dataclass(frozen=True)
class Column:
    """A column: `numeric` aligns it right; `sets` are the column sets that show it, () for all.

    descends : whether the first click sorts in descending order. hint : a sentence on what the column holds.
    """

    title: str
    numeric: bool = False
    sets: tuple[str, ...] = ()
    descends: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Table:
    """A table of text cells; `note` is printed below it.

    keys : sort keys of the cells, "" to sort by the text; () if all cells sort by their text.
    marked : rows to highlight. shades : colour strength of the cells, 0 to 6; () for none.
    foot : rows that stay at the bottom in every order.
    header_column : the column that names the row. sorted_by : the column that sorts the rows at first.
    is_live : whether readers can sort the table, search it, and filter it by `filters`.
    anchor : names the table in links to it; "" for none.
    networks, regions : the network and the region that each row is about, "" for none; () if no row has one.
    groups : the groups of networks that each row is about.
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
    networks: Sequence[str] = ()
    regions: Sequence[str] = ()
    groups: Sequence[list[str]] = ()
    anchor: str = ""

    def is_hidden(self, column: int) -> bool:
        """Whether the column is hidden when the page opens."""
        sets = self.columns[column].sets
        return bool(sets) and not any(each.initial in sets for each in self.filters if each.column is None)


def table_of(frame: pl.DataFrame, caption: str, *, most_rows: int = MOST_ROWS, rest: str = "") -> Table:
    """The first `most_rows` rows of `frame`; if there are more, the note gives their number and `rest`.

    Headings and stored codes are in words.
    """
    shown = frame.head(most_rows)
    note = ""
    if frame.height > most_rows:
        note = f"The first {most_rows:,} of {frame.height:,} rows. {rest}".strip()
    rows = [[_cell(row, name) for name in frame.columns] for row in shown.iter_rows(named=True)]
    return Table(
        caption=caption,
        columns=[
            column_of(
                name,
                beside=frame.columns,
                numeric=dtype.is_numeric(),
                descends=dtype.is_numeric() and not is_p(name),
            )
            for name, dtype in frame.schema.items()
        ],
        rows=rows,
        keys=[
            [sort_key(value, text) for value, text in zip(row, texts, strict=True)]
            for row, texts in zip(shown.iter_rows(), rows, strict=True)
        ],
        note=note,
        networks=names_of_rows(shown, "model"),
        regions=names_of_rows(shown, "roi"),
        groups=_groups_of_rows(shown),
    )


def column_of(
    name: str, *, beside: Collection[str] = (), numeric: bool = False, descends: bool = False
) -> Column:
    """The column of a stored name, in words; `beside` are the names of all columns of the table."""
    words = column_words(name, beside)
    return Column(words.heading, numeric, descends=descends, hint=words.hint)


def names_of_rows(frame: pl.DataFrame, column: str) -> list[str]:
    """The name in a column of each row, "" for null; [] without the column."""
    return frame[column].cast(pl.String).fill_null("").to_list() if column in frame.columns else []


def _groups_of_rows(frame: pl.DataFrame) -> list[list[str]]:
    """The groups that each row is about, in words; [] for rows about networks or regions."""
    columns = [name for name in GROUP_COLUMNS if name in frame.columns]
    if not columns or "model" in frame.columns:
        return []
    return [
        [cell_in_words(row, name) for name in columns if row[name] is not None]
        for row in frame.iter_rows(named=True)
    ]


def _cell(row: Mapping[str, object], name: str) -> str:
    permutations = row.get("permutations")
    if name in PLAIN_P and isinstance(value := row[name], float) and isinstance(permutations, int):
        return p_text(value, permutations)
    return cell_in_words(row, name)


def cell_in_words(row: Mapping[str, object], name: str) -> str:
    """The value of a column of a row as text, a stored code in words."""
    value = row[name]
    return value_label_in_row(row, name, value) if isinstance(value, str) else cell(value, name)


def without_repeated_remark(frame: pl.DataFrame, remark: str) -> pl.DataFrame:
    """The frame without its remark column, if every row repeats the caption's remark or has none."""
    if "remark" in frame.columns and set(frame["remark"].cast(pl.String).to_list()) <= {remark, "", None}:
        return frame.drop("remark")
    return frame


def settings_table(settings: Mapping[str, object], caption: str) -> Table:
    """Nested settings as rows of a dotted name and its value."""
    rows = [[name, cell(value, name)] for name, value in flat(settings)]
    return Table(caption, [column_of("setting"), column_of("value")], rows, is_live=False)


def compared_settings(settings: Mapping[str, Mapping[str, object]], caption: str) -> Table:
    """A row per setting and a column per name; rows with different values are highlighted."""
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
        [column_of("setting"), *(Column(name, hint=f"Value under {name}.") for name in columns)],
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
    """A value as text: three decimals, p-values by `p_text`, bytes with a unit, null as a dash."""
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
    """The sort key of a number in six digits, or "" if it equals `text`."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ""
    key = f"{value:.6g}" if isinstance(value, float) else str(value)
    return "" if key == text else key


def whole(value: int) -> str:
    """An integer, with thousands separators from 10,000 on."""
    return f"{value:,}" if abs(value) >= 10_000 else str(value)


def decimal(value: float) -> str:
    """Three decimals; a non-zero value that would round to 0.000 has three significant digits."""
    if not math.isfinite(value):
        return str(value)
    # Adding 0 turns -0.0 into 0.0.
    return f"{value:.3g}" if value != 0 and abs(value) < 0.0005 else f"{value + 0.0:,.3f}"


def p_text(value: float, permutations: int | None = None, tests: int = 1) -> str:
    """A p-value with three decimals, or "< 0.001".

    The plain share of a null, as in the protocol `paper`, can be 0, but no finite number of permutations
    shows that. The text is then the bound "< 1/permutations"; times `tests`, if p was multiplied by their
    number. Without `permutations` it is UNRESOLVED.
    """
    if value == 0:
        return UNRESOLVED if not permutations else f"< {min(1.0, tests / permutations):.3g}"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def p_equals(value: float, permutations: int | None = None, tests: int = 1) -> str:
    """A p-value in a sentence, "p = 0.020" or "p < 0.001"; see `p_text`."""
    text = p_text(value, permutations, tests)
    return f"p {text}" if text[0] in "<≈" else f"p = {text}"


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
