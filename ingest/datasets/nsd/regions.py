"""The regions of NSD, listed in `regions.csv`, and the labels of its atlases, in `labels.csv`.

Atlases and labels are those of the NSD Data Manual, page "ROIs": manually drawn regions of the pRF and fLoc
experiments (prf-visualrois, floc-*), anatomical streams, the atlas of Wang et al. 2015 (Kastner2015), and
nsdgeneral. Groups have the names that BOLD Moments uses, so that findings can be compared by group.

A part is a label of an atlas, `prf-visualrois.V1v`, in both hemispheres; `lh.prf-visualrois.V1v` is in one.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from alignhouse.ingest.betas.regions import SIDES, Hemisphere, Region, choose_regions
from alignhouse.warehouse.errors import BadInput, near_names

VISUAL, HEMISPHERES, ALL_REGIONS = "visual", "hemispheres", "all"
SELECTIONS = (VISUAL, HEMISPHERES, "streams", "Kastner2015", ALL_REGIONS)
_PREFIXES: dict[Hemisphere, str] = {"left": "lh.", "right": "rh."}
# Leaves free numbers for the hemispheres of a region.
_ORDER_STEP = 10
_MOST_LABEL_BYTES = 2**20


def select_regions(selection: str | Sequence[str]) -> list[Region]:
    """The regions that a study selects, in the order of `regions.csv`.

    Parameters
    ----------
    selection : "visual" (13 regions of prf-visualrois and floc-*), "hemispheres" (the same, left and right
        apart), "streams", "Kastner2015", "all", one name, or a list of names (V1, or lV1 for a hemisphere).

    Raises
    ------
    BadInput : a name is unknown or repeated, or there are none.
    """
    merged, sides, of_selection = _regions()
    named = {name: [region for region in merged if of_selection[region.name] == name] for name in SELECTIONS}
    visual = [region.name for region in named[VISUAL]]
    named[HEMISPHERES] = [region for region in sides if region.name[1:] in visual]
    named[ALL_REGIONS] = list(merged)
    return choose_regions(selection, named, (*merged, *sides))


def side_of_part(part: str) -> Hemisphere:
    """The hemisphere of a part."""
    return next((side for side, prefix in _PREFIXES.items() if part.startswith(prefix)), "both")


def volume_of(part: str) -> str:
    """The name of the volume that has a part: lh.prf-visualrois of lh.prf-visualrois.V1v."""
    return part.rpartition(".")[0]


def label_file_of(part: str) -> str:
    """The name of the file with the labels of a part's atlas: prf-visualrois.mgz.ctab."""
    atlas = volume_of(part)
    for prefix in _PREFIXES.values():
        atlas = atlas.removeprefix(prefix)
    return f"{atlas}.mgz.ctab"


def label_of(part: str, path: Path | None) -> int:
    """The number that the voxels of a part have.

    Parameters
    ----------
    path : of the file with the labels of the atlas; None for the published labels.

    Raises
    ------
    BadInput : the file is damaged, or has no such label.
    """
    name = part.rpartition(".")[2]
    known = _published(label_file_of(part)) if path is None else _labels_in(path)
    if name not in known:
        raise BadInput(f"no label {name} in {path or label_file_of(part)}", hint=near_names(name, known))
    return known[name]


def _labels_in(path: Path) -> dict[str, int]:
    """Name -> number, from lines such as "1 V1v"."""
    found: dict[str, int] = {}
    with path.open("rb") as file:
        lines = file.read(_MOST_LABEL_BYTES).decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not (words := line.split()):
            continue
        if len(words) < 2 or not words[0].lstrip("-").isdecimal():
            raise BadInput(f"{path}, line {number}", expected="a number and a name", found=repr(line[:60]))
        found[words[1]] = int(words[0])
    return found


@cache
def _published(label_file: str) -> dict[str, int]:
    rows = _rows("labels.csv")
    return {row["name"]: int(row["index"]) for row in rows if f"{row['atlas']}.mgz.ctab" == label_file}


@cache
def _regions() -> tuple[tuple[Region, ...], tuple[Region, ...], dict[str, str]]:
    """The regions with both hemispheres, each hemisphere of them, and region -> its selection."""
    merged, sides, of_selection = [], [], {}
    for number, row in enumerate(_rows("regions.csv"), start=1):
        name, group, order = row["region"], row["group"], number * _ORDER_STEP
        parts = [f"{row['atlas']}.{label}" for label in row["labels"].split()]
        merged.append(Region(name, group, order, tuple(parts)))
        of_selection[name] = row["selection"]
        for place, (side, letter) in enumerate(SIDES.items(), start=1):
            of_side = tuple(f"{_PREFIXES[side]}{part}" for part in parts)
            sides.append(Region(f"{letter}{name}", group, order + place, of_side, side))
    return tuple(merged), tuple(sides), of_selection


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
