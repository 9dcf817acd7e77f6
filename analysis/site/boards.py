"""The results that a site shows, read from its warehouses: one board per protocol, data set and split."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from alignhouse.analysis.figures.frames import joined_remarks, ordered_regions, without_random
from alignhouse.analysis.figures.score_names import protocol_measure, score_name
from alignhouse.analysis.report.content import has_both_weights
from alignhouse.analysis.report.network_parts import NetworkPart, network_parts
from alignhouse.analysis.report.tables import MISSING, cell_in_words
from alignhouse.analysis.site.sources import SiteSource
from alignhouse.warehouse.schema import sql_files

FRAMES = ("best_layer", "layer_score", "noise_ceiling", "networks", "leaderboard")


@dataclass(frozen=True)
class Board:
    """Results of one protocol on one data set and split of one warehouse. Its frames hold no others.

    source : label of the warehouse. dataset : what the site calls the data set. score : name of the scores.
    description : of the protocol. stimuli : numbers of videos and images.
    frames : answers to the queries FRAMES of `sql/report`.
    """

    source: str
    dataset: str
    split: str
    protocol: str
    score: str
    description: str
    stimuli: Mapping[str, int]
    frames: Mapping[str, pl.DataFrame]

    @property
    def name(self) -> str:
        """What tells it from the other boards of the site."""
        return f"{self.dataset}, {self.split}, {self.protocol} protocol"

    @cached_property
    def parts(self) -> list[NetworkPart]:
        """Its networks, the best first."""
        return network_parts(**self.frames, protocol=self.protocol, score=self.score)

    @cached_property
    def regions(self) -> list[tuple[str, str]]:
        """Its regions with their groups, in anatomical order."""
        ordered = ordered_regions(self.frames["best_layer"])
        return list(ordered.select("roi", pl.col("roi_group").cast(pl.String)).iter_rows())

    @cached_property
    def facts(self) -> dict[str, dict[str, Any]]:
        """Network -> its row of networks."""
        return {str(row["model"]): row for row in self.frames["networks"].iter_rows(named=True)}

    def fact(self, network: str, column: str) -> str:
        """What a column of networks says of a network, in words; a dash if it is unknown."""
        row = self.facts.get(network, {})
        return cell_in_words(row, column) if column in row else MISSING

    @cached_property
    def best(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(network, region) -> its row of best_layer."""
        rows = self.frames["best_layer"].iter_rows(named=True)
        return {(str(row["model"]), str(row["roi"])): row for row in rows}

    @cached_property
    def places(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(network, region) -> its row of leaderboard."""
        rows = self.frames["leaderboard"].iter_rows(named=True)
        return {(str(row["model"]), str(row["roi"])): row for row in rows}

    @cached_property
    def ceilings(self) -> dict[str, dict[str, Any]]:
        """Region -> its row of noise_ceiling."""
        return {str(row["roi"]): row for row in self.frames["noise_ceiling"].iter_rows(named=True)}

    @cached_property
    def remark(self) -> str:
        """Why its numbers are not findings; random weights only if all networks have them."""
        best = self.frames["best_layer"]
        found = [
            best["remark"],
            *(frame["remark"] for frame in (self.frames["noise_ceiling"],) if len(frame)),
        ]
        remarks = [each for column in found for each in column.cast(pl.String).unique().sort().to_list()]
        return joined_remarks(map(without_random, remarks) if has_both_weights(best) else remarks)

    @cached_property
    def remarks(self) -> dict[str, str]:
        """Network -> why its numbers are not findings."""
        texts: dict[str, list[str]] = {}
        for (model, _), row in self.best.items():
            texts.setdefault(model, []).append(str(row["remark"] or ""))
        return {model: joined_remarks(each) for model, each in texts.items()}


def boards_of(source: SiteSource) -> Iterator[Board]:
    """The boards of a warehouse that have scores: data sets and splits by name, the protocol `sound` first.

    Raises
    ------
    BadInput : a number is NaN.
    """
    queries, warehouse = sql_files("report"), source.warehouse
    settings = {name: json.loads(text) for name, text in warehouse.sql(queries["protocols"]).fetchall()}
    for dataset, split, _ in warehouse.sql(queries["scopes"]).fetchall():
        scope = {"dataset": dataset, "split": split}
        frames = {name: warehouse.sql(queries[name], scope).pl() for name in FRAMES}
        shown = warehouse.sql(queries["stimuli"], scope).pl().to_dicts()
        used = set(frames["best_layer"]["protocol"].cast(pl.String).unique())
        for protocol in (name for name in settings if name in used):
            yield Board(
                source=source.label,
                dataset=source.datasets[dataset],
                split=split,
                protocol=protocol,
                score=score_name(protocol_measure(settings[protocol])),
                description=str(settings[protocol].get("description", "")),
                stimuli=shown[0] if shown else {},
                frames={name: _of_protocol(frame, protocol) for name, frame in frames.items()},
            )


def shared_remark(remarks: Sequence[tuple[str, str]]) -> str:
    """The remark of a page with several data sets, from pairs of data set and remark.

    A remark that is not true of all data sets is said with the names of its own: a reader must not take real
    brains for synthetic ones.
    """
    if len({remark for _, remark in remarks}) == 1:
        return remarks[0][1]
    of_dataset: dict[str, list[str]] = {}
    for dataset, remark in remarks:
        of_dataset.setdefault(dataset, []).append(remark)
    said = {dataset: joined_remarks(each) for dataset, each in of_dataset.items()}
    return "; ".join(f"{dataset}: {remark}" for dataset, remark in said.items() if remark)


def _of_protocol(frame: pl.DataFrame, protocol: str) -> pl.DataFrame:
    if "protocol" not in frame.columns:
        return frame
    return frame.filter(pl.col("protocol").cast(pl.String) == protocol)
