"""What a page shows of each network: its facts, and its alignment with every region."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from alignhouse.analysis.figures.frames import (
    RANDOM_WEIGHTS,
    need_columns,
    ordered_regions,
    refuse_numbers,
    rows_to_draw,
)
from alignhouse.analysis.figures.labels import group_label
from alignhouse.analysis.figures.score_names import SCORE
from alignhouse.analysis.report.anchors import anchors
from alignhouse.analysis.report.bars import (
    Bar,
    Ceiling,
    PixelScale,
    Sparkline,
    bar,
    bar_scale,
    spark_scale,
    sparkline,
)
from alignhouse.analysis.report.leaderboard import share_in_percent
from alignhouse.analysis.report.tables import MISSING, Column, column_of, decimal, p_text, whole

PREFIX = "network"
NUMBERS = ("rho", "depth", "rho_lower", "rho_upper", "level", "p_value", "share_of_ceiling")
# Column of the networks -> what a reader calls it, and its value in words.
FACTS: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "model_type": ("type", group_label),
    "arch_type": ("architecture", str),
    "family": ("family", str),
    "objective": ("objective", str),
    "training_dataset": ("training data", str),
    "weights": ("weights", group_label),
    "parameters": ("parameters", whole),
    "gflops": ("GFLOPs", decimal),
    "top1": ("top-1 accuracy", lambda top1: f"{top1:.1f} %"),
    "resolution": ("input", lambda pixels: f"{pixels} x {pixels} pixels"),
    "n_layers": ("layers", whole),
    "source": ("library", str),
    "licence": ("licence", str),
}
# What an untrained network has none of; the catalog says "none" there.
OF_TRAINED = ("objective", "training_dataset")


@dataclass(frozen=True)
class RegionRow:
    """A network in one region. Texts are MISSING, and drawings None, where nothing is known."""

    region: str
    group: str
    spark: Sparkline | None
    layer: str
    depth: str
    bar: Bar | None
    rho: str
    interval: str
    p: str
    share: str


@dataclass(frozen=True)
class NetworkPart:
    """A network with its facts and a row per region, in anatomical order.

    anchor : its identifier in a page. kind : its model type in words. place : mean rank over regions.
    remark : why its scores are not findings, such as random weights. facts : pairs of name and value.
    columns : heads of the rows. scored : number of regions in which it has a score.
    """

    anchor: str
    name: str
    kind: str
    place: str
    remark: str
    facts: list[tuple[str, str]]
    columns: list[Column]
    rows: list[RegionRow]
    scored: str


def network_parts(
    best_layer: pl.DataFrame,
    layer_score: pl.DataFrame,
    noise_ceiling: pl.DataFrame,
    networks: pl.DataFrame,
    leaderboard: pl.DataFrame,
    protocol: str,
    *,
    score: str = SCORE,
) -> list[NetworkPart]:
    """One part per network of the leaderboard, in its order; [] without scores.

    Parameters
    ----------
    best_layer, layer_score, noise_ceiling, networks, leaderboard : answers to the queries of these names in
        `sql/report`, of one data set and split. All but the first may be empty.
    protocol : whose rows are shown. score : what its scores are called.

    Raises
    ------
    BadInput : a column is missing, a number is NaN or infinite, or the rows mix data sets or splits.
    """
    best = rows_to_draw(best_layer, "best_layer", protocol, values=["rho"]).frame
    if best.is_empty():
        return []
    need_columns(best, "best_layer", ["model", "layer"])
    _refuse_nan(best, "best_layer", NUMBERS)
    regions = ordered_regions(best)
    ceilings = _ceilings(noise_ceiling, protocol)
    profiles = _profiles(layer_score, protocol)
    of_network: dict[str, dict[str, dict[str, Any]]] = {}
    for row in best.iter_rows(named=True):
        of_network.setdefault(str(row["model"]), {})[str(row["roi"])] = row
    facts = {} if networks.is_empty() else {str(row["model"]): row for row in networks.iter_rows(named=True)}
    places = _places(leaderboard, protocol, of_network)
    named = anchors(facts.keys() | places.keys(), PREFIX)
    bars = _bar_scale(best, ceilings)
    sparks = _spark_scales(best, profiles, ceilings)
    columns = network_columns(score)
    return [
        NetworkPart(
            anchor=named[name],
            name=name,
            kind=group_label(next(iter(rows.values())).get("model_type")),
            place=MISSING if place is None else f"{place:.1f}",
            remark=str(facts.get(name, {}).get("remark") or ""),
            facts=network_facts(facts.get(name, {})),
            columns=columns,
            rows=[
                _region_row(
                    (roi, group),
                    rows.get(roi),
                    profiles.get((name, roi), ([], [])),
                    ceilings.get(roi),
                    (bars, sparks[roi]),
                    score,
                )
                for roi, group in regions.select("roi", pl.col("roi_group").cast(pl.String)).iter_rows()
            ],
            scored=f"{len(rows)} of {regions.height} regions",
        )
        for name, place in places.items()
        for rows in [of_network[name]]
    ]


def network_facts(network: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The facts of a network as pairs of name and value; facts that nobody stated are left out.

    Parameters
    ----------
    network : a row of the answer to the query `networks` in `sql/report`.
    """
    is_untrained = network.get("weights") == "random" or RANDOM_WEIGHTS in str(network.get("remark"))
    facts = []
    for column, (title, in_words) in FACTS.items():
        value = network.get(column)
        is_known = value not in (None, "") and not (isinstance(value, float) and math.isnan(value))
        if is_known and not (is_untrained and column in OF_TRAINED):
            facts.append((title, in_words(value)))
    return facts


