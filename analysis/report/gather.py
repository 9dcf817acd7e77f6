"""Run the queries of `sql/report` on a warehouse and write the report from their answers."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.frames import how_many
from alignhouse.analysis.figures.labels import PROTOCOL
from alignhouse.analysis.figures.request import DEFAULT_PROTOCOL, GROUPINGS, MOST_REGIONS, Request
from alignhouse.analysis.figures.score_names import protocol_measure
from alignhouse.analysis.kernels.measure_names import SPEARMAN
from alignhouse.analysis.report.content import ReportContent, has_both_weights, voxel_results
from alignhouse.analysis.report.page import write_report
from alignhouse.analysis.report.publish import PAGE, is_up_to_date
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import canonical
from alignhouse.warehouse.progress import Progress
from alignhouse.warehouse.questions import question
from alignhouse.warehouse.reader import Warehouse
from alignhouse.warehouse.schema import sql_files

if TYPE_CHECKING:
    from alignhouse.analysis.figures.entries import InReport
    from alignhouse.analysis.figures.rdm_conditions import ReadPictures
    from alignhouse.analysis.report.pictures import Planned

# Question -> the column that needs several values for the answer to say something; None for any answer.
QUESTIONS: Mapping[str, str | None] = {
    "alignment_by_model_type": None,
    "alignment_by_architecture": None,
    "alignment_by_objective": "objective",
    "alignment_by_weights": "weights",
    "alignment_by_layer_depth": None,
    "measure_agreement": None,
}
# Raise this when the page changes for the same results. Up-to-date reports are then written again.
VERSION = 8
MOST_GROUPS = 8  # in a chart: as many as there are colours
# A page with trained and untrained networks groups them by this column too.
WEIGHTS = "weights"
FRAMES = (
    "best_layer",
    "noise_ceiling",
    "depth_profile",
    "networks",
    "leaderboard",
    "layer_score",
    "group_comparison",
    "layer_choice",
    "complexity",
    "controls",
    "beyond_controls",
    "frame_order",
    "chance",
    "encoding",
    "encoding_layer",
    "variance_partition",
)


def write_report_of(
    warehouse: Warehouse,
    folder: Path,
    *,
    dataset: str | None = None,
    split: str | None = None,
    group_by: Sequence[str] | None = None,
    measure: str | None = None,
    stimuli: ReadPictures | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the report of one data set and split to `folder`/index.html, unless it is up to date.

    Parameters
    ----------
    dataset, split : required if the warehouse has several.
    group_by : columns of `best_layer` by which figures group networks; default: model type and architecture.
        If there are trained and untrained networks, figures also group them by weights.
    measure : protocols whose scores are by this measure; default: Spearman's rho, or all if there is none.
    stimuli : reads pictures of stimuli, for thumbnails beside RDMs; None: no thumbnails.
    progress : receives every figure.

    Raises
    ------
    BadInput : there are no scores, none by this measure, or several data sets or splits match.
    """
    dataset, split = _scope(warehouse, dataset, split)
    groups = list(group_by or ("model_type", "arch_type"))
    state = report_state(warehouse, dataset, split, groups, measure, with_pictures=stimuli is not None)
    if is_up_to_date(folder, state):
        return folder / PAGE
    content = gather(warehouse, dataset, split, groups, measure)
    figures = _figures(warehouse, dataset, split, content, stimuli)
    return write_report(content, folder, progress, figures=figures, state=state)


def gather(
    warehouse: Warehouse, dataset: str, split: str, group_by: Sequence[str], measure: str | None = None
) -> ReportContent:
    """Read everything that the report of one data set and split shows; see `write_report_of`."""
    queries = sql_files("report")
    scope = {"dataset": dataset, "split": split}
    frames = {name: warehouse.sql(queries[name], scope).pl() for name in FRAMES}
    protocols = {name: json.loads(text) for name, text in warehouse.sql(queries["protocols"]).fetchall()}
    used, encoded = (set(frames[name]["protocol"].unique()) for name in ("best_layer", "encoding"))
    encodings = {name: each for name, each in protocols.items() if name in encoded}
    protocols = _by_measure({name: each for name, each in protocols.items() if name in used}, measure)
    # An encoding has no measure, so every report shows it.
    kept = [*protocols, *encodings]
    frames = {
        name: frame.filter(pl.col("protocol").cast(pl.String).is_in(kept))
        if "protocol" in frame.columns
        else frame
        for name, frame in frames.items()
    }
    best, networks = frames["best_layer"], frames["networks"]
    groups = list(group_by)
    if has_both_weights(best) and WEIGHTS not in groups:
        groups.append(WEIGHTS)
    first = min(protocols, key=lambda name: (name != DEFAULT_PROTOCOL, name))
    shown = {"protocol": first, **scope}
    run = warehouse.sql(queries["last_run"], {"dataset": dataset}).pl().row(0, named=True)
    return ReportContent(
        title=(
            f"{dataset}: alignment of {how_many(len(networks), 'network')} with "
            f"{how_many(best['roi'].n_unique(), 'region')}"
        ),
        # The page joins the remarks of the rows.
        remark="",
        **frames,
        group_answers=_answers(warehouse, {"protocol": first}, scope),
        settings=json.loads(run["study"]),
        protocols=protocols,
        encodings=encodings,
        inputs=warehouse.sql(queries["inputs"], {"dataset": dataset}).pl(),
        run={key: _shown(value) for key, value in run.items() if key != "study"},
        group_by=groups,
        runs=warehouse.sql(queries["runs"]).pl(),
        stimuli=_stimuli(warehouse.sql(queries["stimuli"], scope).fetchall()),
        bands={
            each: _figure_rows(warehouse, "depth_band", {**shown, "by": each})
            for each in chart_groupings(best, groups)
        },
        shown_regions=few_regions(_figure_rows(warehouse, "drawn_regions", shown)),
    )


