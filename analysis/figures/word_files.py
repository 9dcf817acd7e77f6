"""Read CSV files of words: labels, headings, hints."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from pathlib import Path

from alignhouse.warehouse.errors import BadInput


def read_words(
    path: Path, header: Sequence[str], key: Sequence[str], *, optional: Collection[str] = ()
) -> dict[tuple[str, ...], dict[str, str]]:
    """The values of the columns `key` -> their row, from a CSV file with this header, in its order.

    Parameters
    ----------
    optional : columns that may be empty.

    Raises
    ------
    BadInput : another header, a row of another length, an empty field, or a key given twice; it names the
        line.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        found = next(reader, [])
        if found != list(header):
            raise BadInput(f"header of {path.name}", expected=",".join(header), found=",".join(found))
        rows: dict[tuple[str, ...], dict[str, str]] = {}
        for fields in reader:
            row = dict(zip(header, fields, strict=False))
            name = tuple(row.get(column, "") for column in key)
            is_whole = len(fields) == len(header) and all(
                value or column in optional for column, value in row.items()
            )
            if not is_whole or name in rows:
                raise BadInput(
                    f"line {reader.line_num} of {path.name}",
                    expected=f"{', '.join(header)}, with a new {' and '.join(key)}",
                    found=",".join(fields),
                )
            rows[name] = row
    return rows
