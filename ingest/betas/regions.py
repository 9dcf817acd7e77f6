"""What a region of interest is, in any data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from alignhouse.warehouse.errors import BadInput, near_names

Hemisphere = Literal["left", "right", "both"]
SIDES: dict[Hemisphere, str] = {"left": "l", "right": "r"}
"""Hemisphere -> the letter before the name of a region that is in this hemisphere alone (lV1)."""


@dataclass(frozen=True)
class Region:
    """A region of interest.

    group : the data set's name for regions that are shown together ("early").
    order : place in tables and figures, unique in a data set. Groups are sorted by their lowest order.
    parts : betas are stored by part; voxels are concatenated in this order. () for ready RDMs.
    """

    name: str
    group: str
    order: int
    parts: tuple[str, ...]
    hemisphere: Hemisphere = "both"


def choose_regions(
    selection: str | Sequence[str],
    named: Mapping[str, Iterable[Region]],
    known: Iterable[Region],
) -> list[Region]:
    """The regions that a study selects, in their order.

    Parameters
    ----------
    selection : a named selection, the name of a region, or a list of names of regions.
    named : name of a selection -> its regions. known : every region.

    Raises
    ------
    BadInput : a name is unknown or repeated, or there are none.
    """
    if isinstance(selection, str) and selection in named:
        return list(named[selection])
    names = [selection] if isinstance(selection, str) else list(selection)
    regions = {region.name: region for region in known}
    for name in names:
        if name not in regions:
            raise BadInput(f"unknown region {name!r}", hint=near_names(str(name), regions))
    if len(set(names)) < len(names) or not names:
        raise BadInput(
            "selected regions", expected="each once, at least one", found=", ".join(names) or "none"
        )
    return sorted((regions[name] for name in names), key=lambda region: region.order)