def chart_groupings(best: pl.DataFrame, groups: Sequence[str]) -> list[str]:
    """The columns by which charts group networks: those of figures, and others with a few groups."""
    others = [
        name
        for name in GROUPINGS
        # A chart shows one protocol.
        if name != PROTOCOL and name in best.columns and 1 < best[name].n_unique() <= MOST_GROUPS
    ]
    return list(dict.fromkeys([*groups, *others]))


def _answers(
    warehouse: Warehouse, given: Mapping[str, str], scope: Mapping[str, str]
) -> dict[str, pl.DataFrame]:
    """The answers to QUESTIONS on one data set and split that have something to say."""
    answers = {}
    for name, column in QUESTIONS.items():
        answer = warehouse.ask(name, **given).pl().filter(**scope).drop("dataset", "split")
        if column is None or answer[column].n_unique() > 1:
            answers[name] = answer
    return answers


def _figure_rows(warehouse: Warehouse, name: str, given: Mapping[str, Any]) -> pl.DataFrame:
    """The answer to a query of `sql/figures`."""
    asked = question(name, "figures")
    return warehouse.sql(asked.sql, asked.bind(given)).pl()


def few_regions(regions: pl.DataFrame) -> list[str]:
    """All regions, or of many the one of each group in which networks align best, as figures show them."""
    few = regions if regions.height <= MOST_REGIONS else regions.filter(place=1)
    return few["roi"].cast(pl.String).to_list()


def _figures(
    warehouse: Warehouse, dataset: str, split: str, content: ReportContent, stimuli: ReadPictures | None
) -> dict[str, list[Planned]]:
    """Protocol or voxel encoding -> its figures, in the order of the page."""
    # plotnine is loaded with the figures, not when this module is imported.
    from alignhouse.analysis.report.pictures import planned_figures

    names = content.best_layer["protocol"].cast(pl.String).unique().to_list()
    protocols = sorted(names, key=lambda name: (name != DEFAULT_PROTOCOL, name))
    places: dict[str, tuple[InReport, ...]] = dict.fromkeys(protocols, ("every protocol",))
    for first in protocols[:1]:
        places[first] = ("every protocol", "first protocol")
    for each in voxel_results(content):
        # A figure needs the scores by RSA of the protocol that has the same features.
        if each.encoding["rho"].is_not_null().any():
            has_parts = not each.variance_partition.is_empty()
            places[each.protocol] = ("encoding", "variance partition") if has_parts else ("encoding",)
    return {
        protocol: planned_figures(
            warehouse,
            Request(protocol=protocol, dataset=dataset, split=split, stimuli=stimuli),
            content.group_by,
            its_places,
        )
        for protocol, its_places in places.items()
    }


def _by_measure(protocols: dict[str, Any], measure: str | None) -> dict[str, Any]:
    """The protocols whose scores are by a measure; without one, by Spearman's rho if there are some."""
    measures = {name: protocol_measure(settings) for name, settings in protocols.items()}
    if measure is None:
        measure = SPEARMAN if SPEARMAN in measures.values() else None
    elif measure not in measures.values():
        raise BadInput(
            f"no scores by measure {measure!r}",
            expected=", ".join(sorted(set(measures.values()))),
            hint="analysis.measures in the study file",
        )
    return {name: each for name, each in protocols.items() if measure in (None, measures[name])}


def _scope(warehouse: Warehouse, dataset: str | None, split: str | None) -> tuple[str, str]:
    scopes = warehouse.sql(sql_files("report")["scopes"]).fetchall()
    fitting = [(d, s) for d, s, _ in scopes if dataset in (None, d) and split in (None, s)]
    if len(fitting) == 1:
        return fitting[0]
    named = ", ".join(f"{d} ({s})" for d, s, _ in scopes) or "nothing yet"
    if not fitting:
        raise BadInput(f"no scores to report in {warehouse.folder}", found=named)
    raise BadInput("which data set and split is meant?", found=named, hint="name them: --dataset, --split")


def _stimuli(rows: list[tuple[int, int]]) -> str:
    """The numbers of videos and images, in words."""
    nouns = ("video", "image")
    return " and ".join(
        how_many(number, noun) for row in rows for number, noun in zip(row, nouns, strict=True) if number
    )


def report_state(
    warehouse: Warehouse,
    dataset: str,
    split: str,
    group_by: Sequence[str],
    measure: str | None,
    *,
    with_pictures: bool,
) -> str:
    """A hash of everything that a report shows, as it is now; with_pictures : thumbnails of stimuli."""
    [(held,)] = warehouse.sql(sql_files("report")["state"]).fetchall()
    version = importlib.metadata.version("alignhouse")
    text = canonical([held, dataset, split, list(group_by), measure, with_pictures, version, VERSION])
    return hashlib.sha256(text.encode()).hexdigest()


def _shown(value: Any) -> Any:
    return value.isoformat(sep=" ", timespec="seconds") if hasattr(value, "isoformat") else value
