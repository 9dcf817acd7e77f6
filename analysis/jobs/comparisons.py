"""Differences between networks and between groups of networks, with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alignhouse.analysis.jobs.bootstraps import BootstrapAbout
from alignhouse.analysis.jobs.interval_rows import bounds, chance
from alignhouse.analysis.jobs.scope import Scope, read_facts, vectors_of
from alignhouse.analysis.statistics.bootstrap import (
    BootstrapScores,
    difference_scores,
    median_scores,
    stacked_scores,
)
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.jobs import Job, Output

VERSION = 1
EVERY_NETWORK = "model"


class DifferenceSettings(Scope):
    """Settings of the differences. group_by : what the labels mean. labels : model -> its group."""

    level: float
    group_by: str
    labels: dict[str, str]
    remark: str


def difference_batch(
    scope: Scope,
    group_by: str,
    labels: Mapping[str, str],
    bootstraps: Mapping[str, Sequence[Artifact]],
    remark: str,
    *,
    level: float,
) -> Batch:
    """Intervals of groups' median best-layer scores, and of the differences between two groups' medians.

    Medians and differences are computed within each draw, because all networks were resampled with the same
    stimuli and subjects.

    Parameters
    ----------
    group_by : what the labels mean; `EVERY_NETWORK` compares all pairs of networks.
    labels : model -> its group. bootstraps : model -> the artifacts of its bootstrap.
    """
    job = Job(
        method="difference_interval",
        version=VERSION,
        settings=DifferenceSettings(
            **dict(scope), level=level, group_by=group_by, labels=dict(labels), remark=remark
        ).as_json(),
        inputs={model: bootstraps[model][0].job for model in labels},
        label=f"differences by {group_by}, protocol {scope.protocol}",
    )
    return single(job, compare, bootstraps=bootstraps)


def compare(job: Job, reporter: Reporter, bootstraps: Mapping[str, Sequence[Artifact]]) -> Iterator[Output]:
    """The rows of `difference_interval`; see `difference_batch`."""
    settings = DifferenceSettings.of(job)
    labels, models = settings.labels, list(settings.labels)
    # The number of draws and the seed come from the bootstraps, which are this job's inputs.
    drawn = vectors_of(bootstraps[models[0]]).settings
    stored = []
    for done, model in enumerate(models):
        stored.append(stored_bootstraps(bootstraps[model]))
        reporter.step(done + 1, 2 * len(models))
    groups = {name: [i for i, each in enumerate(models) if labels[each] == name] for name in labels.values()}
    names = sorted(groups)
    pairs: list[tuple[str, str | None]] = list(combinations(names, 2))
    if settings.group_by != EVERY_NETWORK:
        # The interval of a single network is already in score_interval.
        pairs = [(name, None) for name in names] + pairs
    tables, regions = [], list(stored[0])
    for done, roi in enumerate(regions):
        medians = {
            name: median_scores([stored[index][roi] for index in members]) for name, members in groups.items()
        }
        together = stacked_scores(
            [difference_scores(medians[a], medians[b]) if b else medians[a] for a, b in pairs]
        )
        tables.append(_difference_columns(together, settings.level, roi, pairs, groups))
        reporter.step(len(models) + (done + 1) * len(models) // len(regions), 2 * len(models))
    columns: dict[str, Any] = {name: np.concatenate([each[name] for each in tables]) for name in tables[0]}
    count = len(columns["roi"])
    columns["n_b"] = [n or None for n in columns["n_b"].tolist()]
    yield settings.facts(
        "difference_interval",
        {
            "group_by": [settings.group_by] * count,
            **columns,
            **chance(settings.level, drawn["draws"], drawn["seed"], count),
        },
        settings.remark,
        ("group_by",),
    )


def _difference_columns(
    differences: BootstrapScores,
    level: float,
    roi: str,
    pairs: Sequence[tuple[str, str | None]],
    groups: Mapping[str, Sequence[int]],
) -> dict[str, NDArray[Any]]:
    columns = bounds(differences, level)
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


def stored_bootstraps(artifacts: Sequence[Artifact]) -> dict[str, BootstrapScores]:
    """Region -> the stored bootstrap of one network's best layer."""
    distributions = vectors_of(artifacts)
    about = BootstrapAbout(**distributions.about)
    names, samples = distributions.vectors("best_layer")
    places = {pair: index for index, pair in enumerate(names.select("roi", "resampled").iter_rows())}
    rows = read_facts(artifacts, "score_interval").filter(pl.col("test") == "best_layer")
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
            about.n_stimuli,
            about.n_subjects[roi],
        )
    return found
