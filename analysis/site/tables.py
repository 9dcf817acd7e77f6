"""The tables of the pages as plain values; templates only place them."""

from __future__ import annotations

from dataclasses import dataclass

from alignhouse.analysis.report.bars import Bar
from alignhouse.analysis.report.network_parts import NetworkPart, RegionRow
from alignhouse.analysis.report.tables import MISSING, cell, decimal, p_text
from alignhouse.analysis.site.boards import Board
from alignhouse.analysis.site.content import Site


@dataclass(frozen=True)
class Ranked:
    """A network in the ranking of a region: `place` is its rank there."""

    place: str
    name: str
    page: str
    kind: str
    architecture: str
    row: RegionRow


@dataclass(frozen=True)
class RegionFacts:
    """A region of a data set: its noise ceiling with its test, and its best network."""

    roi: str
    page: str
    group: str
    lower: str
    upper: str
    interval: str
    p: str
    verdict: str
    subjects: str
    stimuli: str
    best: str
    best_page: str
    bar: Bar | None
    rho: str


@dataclass(frozen=True)
class Standing:
    """A network in the leaderboard of all regions: its mean rank, and a bar for each region."""

    name: str
    page: str
    kind: str
    architecture: str
    weights: str
    place: str
    rows: list[RegionRow]


def standings(site: Site, board: Board, most: int) -> list[Standing]:
    """The first rows of a leaderboard."""
    return [
        Standing(
            name=part.name,
            page=site.network_page(part.name),
            kind=part.kind,
            architecture=board.fact(part.name, "arch_type"),
            weights=board.fact(part.name, "weights"),
            place=part.place,
            rows=part.rows,
        )
        for part in board.parts[:most]
    ]


def region_ranking(site: Site, board: Board, roi: str) -> list[Ranked]:
    """The networks that have a score in a region, the best first."""
    index = [name for name, _ in board.regions].index(roi)
    scored = [(_place(board, part, roi), part) for part in board.parts if (part.name, roi) in board.best]
    return [
        Ranked(
            place=MISSING if place is None else f"{place:g}",
            name=part.name,
            page=site.network_page(part.name),
            kind=part.kind,
            architecture=board.fact(part.name, "arch_type"),
            row=part.rows[index],
        )
        for place, part in sorted(scored, key=lambda each: (each[0] is None, each[0], each[1].name))
    ]


def region_facts(site: Site, board: Board) -> list[RegionFacts]:
    """The regions of a board, in anatomical order."""
    return [_region_facts(site, board, roi, group) for roi, group in board.regions]


def network_list(site: Site) -> list[dict[str, str]]:
    """Every network of the site with its facts in words, by name."""
    rows = []
    for name, places in site.networks.items():
        board = places[0][0]
        rows.append(
            {
                "name": name,
                "page": site.network_page(name),
                "type": board.fact(name, "model_type"),
                "architecture": board.fact(name, "arch_type"),
                "family": board.fact(name, "family"),
                "training": board.fact(name, "training_dataset"),
                "weights": board.fact(name, "weights"),
                "boards": str(len(places)),
            }
        )
    return rows


def _region_facts(site: Site, board: Board, roi: str, group: str) -> RegionFacts:
    ceiling = board.ceilings.get(roi, {})
    first = region_ranking(site, board, roi)[0]
    bounds = [ceiling.get(name) for name in ("interval_lower", "interval_upper")]
    p, is_reliable = ceiling.get("p_value"), ceiling.get("is_reliable")
    return RegionFacts(
        roi=roi,
        page=site.region_page(board.dataset, roi),
        group=group,
        lower=cell(ceiling.get("lower")),
        upper=cell(ceiling.get("upper")),
        interval=MISSING
        if None in bounds
        else " to ".join(decimal(each) for each in bounds if each is not None),
        p=MISSING if p is None else p_text(p),
        verdict="not tested"
        if is_reliable is None
        else "above chance"
        if is_reliable
        else "not above chance",
        subjects=cell(ceiling.get("n_subjects")),
        stimuli=cell(ceiling.get("n_stimuli")),
        best=first.name,
        best_page=first.page,
        bar=first.row.bar,
        rho=first.row.rho,
    )


def _place(board: Board, part: NetworkPart, roi: str) -> float | None:
    row = board.places.get((part.name, roi))
    return None if row is None else row["place"]
