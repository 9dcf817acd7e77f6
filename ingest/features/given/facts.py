"""Facts of networks that another program computed, from a table of the user's."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

from alignhouse.warehouse.errors import BadInput, near_names

_NETWORK = "network"
# Columns of the table `model` that a user can state, and how their text is read.
COLUMNS: Mapping[str, Callable[[str], object]] = {
    "model_type": str,
    "arch_type": str,
    "family": str,
    "training_dataset": str,
    "objective": str,
    "parameters": int,
    "gflops": float,
    "top1": float,
    "resolution": int,
    "licence": str,
}
MOST_BYTES = 2**24


def read_model_facts(path: Path) -> dict[str, dict[str, object]]:
    """Network -> column of `model` -> its value, from a CSV with a column `network` and any of `COLUMNS`.

    An empty cell is a fact that is not stated.

    Raises
    ------
    BadInput : the file is missing or no such table; a network is listed twice; a number is none. The error
        names the row.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{path}", expected=f"at most {MOST_BYTES:,} bytes", found="more")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = list(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read", expected="a table with the column network") from error
    if _NETWORK not in columns:
        raise BadInput(f"{path}", expected="a column network", found=", ".join(columns) or "no columns")
    for column in columns:
        if column not in (_NETWORK, *COLUMNS):
            raise BadInput(f"{path} has a column {column!r}", hint=near_names(column, COLUMNS))
    facts: dict[str, dict[str, object]] = {}
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise BadInput(f"{path}, line {number}", expected=f"{len(columns)} cells", found="others")
        network = row.pop(_NETWORK).strip()
        if not network or network in facts:
            raise BadInput(
                f"{path}, line {number}", expected="each network once", found=network or "no network"
            )
        facts[network] = {
            column: _read(text.strip(), column, path, number) for column, text in row.items() if text.strip()
        }
    return facts


def _read(text: str, column: str, path: Path, number: int) -> object:
    try:
        value = COLUMNS[column](text)
    except ValueError as error:
        raise BadInput(f"{column} in {path}, line {number}", expected="a number", found=text) from error
    if isinstance(value, (int, float)) and not 0 < value < float("inf"):
        raise BadInput(f"{column} in {path}, line {number}", expected="a number above 0", found=text)
    return value
