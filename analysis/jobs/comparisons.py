"""Jobs that compare networks: differences with their intervals, and what complexity has to do with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from alignhouse.analysis.jobs.best_layers import BestLayers
from alignhouse.analysis.jobs.interval_rows import Resampling, bounds, chance
from alignhouse.analysis.jobs.scope import Scope, facts, read_facts, vectors_of
from alignhouse.analysis.statistics.bootstrap import (
    BootstrapScores,
    difference_scores,
    median_scores,
    stacked_scores,
)
from alignhouse.analysis.statistics.complexity import complexity_correlations
from alignhouse.warehouse.artifacts import Artifact, read_metadata
from alignhouse.warehouse.jobs import Job, Output, Tick
from alignhouse.warehouse.vectors import read_vectors

VERSION = 1
EVERY_NETWORK = "model"


def difference_job(
    scope: Scope,
    resampling: Resampling,
    group_by: str,
    labels: Mapping[str, str],
    bootstraps: Mapping[str, Sequence[Artifact]],
    remark: str,
) -> Job:
    """Intervals of groups' median best-layer scores, and of the differences between two groups' medians.

    Parameters
    ----------
    group_by : what the labels are of; `EVERY_NETWORK` compares each network with each other.
    labels : model -> its group. bootstraps : model -> the artifacts of its `bootstrap_job`.

    Medians and differences are taken draw by draw: all networks met the same stimuli and subjects.
    """
    models = list(labels)

    def work(tick: Tick) -> Iterator[Output]:
        stored = []
        for done, model in enumerate(models):
            stored.append(_stored(scope, bootstraps[model]))
            tick(done + 1, 2 * len(models))
        groups = {
            name: [i for i, each in enumerate(models) if labels[each] == name] for name in labels.values()
        }
        names = sorted(groups)
        pairs: list[tuple[str, str | None]] = list(combinations(names, 2))
        if group_by != EVERY_NETWORK:
            # A network's own interval stands in score_interval already.
            pairs = [(name, None) for name in names] + pairs
        tables, regions = [], list(stored[0])
        for done, roi in enumerate(regions):
            medians = {
                name: median_scores([stored[index][roi] for index in members])
                for name, members in groups.items()
            }
            together = stacked_scores(
                [difference_scores(medians[a], medians[b]) if b else medians[a] for a, b in pairs]
            )
            tables.append(_difference_columns(together, resampling, roi, pairs, groups))
            tick(len(models) + (done + 1) * len(models) // len(regions), 2 * len(models))
        columns = {name: np.concatenate([each[name] for each in tables]) for name in tables[0]}
        count = len(columns["roi"])
        columns["n_b"] = pa.array([n or None for n in columns["n_b"].tolist()], pa.int32())
        yield facts(
            scope,
            "difference_interval",
            {"roi": columns.pop("roi"), "group_by": [group_by] * count, **columns}
            | chance(scope, resampling, count),
            remark,
            ("group_by",),
        )

    return Job(
        method="difference_interval",
        version=VERSION,
        settings={
            **scope.describe_without_chance(),
            "level": resampling.level,
            "group_by": group_by,
            "labels": dict(labels),
            "remark": remark,
        },
        inputs={model: bootstraps[model][0].job for model in models},
        label=f"differences by {group_by}, protocol {scope.protocol}",
        work=work,
    )


def complexity_job(
    resampling: Resampling,
    figures: Mapping[str, Mapping[str, float | None]],
    best: BestLayers,
    remark: str,
) -> Job:
    """Correlation of best-layer scores with what networks cost and how accurate they are, region by region.

    Parameters
    ----------
    figures : name of a figure -> model -> its value, None where it is not known.
    """
    scope = best.scope

    def work(tick: Tick) -> Iterator[Output]:
        values = {name: [of_model[model] for model in best.models] for name, of_model in figures.items()}
        found = []
        for done, (roi, scores) in enumerate(best.scores.items()):
            for each in complexity_correlations(
                scores, values, draws=resampling.draws, seed=scope.seed, level=resampling.level
            ):
                found.append((roi, each))
            tick(done + 1, len(best.tests))
        columns = {
            "roi": [roi for roi, _ in found],
            "figure": [each.figure for _, each in found],
            "given": [", ".join(each.given) for _, each in found],
            "method": [each.method for _, each in found],
            **{
                name: pa.array([getattr(each, name) for _, each in found], pa.float64())
                for name in ("correlation", "lower", "upper")
            },
            "level": [resampling.level] * len(found),
            "n_networks": [each.n_networks for _, each in found],
            "n_left_out": [each.n_left_out for _, each in found],
            "draws": [each.draws for _, each in found],
            "seed": [scope.seed] * len(found),
        }
        yield facts(scope, "complexity", columns, remark, ("roi",))

    return Job(
        method="complexity",
        version=VERSION,
        settings={
            **scope.describe_without_chance(),
            "seed": scope.seed,
            "draws": resampling.draws,
            "level": resampling.level,
            "figures": {name: dict(of_model) for name, of_model in figures.items()},
            "remark": remark,
        },
        inputs=best.jobs,
        label=f"complexity, protocol {scope.protocol}",
        work=work,
    )


def _difference_columns(
    differences: BootstrapScores,
    resampling: Resampling,
    roi: str,
    pairs: Sequence[tuple[str, str | None]],
    groups: Mapping[str, Sequence[int]],
) -> dict[str, NDArray[Any]]:
    columns = bounds(differences, resampling.level)
    kinds = len(columns["lower"]) // len(pairs)
    sizes = [(len(groups[a]), len(groups[b]) if b else 0) for a, b in pairs]
    return {
        "roi": np.full(len(pairs) * kinds, roi, dtype=object),
        "group_a": np.tile(np.array([a for a, _ in pairs], dtype=object), kinds),
        "group_b": np.tile(np.array([b for _, b in pairs], dtype=object), kinds),
        "n_a": np.tile(np.array([a for a, _ in sizes], np.int32), kinds),
        "n_b": np.tile(np.array([b for _, b in sizes], np.int32), kinds),
        **columns,
    }


def _stored(scope: Scope, artifacts: Sequence[Artifact]) -> dict[str, BootstrapScores]:
    """Region -> the bootstrap of one network's best layer, as its job stored it."""
    path = scope.root / vectors_of(artifacts).path
    about = read_metadata(path)["about"]
    names, samples = read_vectors(path, "best_layer")
    places = {pair: index for index, pair in enumerate(names.select("roi", "resampled").iter_rows())}
    rows = read_facts(scope.root, artifacts, "score_interval").filter(pl.col("test") == "best_layer")
    observed = dict(rows.select("roi", "statistic").iter_rows())

    def of(roi: str, kind: str) -> NDArray[Any] | None:
        return samples[places[roi, kind]][None] if (roi, kind) in places else None

    found = {}
    for roi, score in observed.items():
        stimuli = of(roi, "stimuli")
        assert stimuli is not None
        found[roi] = BootstrapScores(
            np.array([score]),
            stimuli,
            of(roi, "subjects"),
            of(roi, "both"),
            about["n_stimuli"],
            about["n_subjects"][roi],
        )
    return found
