"""Headings and hints of the columns that a report shows, in words."""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

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
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    if reader.fieldnames != HEADER:
        raise BadInput(f"header of {path.name}", expected=",".join(HEADER), found=reader.fieldnames)
    entries: dict[str, dict[str, ColumnWords]] = {}
    for line, row in enumerate(rows, start=2):
        # A row with too few or too many fields has None as a value or a key.
        is_whole = None not in row and None not in row.values()
        if not is_whole or not (row["column"] and row["heading"] and row["hint"].endswith(".")):
            expected = "a column, its heading, and a sentence as its hint"
            raise BadInput(f"line {line} of {path.name}", expected=expected, found=row)
        of_column = entries.setdefault(row["column"], {})
        if row["beside"] in of_column:
            raise BadInput(f"line {line} of {path.name}", expected="a new column", found=row)
        of_column[row["beside"]] = ColumnWords(row["heading"], row["hint"])
    return entries