def network_columns(score: str) -> list[Column]:
    """The heads of a network's rows, with what they mean."""
    return [
        column_of("roi"),
        column_of("roi_group"),
        Column(
            f"{score} over depth",
            hint=f"{score} of every layer, from the first to the last; the dot is the best layer, the grey "
            "line the lower noise ceiling. The scale is the same for all networks in the region.",
        ),
        column_of("layer"),
        column_of("depth", numeric=True),
        Column(
            "score",
            hint="Dot: the best layer; thick line: its bootstrap interval; grey line: lower noise ceiling, "
            "dashed if it is not reliably above chance; band: from there to the upper noise ceiling.",
        ),
        Column(score, numeric=True, descends=True, hint=f"{score} of the best layer, mean over subjects."),
        column_of("p_value", numeric=True),
        column_of("share_of_ceiling", numeric=True, descends=True),
    ]


def _region_row(
    region: tuple[str, str],
    best: Mapping[str, Any] | None,
    profile: tuple[list[float], list[float]],
    ceiling: Ceiling | None,
    scales: tuple[PixelScale, PixelScale],
    score: str,
) -> RegionRow:
    roi, group = region
    if best is None:
        return RegionRow(roi, group, None, MISSING, MISSING, None, MISSING, MISSING, MISSING, MISSING)
    bounds = (best.get("rho_lower"), best.get("rho_upper"))
    interval = None if bounds[0] is None or bounds[1] is None else (bounds[0], bounds[1])
    depth, p, share = (best.get(name) for name in ("depth", "p_value", "share_of_ceiling"))
    return RegionRow(
        region=roi,
        group=group,
        spark=sparkline(*profile, depth, ceiling, scales[1], score=score) if profile[0] else None,
        layer=str(best["layer"]),
        depth=MISSING if depth is None else f"{depth:.2f}",
        bar=bar(best["rho"], interval, ceiling, scales[0], level=best.get("level"), score=score),
        rho=decimal(best["rho"]),
        interval=MISSING if interval is None else " to ".join(map(decimal, interval)),
        p=MISSING if p is None else p_text(p, best.get("permutations")),
        share=MISSING if share is None else share_in_percent(share),
    )


def _places(leaderboard: pl.DataFrame, protocol: str, scored: Mapping[str, Any]) -> dict[str, float | None]:
    """The mean rank of each network, best first; networks without one come last, by name."""
    places: dict[str, float | None] = {}
    rows = rows_to_draw(leaderboard, "leaderboard", protocol, values=[]).frame
    if not rows.is_empty():
        need_columns(rows, "leaderboard", ["model", "mean_place"])
        _refuse_nan(rows, "leaderboard", ["mean_place"])
        ranked = rows.select(pl.col("model").cast(pl.String), "mean_place").unique("model")
        ranked = ranked.sort("mean_place", "model", nulls_last=True)
        places = {model: place for model, place in ranked.iter_rows() if model in scored}
    return places | {model: None for model in sorted(scored) if model not in places}


def _ceilings(noise_ceiling: pl.DataFrame, protocol: str) -> dict[str, Ceiling]:
    rows = rows_to_draw(noise_ceiling, "noise_ceiling", protocol, values=[]).frame
    if rows.is_empty():
        return {}
    need_columns(rows, "noise_ceiling", ["lower", "upper"])
    _refuse_nan(rows, "noise_ceiling", ["lower", "upper"])
    return {
        str(row["roi"]): Ceiling(row["lower"], row["upper"], row.get("is_reliable"))
        for row in rows.iter_rows(named=True)
        if row["lower"] is not None
    }


def _profiles(
    layer_score: pl.DataFrame, protocol: str
) -> dict[tuple[str, str], tuple[list[float], list[float]]]:
    """(network, region) -> the depths and the scores of its layers; layers of unknown depth are left out."""
    rows = rows_to_draw(layer_score, "layer_score", protocol, values=["depth", "rho"]).frame
    if rows.is_empty():
        return {}
    need_columns(rows, "layer_score", ["model", "layer_index"])
    ordered = rows.select(pl.col("model", "roi").cast(pl.String), "depth", "rho", "layer_index").sort(
        "depth", "layer_index"
    )
    grouped = ordered.group_by("model", "roi", maintain_order=True).agg("depth", "rho")
    return {(model, roi): (depths, rhos) for model, roi, depths, rhos in grouped.iter_rows()}


def _bar_scale(best: pl.DataFrame, ceilings: Mapping[str, Ceiling]) -> PixelScale:
    """One scale for all bars. It may end below upper ceilings, which would leave less room for scores."""
    columns = [name for name in ("rho", "rho_lower", "rho_upper") if name in best.columns]
    values = [value for name in columns for value in best[name].to_list()]
    return bar_scale([*values, *(each.lower for each in ceilings.values())])


def _spark_scales(
    best: pl.DataFrame,
    profiles: Mapping[tuple[str, str], tuple[list[float], list[float]]],
    ceilings: Mapping[str, Ceiling],
) -> dict[str, PixelScale]:
    """Region -> the scale of its lines, the same for all networks."""
    values: dict[str, list[float]] = {str(roi): [] for roi in best["roi"].unique()}
    for (_, roi), (_, rhos) in profiles.items():
        if roi in values:
            values[roi] += [min(rhos), max(rhos)]
    for roi, ceiling in ceilings.items():
        if roi in values:
            values[roi].append(ceiling.lower)
    return {roi: spark_scale(each) for roi, each in values.items()}


def _refuse_nan(frame: pl.DataFrame, name: str, columns: Sequence[str]) -> None:
    for column in columns:
        if column in frame.columns and frame.schema[column].is_float():
            is_bad = pl.col(column).is_finite().not_()
            refuse_numbers(frame, name, column, is_bad, "finite numbers or nulls")
