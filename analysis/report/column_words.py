"""Headings and hints of the columns that a report shows, in words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alignhouse.analysis.figures.word_files import read_words
from alignhouse.warehouse.errors import BadInput

WORDS = Path(__file__).with_name("column_words.csv")
HEADER = ["column", "beside", "heading", "hint"]


@dataclass(frozen=True)
class ColumnWords:
    """heading : of the column, with its unit. hint : one sentence on what the column holds."""

    heading: str
    hint: str


def column_words(column: str, beside: Collection[str] = ()) -> ColumnWords:
    """The words of a column; an unknown column is its name with spaces, without a hint.

    `beside` holds all columns of the table. A name such as "lower" means the noise ceiling in one table and
    an interval in another; the file names a column that only one of them has.
    """
    entries = _entries().get(column, {})
    for neighbour, words in entries.items():
        if neighbour and neighbour in beside:
            return words
    return entries.get("", ColumnWords(column.replace("_", " "), ""))


def heading_of(column: str) -> str:
    """The heading of a column in a table where its name has the usual meaning."""
    return column_words(column).heading


@cache
def _entries(path: Path = WORDS) -> dict[str, dict[str, ColumnWords]]:
    return read_column_words(path)


def read_column_words(path: Path) -> dict[str, dict[str, ColumnWords]]:
    """Column -> column beside it, or "" for any table -> words, from a CSV file with HEADER.

    Raises
    ------
    BadInput : another header, an empty field, an entry given twice, or a hint that is not a sentence.
    """
    entries: dict[str, dict[str, ColumnWords]] = {}
    for (column, beside), row in read_words(path, HEADER, ["column", "beside"], optional=["beside"]).items():
        if not row["hint"].endswith("."):
            raise BadInput(f"{path.name}, {column}", expected="a sentence as its hint", found=row["hint"])
        entries.setdefault(column, {})[beside] = ColumnWords(row["heading"], row["hint"])
    return entries
