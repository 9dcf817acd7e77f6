"""The regions of THINGS-fMRI, listed in `regions.csv`: columns of the makers' table of voxels.

The makers drew them from a pRF and a category localiser (Hebart et al. 2023). Columns such as lEBA and rEBA
are of one hemisphere; those of the pRF experiment are of both. Groups have the names that BOLD Moments uses,
so that findings can be compared by group. A part is a column.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from importlib import resources

from alignhouse.ingest.betas.regions import SIDES, Hemisphere, Region, choose_regions

VISUAL, HEMISPHERES, ALL_COLUMNS = "visual", "hemispheres", "all"
# Leaves free numbers for the hemispheres of a region.
_ORDER_STEP = 10


def select_columns(selection: str | Sequence[str]) -> list[Region]:
    """The regions that a study selects, in the order of `regions.csv`.

    Parameters
    ----------
    selection : "visual" (20 regions), "hemispheres" (the 8 regions of the category localiser, left and right
        apart), "all" (also IT), one name, or a list of names (EBA, or lEBA for a hemisphere).

    Raises
    ------
    BadInput : a name is unknown or repeated, or there are none.
    """
    merged, sides, visual = _regions()
    named = {
        VISUAL: [region for region in merged if region.name in visual],
        HEMISPHERES: sides,
        ALL_COLUMNS: merged,
    }
    return choose_regions(selection, named, (*merged, *sides))


def side_of_column(column: str) -> Hemisphere:
    """The hemisphere of a column: left for lEBA, both for V1."""
    _, sides, _ = _regions()
    return next((region.hemisphere for region in sides if region.name == column), "both")


@cache
def _regions() -> tuple[tuple[Region, ...], tuple[Region, ...], frozenset[str]]:
    """The regions with both hemispheres, each hemisphere of those that have it, and the visual ones."""
    text = resources.files(__package__).joinpath("regions.csv").read_text(encoding="utf-8")
    merged, sides, visual = [], [], []
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=1):
        name, group, order = row["region"], row["group"], number * _ORDER_STEP
        columns = tuple(row["columns"].split("|"))
        merged.append(Region(name, group, order, columns))
        if row["selection"] == VISUAL:
            visual.append(name)
        for place, (side, letter) in enumerate(SIDES.items(), start=1):
            if (column := f"{letter}{name}") in columns:
                sides.append(Region(column, group, order + place, (column,), side))
    return tuple(merged), tuple(sides), frozenset(visual)
