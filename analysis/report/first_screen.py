"""The first screen of a report: the data in one line, three sentences, the leaderboard and one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.report.bars import Bar, Ceiling, PixelScale, bar, bar_scale
from alignhouse.analysis.report.content import ReportContent, Results
from alignhouse.analysis.report.tables import MISSING, decimal
from alignhouse.analysis.report.words import sentences

if TYPE_CHECKING:
    from alignhouse.analysis.report.pictures import Picture

MOST = 10


@dataclass(frozen=True)
class Leader:
    """A network of the leaderboard.

    scores : a bar and its number for each shown region; None without a score.
    place, mean : by the mean rank; a dash if the network lacks a score in some region.
    look : class that gives the colour of its group. group : name of that.
    """

    place: str
    name: str
    anchor: str
    look: str
    group: str
    mean: str
    scores: Sequence[tuple[Bar, str] | None]


@dataclass(frozen=True)
class FirstScreen:
    """The first screen. data : the data in one line. regions : those of the bars, as in the chart data.

    most : networks of the leaderboard until all are asked for.
    """

    data: str
    sentences: Sequence[str] = ()
    regions: Sequence[Mapping[str, Any]] = ()
    n_regions: int = 0
    leaders: Sequence[Leader] = ()
    note: str = ""
    pictures: Sequence[Picture] = ()
    most: int = 0


def first_screen(
    content: ReportContent, first: Results | None, charts: Mapping[str, Any], pictures: Sequence[Picture]
) -> FirstScreen:
    """The first screen about the results of the first protocol.

    Parameters
    ----------
    charts : what `chart_data` gives; {} without scores. pictures : the first of them is on the first screen.
    """
    if first is None or not charts:
        return FirstScreen("There are no scores.")
    said = sentences(first)
    regions = [charts["regions"][place] for place in charts["shown"]]
    return FirstScreen(
        data=_data(content, first, said["data"]),
        sentences=said["answer"],
        regions=regions,
        n_regions=len(charts["regions"]),
        leaders=_leaders(first, charts, regions),
        note=_note(first, regions),
        pictures=pictures[:1],
        most=MOST,
    )


def _data(content: ReportContent, first: Results, size: Sequence[str]) -> str:
    """ "99 networks, 17 regions, 10 subjects, 102 videos; bmd, test; sound protocol, scores are rho." """
    counts = [each.removesuffix(".") for each in size] + ([content.stimuli] if content.stimuli else [])
    return f"{', '.join(counts)}; {first.source}; {first.protocol} protocol, scores are {first.score}."


def _leaders(first: Results, charts: Mapping[str, Any], regions: Sequence[Mapping[str, Any]]) -> list[Leader]:
    """The networks by their mean rank over all regions; after them those that lack a score somewhere."""
    if first.leaderboard.is_empty():
        return []
    n_regions = first.leaderboard["n_regions"].max()
    ranked = (
        first.leaderboard.with_columns(
            pl.col("model").cast(pl.String), whole=pl.col("n_regions") == n_regions
        )
        .unique("model", keep="first", maintain_order=True)
        .with_columns(
            place=pl.when("whole").then("mean_place").rank("min").over("whole"),
        )
        .sort("whole", "mean_place", "model", descending=[True, False, False])
    )
    networks = {each["name"]: each for each in charts["networks"]}
    ceilings = [_ceiling(region) for region in regions]
    scales = [_scale(charts, place, region) for place, region in zip(charts["shown"], regions, strict=True)]
    leaders = []
    for row in ranked.iter_rows(named=True):
        network = networks[row["model"]]
        scores = [
            _score(network["best"][place], ceiling, scale, first.score)
            for place, ceiling, scale in zip(charts["shown"], ceilings, scales, strict=True)
        ]
        group = network["groups"][0] if network["groups"] else None
        leaders.append(
            Leader(
                place=str(row["place"]) if row["whole"] else MISSING,
                name=row["model"],
                anchor=network["anchor"],
                look="" if group is None else f"g-0-{group}",
                group="" if group is None else charts["groupings"][0]["groups"][group]["name"],
                mean=f"{row['mean_place']:.1f}" if row["whole"] else MISSING,
                scores=scores,
            )
        )
    return leaders


def _score(
    best: Sequence[Any] | None, ceiling: Ceiling | None, scale: PixelScale, name: str
) -> tuple[Bar, str] | None:
    if best is None:
        return None
    rho, lower, upper, *_ = best
    interval = None if lower is None or upper is None else (lower, upper)
    return bar(rho, interval, ceiling, scale, score=name), decimal(rho)


def _ceiling(region: Mapping[str, Any]) -> Ceiling | None:
    if region["lower"] is None:
        return None
    return Ceiling(region["lower"], region["upper"], region["reliable"])


def _scale(charts: Mapping[str, Any], place: int, region: Mapping[str, Any]) -> PixelScale:
    """From the lowest to the highest value of a region, over networks, intervals and ceiling."""
    found = [each["best"][place] for each in charts["networks"]]
    values = [value for best in found if best is not None for value in best[:3]]
    bounds = [region["lower"], region["upper"]] if region["reliable"] is not False else []
    return bar_scale([*values, *bounds])


def _note(first: Results, regions: Sequence[Mapping[str, Any]]) -> str:
    """What the marks of the bars are, as far as they are drawn."""
    marks = ["dot: the score"]
    if first.best_layer.get_column("rho_lower", default=pl.Series([None])).is_not_null().any():
        marks.append("bar: its interval over other stimuli or subjects")
    if any(region["lower"] is not None for region in regions):
        marks.append("line: the lower noise ceiling (dashed if not reliably above chance)")
    return f"{'; '.join(marks)}."[0].upper() + f"{'; '.join(marks)}."[1:]
