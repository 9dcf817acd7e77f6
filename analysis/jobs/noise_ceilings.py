"""Noise ceilings: the score of the best possible model in each region, and whether it is above chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from alignhouse.analysis.jobs.scope import Scope, read_brains
from alignhouse.analysis.kernels.threads import Tick
from alignhouse.analysis.statistics.noise_ceiling import (
    FEWEST_SUBJECTS,
    FEWEST_SUBJECTS_OF_AN_INTERVAL,
    lower_ceiling_interval,
    noise_ceiling,
)
from alignhouse.analysis.statistics.subject_agreement import agreement_tests
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.kept import kept

VERSION = 2


class NoiseCeilingSettings(Scope):
    """Settings of the noise ceilings of all regions.

    permutations, seed : of the test against chance. level : of the interval.
    """

    permutations: int
    seed: int
    level: float
    remark: str


def noise_ceiling_batch(
    scope: Scope,
    brains: Mapping[str, Artifact],
    remark: str,
    *,
    permutations: int,
    seed: int,
    level: float,
    memory: int,
) -> Batch:
    """The noise ceilings of all regions. A region with a single subject has no ceiling, and its row says so.

    Parameters
    ----------
    brains : region -> artifact of its RDMs. memory : bytes for buffers.
    """
    settings = NoiseCeilingSettings(
        **dict(scope), permutations=permutations, seed=seed, level=level, remark=remark
    )
    job = Job(
        method="noise_ceiling",
        version=VERSION,
        settings=settings.as_json(),
        inputs={roi: each.artifact for roi, each in brains.items()},
        label=f"noise ceilings, protocol {scope.protocol}",
    )
    return single(job, compute_noise_ceilings, brains=brains, memory=memory)


def compute_noise_ceilings(
    job: Job, reporter: Reporter, brains: Mapping[str, Artifact], memory: int
) -> Iterator[Output]:
    """The rows of `noise_ceiling`; see `noise_ceiling_batch`."""
    settings = NoiseCeilingSettings.of(job)
    rdms, names = read_brains(brains).rdms, _names(brains)
    p_values = _agreement(brains, settings.permutations, settings.seed, memory, tick=reporter.step)
    rows = [_row(settings, roi, each, names[roi], p_values.get(roi)) for roi, each in rdms.items()]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    yield settings.facts("noise_ceiling", columns, settings.remark, ("roi",))


@kept
def _agreement(
    brains: Mapping[str, Artifact], permutations: int, seed: int, memory: int, *, tick: Tick
) -> dict[str, float]:
    """Region -> p of the test of its ceiling, which is the same in every protocol."""
    several = {roi: each for roi, each in read_brains(brains).rdms.items() if len(each) >= FEWEST_SUBJECTS}
    return agreement_tests(
        several, permutations=permutations, seed=seed, memory=memory, names=_names(brains), tick=tick
    )


def _names(brains: Mapping[str, Artifact]) -> dict[str, list[str]]:
    """Region -> names of its subjects' RDMs for errors."""
    return {
        roi: [f"{roi}, {subject}" for subject in subjects]
        for roi, subjects in read_brains(brains).subjects.items()
    }


def _row(
    settings: NoiseCeilingSettings, roi: str, rdms: NDArray[Any], names: list[str], p_value: float | None
) -> dict[str, Any]:
    """The columns of one region: those that its number of subjects (S, P) does not allow are None."""
    row: dict[str, Any] = {"roi": roi, "n_subjects": len(rdms)}
    row |= dict.fromkeys(("lower", "upper", "p_value", "interval_lower", "interval_upper"))
    row |= {"level": settings.level, "permutations": settings.permutations, "seed": settings.seed}
    how: dict[str, Any] = {
        "combine": settings.settings.ceiling_combine,
        "average": settings.settings.ceiling_average,
        "names": names,
    }
    if len(rdms) >= FEWEST_SUBJECTS:
        ceiling = noise_ceiling(rdms, **how)
        row |= {"lower": ceiling.lower, "upper": ceiling.upper, "p_value": p_value}
    if len(rdms) >= FEWEST_SUBJECTS_OF_AN_INTERVAL:
        interval = lower_ceiling_interval(rdms, level=settings.level, **how)
        row |= {"interval_lower": float(interval.lower), "interval_upper": float(interval.upper)}
    return row
