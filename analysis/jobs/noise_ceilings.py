"""Noise ceilings: the score of the best possible model in each region."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alignhouse.analysis.jobs.scope import Scope
from alignhouse.analysis.statistics.noise_ceiling import noise_ceiling
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.jobs import Job, Output

VERSION = 1
FEWEST_SUBJECTS_OF_A_CEILING = 2


class NoiseCeilingSettings(Scope):
    """Settings of the noise ceilings of all regions."""

    remark: str


def noise_ceiling_batch(scope: Scope, brains: Mapping[str, Artifact], remark: str) -> Batch:
    """The noise ceilings of all regions. A region with a single subject has no ceiling, and its row says so.

    Parameters
    ----------
    brains : region -> artifact of its RDMs.
    """
    job = Job(
        method="noise_ceiling",
        version=VERSION,
        settings=NoiseCeilingSettings(**dict(scope), remark=remark).as_json(),
        inputs={roi: each.artifact for roi, each in brains.items()},
        label=f"noise ceilings, protocol {scope.protocol}",
    )
    return single(job, compute_noise_ceilings, brains=brains)


def compute_noise_ceilings(job: Job, reporter: Reporter, brains: Mapping[str, Artifact]) -> Iterator[Output]:
    """The rows of `noise_ceiling`; see `noise_ceiling_batch`."""
    settings = NoiseCeilingSettings.of(job)
    bounds: list[tuple[float | None, float | None]] = []
    counts = []
    for roi, artifact in brains.items():
        names, rdms = artifact.vectors("rdm")
        counts.append(len(rdms))
        if len(rdms) < FEWEST_SUBJECTS_OF_A_CEILING:
            bounds.append((None, None))
            continue
        ceiling = noise_ceiling(
            rdms,
            combine=settings.settings.ceiling_combine,
            average=settings.settings.ceiling_average,
            names=[f"{roi}, {subject}" for subject in names["subject"]],
        )
        bounds.append((ceiling.lower, ceiling.upper))
    columns = {
        "roi": list(brains),
        "lower": [lower for lower, _ in bounds],
        "upper": [upper for _, upper in bounds],
        "n_subjects": counts,
    }
    yield settings.facts("noise_ceiling", columns, settings.remark, ("roi",))
