"""Noise ceilings: the score of the best possible model in each region, and whether it is above chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.jobs.room import Limits, room_if_needed
from alignhouse.analysis.jobs.scope import Scope, name_brains, read_brains
from alignhouse.analysis.kernels.measure_names import Measure
from alignhouse.analysis.kernels.threads import Tick
from alignhouse.analysis.statistics.ceiling_in_blocks import RegionCeiling, ceiling_in_blocks
from alignhouse.analysis.statistics.noise_ceiling import (
    FEWEST_SUBJECTS,
    FEWEST_SUBJECTS_OF_AN_INTERVAL,
    lower_ceiling_interval,
    noise_ceiling,
)
from alignhouse.analysis.statistics.rsa_in_blocks import Room
from alignhouse.analysis.statistics.seen import on_shared_stimuli
from alignhouse.analysis.statistics.subject_agreement import agreement_tests
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.kept import kept

VERSION = 2
# For each pair of stimuli: a subject's dissimilarity and rank, the mean of the others, and its rank.
BYTES_A_SUBJECT = 32


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
    limits: Limits | None = None,
) -> Batch:
    """The noise ceilings of all regions. A region with a single subject has no ceiling, and its row says so.

    Parameters
    ----------
    brains : region -> artifact of its RDMs. memory : bytes for buffers.
    limits : RDMs that do not fit in these are compared in blocks of pairs; see `room_if_needed`.
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
    most_subjects = max(each.n_rows for each in brains.values())
    room = room_if_needed(scope.settings.measure, brains, limits, BYTES_A_SUBJECT * most_subjects)
    if room is not None:
        return single(job, noise_ceilings_in_blocks, brains=brains, room=room)
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


def noise_ceilings_in_blocks(
    job: Job, reporter: Reporter, brains: Mapping[str, Artifact], room: Room
) -> Iterator[Output]:
    """The rows of `noise_ceiling` of RDMs that do not fit in memory; see `noise_ceiling_batch`."""
    settings = NoiseCeilingSettings.of(job)
    brain = name_brains(brains)
    rows = []
    for done, (roi, subjects) in enumerate(brain.subjects.items()):

        def told(of_region: int, total: int, done: int = done) -> None:
            reporter.step(done * total + of_region, len(brains) * total)

        reporter.doing(f"comparing subjects in {roi}")
        found = ceiling_in_blocks(
            brains[roi].lazy_vectors("rdm"),
            settings.settings,
            level=settings.level,
            permutations=settings.permutations,
            seed=settings.seed,
            most_subjects=max(map(len, brain.subjects.values())),
            room=room,
            names=[f"{roi}, {subject}" for subject in subjects],
            tick=told,
        )
        rows.append(_columns(settings, roi, len(subjects), len(brain.conditions), found))
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
    """The columns of one region whose RDMs are in memory."""
    how: dict[str, Any] = {
        "combine": settings.settings.ceiling_combine,
        "average": settings.settings.ceiling_average,
        "measure": settings.settings.measure,
        "names": names,
    }
    found = RegionCeiling()
    if region.rdms is not None and region.n_subjects >= FEWEST_SUBJECTS:
        interval = None
        if region.n_subjects >= FEWEST_SUBJECTS_OF_AN_INTERVAL:
            interval = lower_ceiling_interval(region.rdms, level=settings.level, **how)
        found = RegionCeiling(noise_ceiling(region.rdms, **how), interval, p_value)
    return _columns(settings, roi, region.n_subjects, int(np.count_nonzero(region.seen)), found)


def _columns(
    settings: NoiseCeilingSettings, roi: str, n_subjects: int, n_stimuli: int, found: RegionCeiling
) -> dict[str, Any]:
    """The columns of one region: those that its subjects and shared stimuli do not allow are None."""
    ceiling, interval = found.ceiling, found.interval
    return {
        "roi": roi,
        "n_subjects": n_subjects,
        "n_stimuli": n_stimuli,
        "lower": ceiling and ceiling.lower,
        "upper": ceiling and ceiling.upper,
        "p_value": found.p_value,
        "interval_lower": interval and float(interval.lower),
        "interval_upper": interval and float(interval.upper),
        "level": settings.level,
        "permutations": settings.permutations,
        "seed": settings.seed,
    }
