"""Groups, order and hemispheres of a lab's regions: regions.csv in the folder of the betas, if it exists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast, get_args

from alignhouse.ingest.arrays.tables import read_texts
from alignhouse.ingest.betas.regions import Hemisphere, Region
from alignhouse.warehouse.errors import BadInput, near_names

GROUP = "other"
"""The group of regions that regions.csv gives no group."""
_COLUMNS = ("roi", "group", "order", "hemisphere")


def described_regions(names: Sequence[str], path: Path | None) -> list[Region]:
    """The regions `names` as the file at `path` describes them; without a file, in the order of `names`.

    Regions are in the order of the column `order`, else of the rows; those that the file lacks come last.

    Raises
    ------
    BadInput : the file is damaged, names a region twice or one that there is not, or has a wrong value.
    """
    if path is None or not path.is_file():
        return [Region(name, GROUP, order, (name,)) for order, name in enumerate(names)]
    table = read_texts(path)
    if "roi" not in table or (unknown := [name for name in table if name not in _COLUMNS]):
        found = ", ".join(table) if "roi" not in table else f"column {unknown[0]}"
        raise BadInput(f"{path}", expected="columns roi, group, order, hemisphere", found=found)
    n = len(table["roi"])
    groups, orders, sides = (table.get(name, [""] * n) for name in _COLUMNS[1:])
    rows: list[tuple[float, str, str, Hemisphere]] = []
    for number, (roi, group, order, side) in enumerate(zip(table["roi"], groups, orders, sides, strict=True)):
        where = f"{path}, row {number + 1}"
        if roi not in names:
            raise BadInput(f"{where}: there are no betas of region {roi!r}", hint=near_names(roi, names))
        if roi in [name for _, name, _, _ in rows]:
            raise BadInput(f"{where}: region {roi} for the second time")
        hemisphere = side.lower() or "both"
        if hemisphere not in get_args(Hemisphere):
            raise BadInput(
                f"{where}, hemisphere", expected=" or ".join(get_args(Hemisphere)), found=repr(side)
            )
        rows.append((_order(order, number, where), roi, group or GROUP, cast(Hemisphere, hemisphere)))
    described = [name for _, name, _, _ in rows]
    rows = sorted(rows, key=lambda row: row[0])
    rows += [(0.0, name, GROUP, "both") for name in names if name not in described]
    return [
        Region(name, group, order, (name,), hemisphere)
        for order, (_, name, group, hemisphere) in enumerate(rows)
    ]


def _order(text: str, number: int, where: str) -> float:
    if not text:
        return float(number)
    try:
        return float(text)
    except ValueError as error:
        raise BadInput(f"{where}, order", expected="a number", found=repr(text)) from error
