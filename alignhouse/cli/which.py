"""Chooses the warehouse that a command means."""

from __future__ import annotations

from pathlib import Path

from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.reader import SNAPSHOT

WAREHOUSE_VARIABLE = "ALIGNHOUSE_WAREHOUSE"


def which_warehouse(given: Path | None, *, needs_snapshot: bool = True) -> Path:
    """The warehouse that the user named, or the only one in the working folder.

    Raises
    ------
    BadInput : the user named none, and the folder has none or several.
    """
    if given is not None:
        return given
    pattern = f"*.alignhouse/{SNAPSHOT}" if needs_snapshot else "*.alignhouse/facts"
    found = sorted(path.parent for path in Path().glob(pattern))
    if len(found) != 1:
        raise BadInput(
            "which warehouse is meant?",
            expected="one *.alignhouse folder here",
            found=", ".join(map(str, found)) or "none",
            hint="name it with --warehouse",
        )
    return found[0]
