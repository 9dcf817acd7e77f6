"""The content of a report: query results and settings, from which the page and its figures are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from alignhouse.analysis.figures.frames import joined_remarks, untrained_of, without_random
from alignhouse.analysis.figures.score_names import encoded_protocol, protocol_measure, score_name

KEYS = ["protocol", "dataset", "split"]


@dataclass(frozen=True)
class ReportContent:
    """Everything that a report shows. The frames are query results; the page computes no statistics.

    Each frame is the answer to the query of the same name in `sql/report`. Without rows it may lack columns.

    remark : why the numbers are not findings ("random weights"); shown at the top and in every caption, so
        without what is true of some networks only.
    group_answers : question name -> the table that answers it.
    settings : settings of the study, nested. protocols : settings of each protocol, nested. encodings : those
        of each voxel encoding.
    stimuli : "102 videos", in words; "" if unknown.
    inputs : kind, name, sha256, rows, bytes. run : version, started, finished, ...
    group_by : columns of best_layer by which figures group networks.
    bands : column by which charts group networks -> the answer to `sql/figures/depth_band.sql` by it, of the
        first protocol; without any, charts group by those of group_by.
    shown_regions : regions that charts and the first table show until another one is selected; () for the
        first ones.
    """

    title: str
    remark: str
    best_layer: pl.DataFrame
    noise_ceiling: pl.DataFrame
    depth_profile: pl.DataFrame
    networks: pl.DataFrame
    group_answers: Mapping[str, pl.DataFrame]
    settings: Mapping[str, Any]
    protocols: Mapping[str, Mapping[str, Any]]
    inputs: pl.DataFrame
    run: Mapping[str, Any]
    group_by: list[str] = field(default_factory=lambda: ["model_type", "arch_type"])
    leaderboard: pl.DataFrame = field(default_factory=pl.DataFrame)
    layer_score: pl.DataFrame = field(default_factory=pl.DataFrame)
    group_comparison: pl.DataFrame = field(default_factory=pl.DataFrame)
    layer_choice: pl.DataFrame = field(default_factory=pl.DataFrame)
    complexity: pl.DataFrame = field(default_factory=pl.DataFrame)
    controls: pl.DataFrame = field(default_factory=pl.DataFrame)
    beyond_controls: pl.DataFrame = field(default_factory=pl.DataFrame)
    frame_order: pl.DataFrame = field(default_factory=pl.DataFrame)
    chance: pl.DataFrame = field(default_factory=pl.DataFrame)
    encoding: pl.DataFrame = field(default_factory=pl.DataFrame)
    encoding_layer: pl.DataFrame = field(default_factory=pl.DataFrame)
    variance_partition: pl.DataFrame = field(default_factory=pl.DataFrame)
    encodings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    runs: pl.DataFrame = field(default_factory=pl.DataFrame)
    stimuli: str = ""
    bands: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    shown_regions: Sequence[str] = ()


@dataclass(frozen=True)
class Results:
    """The frames of a report for one protocol, data set and split; score : what its scores are called."""

    protocol: str
    source: str
    score: str
    best_layer: pl.DataFrame
    noise_ceiling: pl.DataFrame
    leaderboard: pl.DataFrame
    group_comparison: pl.DataFrame
    layer_choice: pl.DataFrame
    complexity: pl.DataFrame
    controls: pl.DataFrame
    beyond_controls: pl.DataFrame
    frame_order: pl.DataFrame
    networks: pl.DataFrame


@dataclass(frozen=True)
class VoxelResults:
    """The frames of one voxel encoding, on one data set and split.

    settings : of the encoding, nested. networks : all that were scored by RSA.
    """

    protocol: str
    source: str
    encoding: pl.DataFrame
    variance_partition: pl.DataFrame
    settings: Mapping[str, Any]
    networks: pl.DataFrame


def page_remark(content: ReportContent) -> str:
    """All distinct remarks of the content and of the rows of its frames.

    "random weights" is left out if some networks are trained: their rows and figures say which.
    """
    remarks = [content.remark]
    frames = (content.best_layer, content.noise_ceiling, content.depth_profile, content.networks)
    for frame in (*frames, content.encoding, content.variance_partition):
        if "remark" in frame.columns:
            remarks += frame["remark"].cast(pl.String).unique().sort().to_list()
    return joined_remarks(map(without_random, remarks) if has_both_weights(content.best_layer) else remarks)


def has_both_weights(best_layer: pl.DataFrame) -> bool:
    """Whether some networks are untrained and others are not, by the remarks of their rows."""
    if best_layer.is_empty() or "remark" not in best_layer.columns:
        return False
    untrained, total = untrained_of(best_layer)
    return 0 < untrained < total


def results_by_protocol(content: ReportContent) -> list[Results]:
    """The results of each protocol, data set and split: `sound` first, then by name; empty ones come last."""
    names = (
        *("best_layer", "noise_ceiling", "leaderboard"),
        *("group_comparison", "layer_choice", "complexity"),
        *("controls", "beyond_controls", "frame_order"),
    )
    frames = {name: getattr(content, name) for name in names}
    found = [
        Results(
            protocol=protocol,
            source=f"{dataset}, {split}" if dataset else "no rows",
            score=score_name(protocol_measure(content.protocols.get(protocol, {}))),
            networks=content.networks,
            **{name: _of(frame, protocol, dataset, split) for name, frame in frames.items()},
        )
        for protocol, dataset, split in _places(content)
    ]
    return sorted(found, key=lambda each: each.best_layer.is_empty())


def voxel_results(content: ReportContent) -> list[VoxelResults]:
    """The results of each voxel encoding, that of `sound` first, then by name; [] if there is none."""
    return [
        VoxelResults(
            protocol=protocol,
            source=f"{dataset}, {split}",
            encoding=_of(content.encoding, protocol, dataset, split),
            variance_partition=_of(content.variance_partition, protocol, dataset, split),
            settings=content.encodings.get(protocol, {}),
            networks=content.networks,
        )
        for protocol, dataset, split in sorted(_found(content.encoding), key=_sound_first)
    ]


def _places(content: ReportContent) -> list[tuple[str, str, str]]:
    found = _found(content.best_layer) | _found(content.depth_profile)
    empty = {(name, "", "") for name in content.protocols if name not in {row[0] for row in found}}
    return sorted(found | empty, key=_sound_first)


def _found(frame: pl.DataFrame) -> set[tuple[str, str, str]]:
    """The protocols, data sets and splits of a frame."""
    if frame.is_empty():
        return set()
    return {(a, b, c) for a, b, c in frame.select(pl.col(KEYS).cast(pl.String)).unique().iter_rows()}


def _sound_first(place: tuple[str, str, str]) -> tuple[bool, tuple[str, str, str]]:
    return encoded_protocol(place[0]) != "sound", place


def _of(frame: pl.DataFrame, protocol: str, dataset: str, split: str) -> pl.DataFrame:
    if frame.is_empty():
        return frame
    wanted = zip(KEYS, (protocol, dataset, split), strict=True)
    return frame.filter(pl.col(key).cast(pl.String) == value for key, value in wanted)
