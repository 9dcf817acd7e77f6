"""Tests of best layers across networks: comparisons of groups, and correction for many tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from alignhouse.analysis.jobs.best_layers import BestLayers, Scores, jobs_of
from alignhouse.analysis.jobs.scope import Scope
from alignhouse.analysis.statistics.groups import PairCorrection, group_statistics
from alignhouse.analysis.statistics.many_tests import Correction, adjusted_p_values, family_wise_p
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.jobs import Job, Output

VERSION = 1
CORRECTIONS: tuple[Correction, ...] = ("benjamini_hochberg", "holm")
GROUP_COMPARISON = "group_comparison"


class CorrectionSettings(Scope):
    """Settings of the correction for many tests. models : all networks of the family of tests."""

    permutations: int
    seed: int
    models: tuple[str, ...]
    remark: str


class GroupSettings(Scope):
    """Settings of a comparison of groups.

    group_by : what the labels mean, e.g. "arch_type". labels : model -> its group.
    """

    permutations: int
    seed: int
    group_by: str
    labels: dict[str, str]
    remark: str


def best_layer_batch(
    scope: Scope,
    scores: Scores,
    groups: Mapping[str, Mapping[str, str]],
    remark: str,
    *,
    permutations: int,
    seed: int,
) -> Batch:
    """One job that corrects for many tests, and one job per grouping; they share the loaded nulls.

    Parameters
    ----------
    groups : name of the grouping -> model -> its group, in the order of `scores`.
    """
    chance = {"permutations": permutations, "seed": seed}
    inputs = jobs_of(scores)
    correction = Job(
        method="corrected_significance",
        version=VERSION,
        settings=CorrectionSettings(**dict(scope), **chance, models=tuple(scores), remark=remark).as_json(),
        inputs=inputs,
        label=f"corrections for many tests, protocol {scope.protocol}",
    )
    comparisons = [
        Job(
            method=GROUP_COMPARISON,
            version=VERSION,
            settings=GroupSettings(
                **dict(scope), **chance, group_by=group_by, labels=dict(labels), remark=remark
            ).as_json(),
            inputs=inputs,
            label=f"groups by {group_by}, protocol {scope.protocol}",
        )
        for group_by, labels in groups.items()
    ]
    return Batch((correction, *comparisons), make_best_layer_tests, {"scores": scores})


def make_best_layer_tests(jobs: Sequence[Job], reporter: Reporter, scores: Scores) -> Iterator[list[Output]]:
    """The rows of each of `jobs`; see `best_layer_batch`."""
    best = BestLayers(scores)
    for job in jobs:
        if job.method == GROUP_COMPARISON:
            yield [_compared(GroupSettings.of(job), best, reporter)]
        else:
            yield [_corrected(CorrectionSettings.of(job), best, reporter)]


def _compared(settings: GroupSettings, best: BestLayers, reporter: Reporter) -> Output:
    """Test each group's median best-layer score against null medians, in each region."""
    null = settings.settings.best_layer_null
    correction: PairCorrection = "bonferroni" if null == "chosen_layer" else "holm"
    nulls = best.nulls(reporter)
    rows: dict[str, list[object]] = {}
    for roi, scores in best.scores.items():
        for each in group_statistics(
            scores,
            nulls[roi],
            [settings.labels[model] for model in best.models],
            p_value_method=settings.settings.p_value,
            best_layer_null=null,
            correction=correction,
        ):
            for key, value in {"roi": roi, **vars(each)}.items():
                rows.setdefault(key, []).append(value)
    count = len(rows["roi"])
    columns = {
        "group_by": [settings.group_by] * count,
        **rows,
        "correction": [correction] * count,
        "permutations": [settings.permutations] * count,
        "seed": [settings.seed] * count,
    }
    return settings.facts(GROUP_COMPARISON, columns, settings.remark, ("roi", "group_by"))


def _corrected(settings: CorrectionSettings, best: BestLayers, reporter: Reporter) -> Output:
    """Adjust the p-values of best-layer tests; all networks in all regions are one family of tests.

    "max_statistic" compares each score with the highest null over all networks and regions in each
    permutation. It is two-sided if the protocol's tests are.
    """
    regions, models = list(best.tests), best.models
    nulls, scores = best.nulls(reporter), best.scores
    score = np.concatenate([scores[roi] for roi in regions])
    null = np.concatenate([nulls[roi] for roi in regions])
    if settings.settings.best_layer_null == "chosen_layer":
        # Those tests are two-sided.
        highest = family_wise_p(np.abs(score), np.abs(null))
    else:
        highest = family_wise_p(score, null)
    by_region = [row for roi in regions for row in best.tests[roi]]
    p = np.array([each["p_value"] for each in by_region])
    adjusted: dict[str, np.ndarray] = {name: adjusted_p_values(p, name) for name in CORRECTIONS}
    adjusted["max_statistic"] = highest
    count, kinds = len(by_region), len(adjusted)
    columns = {
        "model": [model for _ in regions for model in models] * kinds,
        "layer": [each["layer"] for each in by_region] * kinds,
        "roi": [roi for roi in regions for _ in models] * kinds,
        "test": ["best_layer"] * count * kinds,
        "statistic": np.tile(score, kinds),
        "p_value": np.tile(p, kinds),
        "correction": [name for name in adjusted for _ in range(count)],
        "p_adjusted": np.concatenate(list(adjusted.values())),
        "n_tests": [count] * count * kinds,
        "permutations": [settings.permutations] * count * kinds,
        "seed": [settings.seed] * count * kinds,
    }
    return settings.facts("corrected_significance", columns, settings.remark, ("test",))
