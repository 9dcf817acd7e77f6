"""Everything that a site shows: its boards, and the address of each page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from alignhouse.analysis.figures.frames import how_many
from alignhouse.analysis.report.anchors import anchors
from alignhouse.analysis.report.network_parts import NetworkPart
from alignhouse.analysis.site.boards import Board, boards_of
from alignhouse.analysis.site.sources import SiteSource
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.schema import sql_files

# Between the parts of a key: in no name that a person chose.
APART = "\x1f"


@dataclass(frozen=True)
class SiteDataSet:
    """A data set of one warehouse. name : what the site calls it. facts : row of the query `datasets`."""

    name: str
    source: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Site:
    """The boards of a site, the first one first. Names are those that the site shows."""

    boards: list[Board]
    datasets: list[SiteDataSet]

    @property
    def title(self) -> str:
        networks = how_many(len(self.networks), "network")
        if len(self.datasets) > 1:
            return f"Alignment of {networks} with brains, {len(self.datasets)} data sets"
        [only] = self.datasets
        return f"{only.name}: alignment of {networks} with {how_many(len(self.regions), 'region')}"

    @property
    def has_several_sources(self) -> bool:
        return len({each.source for each in self.datasets}) > 1

    @cached_property
    def networks(self) -> dict[str, list[tuple[Board, NetworkPart]]]:
        """Network -> the boards that it is on, by name; on each, its part."""
        found: dict[str, list[tuple[Board, NetworkPart]]] = {}
        for board in self.boards:
            for part in board.parts:
                found.setdefault(part.name, []).append((board, part))
        return {name: found[name] for name in sorted(found, key=lambda name: (name.casefold(), name))}

    @cached_property
    def regions(self) -> dict[tuple[str, str], list[Board]]:
        """(data set, region) -> the boards that have scores there."""
        found: dict[tuple[str, str], list[Board]] = {}
        for board in self.boards:
            for roi, _ in board.regions:
                found.setdefault((board.dataset, roi), []).append(board)
        return found

    @cached_property
    def network_names(self) -> dict[str, str]:
        """Network -> its identifier in links."""
        return anchors(self.networks, "")

    def network_page(self, name: str) -> str:
        return f"networks/{self.network_names[name]}.html"

    def region_page(self, dataset: str, roi: str) -> str:
        return f"regions/{self._region_names[f'{dataset}{APART}{roi}']}.html"

    def dataset_page(self, dataset: str) -> str:
        return f"datasets/{self._dataset_names[dataset]}.html"

    def board_page(self, board: Board) -> str:
        """The first board is the page that opens."""
        return "index.html" if board is self.boards[0] else f"leaderboards/{self.board_name(board)}.html"

    def board_name(self, board: Board) -> str:
        """The identifier of a board in links."""
        return self._board_names[_key(board)]

    @cached_property
    def _region_names(self) -> dict[str, str]:
        return anchors((f"{dataset}{APART}{roi}" for dataset, roi in self.regions), "")

    @cached_property
    def _dataset_names(self) -> dict[str, str]:
        return anchors((each.name for each in self.datasets), "")

    @cached_property
    def _board_names(self) -> dict[str, str]:
        return anchors(map(_key, self.boards), "")


def read_site(sources: Sequence[SiteSource]) -> Site:
    """Read everything that a site shows.

    Raises
    ------
    BadInput : no protocol has scores of best layers, or a number is NaN.
    """
    boards = [board for source in sources for board in boards_of(source)]
    if not boards:
        raise BadInput("no scores to show in any warehouse", found="no best layers")
    shown = {board.dataset for board in boards}
    datasets = [
        SiteDataSet(source.datasets[row["dataset"]], source.label, row)
        for source in sources
        for row in source.warehouse.sql(sql_files("site")["datasets"]).pl().to_dicts()
        if source.datasets.get(row["dataset"]) in shown
    ]
    return Site(boards, datasets)


def _key(board: Board) -> str:
    return APART.join((board.dataset, board.split, board.protocol))
