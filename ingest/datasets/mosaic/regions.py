"""The regions of MOSAIC: the 180 cortical areas of the parcellation MMP 1.0, listed in `regions.csv`.

Areas and the 22 sections of the cortex are those of Glasser et al. (2016, Nature 536, supplementary table 1),
as the package mosaic-dataset lists them. The visual sections have the names of groups that BOLD Moments
uses, so that findings can be compared by group: sections 1 and 2 are early, 3 dorsal, 4 ventral-occipital and
5, the MT+ complex and its neighbours, lateral. The other sections are in group other.

`L_V1` and `R_V1` are the parts of V1, as the parcellation calls them.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from importlib import resources

from alignhouse.ingest.betas.regions import Hemisphere, Region, choose_regions

VISUAL, HEMISPHERES, ALL_AREAS = "visual", "hemispheres", "all"
_OTHER = "other"
_SIDES: dict[str, Hemisphere] = {"L": "left", "R": "right"}
# Leaves free numbers for the hemispheres of an area.
_ORDER_STEP = 10


def select_areas(selection: str | Sequence[str]) -> list[Region]:
    """The regions that a study selects, in the order of `regions.csv`.

    Parameters
    ----------
    selection : "visual" (the 26 areas of the visual sections), "hemispheres" (the same, left and right
        apart), "all" (180 areas), one name, or a list of names. Names are of areas (V1) or hemispheres (lV1).

    Raises
    ------
    BadInput : a name is unknown or repeated, or there are none.
    """
    merged, sides = _areas()
    named = {
        ALL_AREAS: merged,
        VISUAL: [region for region in merged if region.group != _OTHER],
        HEMISPHERES: [region for region in sides if region.group != _OTHER],
    }
    return choose_regions(selection, named, (*merged, *sides))


def side_of(part: str) -> Hemisphere:
    """The hemisphere of a part: that of `L_V1` is left."""
    return _SIDES[part[0]]


@cache
def _areas() -> tuple[tuple[Region, ...], tuple[Region, ...]]:
    """The areas with both hemispheres, and each hemisphere of them."""
    text = resources.files(__package__).joinpath("regions.csv").read_text(encoding="utf-8")
    merged, sides = [], []
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=1):
        name, group, order = row["region"], row["group"], number * _ORDER_STEP
        merged.append(Region(name, group, order, (f"L_{name}", f"R_{name}")))
        for place, (letter, side) in enumerate(_SIDES.items(), start=1):
            region = Region(f"{letter.lower()}{name}", group, order + place, (f"{letter}_{name}",), side)
            sides.append(region)
    return tuple(merged), tuple(sides)
