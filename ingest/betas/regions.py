"""What a region of interest is, in any data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Hemisphere = Literal["left", "right", "both"]


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
