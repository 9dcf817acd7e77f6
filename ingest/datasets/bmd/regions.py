"""The regions of interest of the BOLD Moments data set, listed in `regions.csv`.

A merged region (V1) has several parts (lV1v, rV1v, lV1d, rV1d), each in its own file. Version A of the data
set does not separate hemispheres: its V1 has the parts V1v and V1d.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from alignhouse.ingest.betas.regions import Hemisphere, Region
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse, near_names

VERSIONS = ("A", "B")
LATEST_VERSION = "B"
SELECTIONS = ("study", "hemispheres", "parts", "all")

_OUTSIDE = "other"  # the group of regions that the selection "study" omits
_COLUMNS = ["region", "group", "order", "areas", "hemispheres", "version_a"]
_HEMISPHERES: dict[str, Hemisphere] = {"l": "left", "r": "right"}
_ORDER_STEP = 10  # leaves free numbers for the hemispheres and parts of each merged region


@dataclass(frozen=True)
class _Row:
    region: str
    group: str
    order: int
    areas: tuple[str, ...]
    hemispheres: bool
    version_a: bool


def resolve(selection: str | Sequence[str], version: str = "B") -> list[Region]:
    """The regions that a study selects, in the order of the visual stream.

    Parameters
    ----------
    selection : "study" (the merged regions of the four groups: 17 in version B; 16 in A, which lacks MT),
        "hemispheres" (the same, left and right separately), "parts" (the same, file by file), "all" (merged
        regions, including group "other" and the whole brain), one name, or a list of names. Names are of
        merged regions, hemispheres or parts.
    version : "A" or "B".

    Raises
    ------
    BadInput : a name is unknown (similar names are listed) or repeated, the list is empty, or hemispheres are
        selected in version A.
    """
    rows = _rows_of(version)
    study = [row for row in rows if row.group != _OUTSIDE]
    if selection == "study":
        return [_merged(row, version) for row in study]
    if selection == "all":
        return [_merged(row, version) for row in rows]
    if selection == "parts":
        return [part for row in study for part in _parts(row, version)]
    if selection == "hemispheres":
        if version == "A":
            raise BadInput(
                "version A has no hemispheres", expected="version B, or other regions", found=selection
            )
        return [side for row in study for side in _sides(row)]
    return _named([selection] if isinstance(selection, str) else list(selection), rows, version)


def hemisphere_of(part: str) -> Hemisphere:
    """The hemisphere of a part (lV1v, V1v, WB): "left", "right" or "both"."""
    for version in VERSIONS:
        for row in _rows_of(version):
            for region in _parts(row, version):
                if region.name == part:
                    return region.hemisphere
    known = (region.name for row in _rows_of("B") for region in _parts(row, "B"))
    raise BadInput(f"unknown part of a region: {part}", hint=near_names(part, known))


def _named(names: list[str], rows: Iterable[_Row], version: str) -> list[Region]:
    known: dict[str, Region] = {}
    for row in rows:
        for region in [
            _merged(row, version),
            *(_sides(row) if version == "B" else []),
            *_parts(row, version),
        ]:
            known.setdefault(region.name, region)
    if not names:
        raise BadInput(
            "no regions are selected", expected="a list of names, or one of " + ", ".join(SELECTIONS)
        )
    for name in names:
        if name not in known:
            raise BadInput(
                f"unknown region {name!r} in version {version}",
                hint=near_names(str(name), [*SELECTIONS, *known]),
            )
        if names.count(name) > 1:
            raise BadInput(f"region {name} is listed twice", expected="each region once")
    return sorted((known[name] for name in names), key=lambda region: region.order)


def _merged(row: _Row, version: str) -> Region:
    parts = tuple(part.name for part in _parts(row, version))
    return Region(row.region, row.group, row.order, parts)


def _sides(row: _Row) -> list[Region]:
    """The left and right half of a merged region; [] if the data set does not separate them."""
    if not row.hemispheres:
        return []
    return [
        Region(
            letter + row.region, row.group, row.order + i, tuple(letter + area for area in row.areas), side
        )
        for i, (letter, side) in enumerate(_HEMISPHERES.items(), start=1)
    ]


def _parts(row: _Row, version: str) -> list[Region]:
    """Each file of a region as its own region, sorted by area, then left before right."""
    if version == "B" and row.hemispheres:
        if len(row.areas) == 1:
            return _sides(row)
        named = [(letter + area, side) for area in row.areas for letter, side in _HEMISPHERES.items()]
    else:
        named = [(area, "both") for area in row.areas]
    if [name for name, _ in named] == [row.region]:
        return [Region(row.region, row.group, row.order, (row.region,))]
    first = row.order + len(_HEMISPHERES) + 1
    return [Region(name, row.group, first + i, (name,), side) for i, (name, side) in enumerate(named)]


def _rows_of(version: str) -> list[_Row]:
    if version not in VERSIONS:
        raise BadInput("unknown version of the data set", expected="A or B", found=version)
    return [row for row in _catalogue() if version == "B" or row.version_a]


@cache
def _catalogue() -> tuple[_Row, ...]:
    text = resources.files(__package__).joinpath("regions.csv").read_text(encoding="utf-8")
    reader = csv.DictReader(text.splitlines())
    if reader.fieldnames != _COLUMNS:
        raise BrokenWarehouse(
            "regions.csv is damaged", expected=f"columns {_COLUMNS}", found=reader.fieldnames
        )
    rows = tuple(_row(record) for record in reader)
    orders = [row.order for row in rows]
    if orders != [_ORDER_STEP * (i + 1) for i in range(len(rows))]:
        raise BrokenWarehouse(
            "regions.csv is damaged", expected=f"orders in steps of {_ORDER_STEP}", found=orders
        )
    return rows


def _row(record: dict[str, str]) -> _Row:
    flags = {"yes": True, "no": False}
    if not record["group"] or not {record["hemispheres"], record["version_a"]} <= set(flags):
        raise BrokenWarehouse("regions.csv is damaged", expected="a group, then yes or no", found=record)
    return _Row(
        record["region"],
        record["group"],
        int(record["order"]),
        tuple(record["areas"].split()),
        flags[record["hemispheres"]],
        flags[record["version_a"]],
    )
