"""How far two protocols with different measures agree on the order of networks, groups and regions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alignhouse.analysis.jobs.comparisons import stored_bootstraps
from alignhouse.analysis.jobs.interval_rows import chance
from alignhouse.analysis.jobs.scope import vectors_of
from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.statistics.bootstrap import BootstrapScores
from alignhouse.analysis.statistics.measure_agreement import Agreement, group_agreement, order_agreement
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.tables import rows_output

VERSION = 1

Bootstraps = Mapping[str, Sequence[Artifact]]
"""Model -> the artifacts of its bootstrap."""


class MeasureAgreementSettings(JobSettings):
    """Settings of the agreement of two protocols.

    labels : what networks are grouped by -> model -> its group.
    """

    protocol: str
    other: str
    dataset: str
    split: str
    level: float
    labels: dict[str, dict[str, str]]
    remark: str


def measure_agreement_batch(
    settings: MeasureAgreementSettings, bootstraps: Bootstraps, others: Bootstraps
) -> Batch:
    """Agreement of the best-layer scores of the networks that both protocols have.

    Both were resampled with the same stimuli and subjects, so agreement is computed within each draw.

    Parameters
    ----------
    bootstraps, others : of the networks under `settings.protocol` and under `settings.other`.
    """
    models = [model for model in bootstraps if model in others]
    both = {"one": bootstraps, "other": others}
    job = Job(
        method="measure_agreement",
        version=VERSION,
        settings=settings.as_json(),
        inputs={f"{side}/{model}": of[model][0].job for side, of in both.items() for model in models},
        label=f"agreement of {settings.protocol} and {settings.other}",
    )
    return single(
        job,
        compare_measures,
        bootstraps={model: bootstraps[model] for model in models},
        others={model: others[model] for model in models},
    )


@dataclass(frozen=True)
class _Side:
    """Best-layer scores of n networks in one region under one protocol: (n,), and (n, B) in resamples."""

    scores: FloatArray
    samples: FloatArray


def compare_measures(
    job: Job, reporter: Reporter, bootstraps: Bootstraps, others: Bootstraps
) -> Iterator[Output]:
    """The rows of `measure_agreement`; see `measure_agreement_batch`."""
    settings, models = MeasureAgreementSettings.of(job), list(bootstraps)
    drawn = vectors_of(bootstraps[models[0]]).settings
    stored = [{model: stored_bootstraps(of[model]) for model in models} for of in (bootstraps, others)]
    regions = [roi for roi in stored[0][models[0]] if roi in stored[1][models[0]]]
    sides = {roi: [_side([of[model][roi] for model in models]) for of in stored] for roi in regions}
    rows: list[tuple[str, str | None, str | None, Agreement, str]] = []
    for done, (roi, (one, other)) in enumerate(sides.items()):
        resampled = _resampled(stored[0][models[0]][roi])
        each = (one.scores, other.scores, one.samples, other.samples)
        rows.append(("networks", roi, None, order_agreement(*each, settings.level), resampled))
        for group_by, labels in settings.labels.items():
            groups = [labels[model] for model in models]
            rows.append(("groups", roi, group_by, group_agreement(*each, groups, settings.level), resampled))
        reporter.step(done + 1, len(regions))
    of_regions = [
        (
            np.stack([sides[roi][place].scores for roi in regions]).mean(axis=1),
            np.stack([sides[roi][place].samples for roi in regions]).mean(axis=1),
        )
        for place in (0, 1)
    ]
    [(one_scores, one_samples), (other_scores, other_samples)] = of_regions
    found = order_agreement(one_scores, other_scores, one_samples, other_samples, settings.level)
    kinds = {_resampled(stored[0][models[0]][roi]) for roi in regions}
    rows.append(("regions", None, None, found, "both" if kinds == {"both"} else "stimuli"))
    count = len(rows)
    scope = {
        "protocol": settings.protocol,
        "other_protocol": settings.other,
        "dataset": settings.dataset,
        "split": settings.split,
    }
    columns: dict[str, list[Any]] = {
        **{name: [value] * count for name, value in scope.items()},
        "compared": [row[0] for row in rows],
        "roi": [row[1] for row in rows],
        "group_by": [row[2] for row in rows],
        **{name: [getattr(row[3], name) for row in rows] for name in ("n", "statistic", "lower", "upper")},
        "resampled": [row[4] for row in rows],
        **chance(settings.level, drawn["draws"], drawn["seed"], count),
        "remark": [settings.remark] * count,
    }
    yield rows_output("measure_agreement", columns, tuple(scope))


def _side(networks: Sequence[BootstrapScores]) -> _Side:
    samples = [each.stimuli if each.both is None else each.both for each in networks]
    return _Side(np.concatenate([each.observed for each in networks]), np.concatenate(samples))


def _resampled(scores: BootstrapScores) -> str:
    return "stimuli" if scores.both is None else "both"
