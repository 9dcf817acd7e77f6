"""Noise ceilings: the score of the best possible model in each region, and whether it is above chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.jobs.scope import Scope, read_brains
from alignhouse.analysis.kernels.measure_names import Measure
from alignhouse.analysis.kernels.threads import Tick
from alignhouse.analysis.statistics.noise_ceiling import (
    FEWEST_SUBJECTS,
    FEWEST_SUBJECTS_OF_AN_INTERVAL,
    lower_ceiling_interval,
    noise_ceiling,
)
from alignhouse.analysis.statistics.seen import on_shared_stimuli
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
    names = _names(brains)
    p_values = _agreement(
        brains,
        settings.settings.measure,
        settings.permutations,
        settings.seed,
        memory,
        tick=reporter.step,
    )
    rows = [
        _row(settings, roi, each, names[roi], p_values.get(roi)) for roi, each in _comparable(brains).items()
    ]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    yield settings.facts("noise_ceiling", columns, settings.remark, ("roi",))


@dataclass(frozen=True)
class _Comparable:
    """RDMs of a region's S subjects among the stimuli that all of them saw.

    rdms : (S, P); None if they share too few stimuli. seen : (n,) bool, the shared stimuli.
    """

    n_subjects: int
    rdms: NDArray[Any] | None
    seen: NDArray[np.bool_]


@kept
def _comparable(brains: Mapping[str, Artifact]) -> dict[str, _Comparable]:
    brain = read_brains(brains)
    everything = np.ones((1, len(brain.conditions)), dtype=bool)
    found = {}
    for roi, rdms in brain.rdms.items():
        seen = everything if brain.seen is None else brain.seen[roi]
        found[roi] = _Comparable(len(rdms), on_shared_stimuli(rdms, seen), np.asarray(seen.all(axis=0)))
    return found


@kept
def _agreement(
    brains: Mapping[str, Artifact],
    measure: Measure,
    permutations: int,
    seed: int,
    memory: int,
    *,
    tick: Tick,
) -> dict[str, float]:
    """Region -> p of the test of its ceiling, which is the same in every protocol of a measure."""
    of_stimuli: dict[bytes, dict[str, NDArray[Any]]] = {}
    for roi, each in _comparable(brains).items():
        if each.rdms is not None and each.n_subjects >= FEWEST_SUBJECTS:
            of_stimuli.setdefault(each.seen.tobytes(), {})[roi] = each.rdms
    p_values: dict[str, float] = {}
    for several in of_stimuli.values():
        p_values |= agreement_tests(
            several,
            permutations=permutations,
            seed=seed,
            measure=measure,
            memory=memory,
            names=_names(brains),
            tick=tick,
        )
    return p_values


def _names(brains: Mapping[str, Artifact]) -> dict[str, list[str]]:
    """Region -> names of its subjects' RDMs for errors."""
    return {
        roi: [f"{roi}, {subject}" for subject in subjects]
        for roi, subjects in read_brains(brains).subjects.items()
    }


def _row(
    settings: NoiseCeilingSettings, roi: str, region: _Comparable, names: list[str], p_value: float | None
) -> dict[str, Any]:
    """The columns of one region: those that its subjects and shared stimuli do not allow are None."""
    row: dict[str, Any] = {
        "roi": roi,
        "n_subjects": region.n_subjects,
        "n_stimuli": int(np.count_nonzero(region.seen)),
    }
    row |= dict.fromkeys(("lower", "upper", "p_value", "interval_lower", "interval_upper"))
    row |= {"level": settings.level, "permutations": settings.permutations, "seed": settings.seed}
    how: dict[str, Any] = {
        "combine": settings.settings.ceiling_combine,
        "average": settings.settings.ceiling_average,
        "measure": settings.settings.measure,
        "names": names,
    }
    if region.rdms is None:
        return row
    if region.n_subjects >= FEWEST_SUBJECTS:
        ceiling = noise_ceiling(region.rdms, **how)
        row |= {"lower": ceiling.lower, "upper": ceiling.upper, "p_value": p_value}
    if region.n_subjects >= FEWEST_SUBJECTS_OF_AN_INTERVAL:
        interval = lower_ceiling_interval(region.rdms, level=settings.level, **how)
        row |= {"interval_lower": float(interval.lower), "interval_upper": float(interval.upper)}
    return row
