"""Batches for tests, and their artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.executors.local import local
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.progress import Silent


def batch_of(job: Job, *outputs: Output) -> Batch:
    """A batch of one job whose outputs are known."""
    return single(job, _given, outputs=outputs)


def made(root: Path, batch: Batch) -> list[Artifact]:
    """The artifacts of all jobs of a batch, written but not registered; raises the error of a job."""
    artifacts: list[Artifact] = []
    for _, result in local(root, [batch], lambda job: Silent()):
        if isinstance(result, Exception):
            raise result
        artifacts += result
    return artifacts


def _given(job: Job, reporter: Reporter, outputs: Sequence[Output]) -> Sequence[Output]:
    return outputs
