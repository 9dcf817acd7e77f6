"""A section of results in the page of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alignhouse.analysis.report.tables import Table

if TYPE_CHECKING:
    from alignhouse.analysis.report.pictures import Picture


@dataclass(frozen=True)
class ResultsSection:
    """Results of one protocol on one data set and split: of RSA, voxel encoding or variance partitioning.

    Attributes
    ----------
    anchor : of the heading. link : the name in the bar of sections.
    title : of its part of the summary. heading : of the section. short : names it beside what is missing.
    description : of the protocol. sentences, gaps : in the summary.
    methods_heading, methods : of its part of the methods.
    """

    anchor: str
    link: str
    title: str
    heading: str
    short: str
    description: str
    sentences: list[str]
    gaps: list[str]
    pictures: list[Picture]
    tables: list[Table]
    methods_heading: str
    methods: list[str]
