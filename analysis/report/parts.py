"""A foldable part of the page of a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from alignhouse.analysis.report.tables import Table

if TYPE_CHECKING:
    from alignhouse.analysis.report.pictures import Picture

Chart = Literal["", "strip", "depth"]
# Gives the figures of a protocol or an encoding that belong to a part.
Pictures = Callable[[str, str], Sequence["Picture"]]


@dataclass(frozen=True)
class PagePart:
    """A part of the page: sentences, figures and tables under a heading.

    Attributes
    ----------
    anchor : of the part. link : its name in the bar of parts; "" for a part inside another one.
    is_open : whether it is unfolded when the page opens.
    chart : the interactive chart that is shown instead of the first figure where scripts run; "" for none.
    parts : parts inside this one, below its tables.
    gaps : what its results lack. methods_heading, methods : its paragraph of the methods.
    """

    anchor: str
    heading: str
    link: str = ""
    is_open: bool = True
    description: str = ""
    sentences: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    parts: Sequence[PagePart] = ()
    chart: Chart = ""
    gaps: Sequence[str] = ()
    methods_heading: str = ""
    methods: Sequence[str] = ()

    def is_empty(self) -> bool:
        """Whether there is nothing to show under the heading."""
        return not (self.sentences or self.pictures or self.tables or self.parts)
