"""Stored RDMs of a few brains and networks, for tests of the jobs that read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from small_batches import batch_of, made

from alignhouse.analysis.jobs.scope import Model
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.executors.local import local
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.progress import Silent
from alignhouse.warehouse.vectors import vector_table

CONDITIONS = [f"{number:04d}" for number in range(1, 11)]
N_PAIRS = 45
SUBJECTS = {"V1": ["sub-01", "sub-02", "sub-03"], "EBA": ["sub-01", "sub-03"]}
LAYERS = {"a": ["conv", "pool", "fc"], "b": ["block", "head"], "c": ["only"]}


@dataclass(frozen=True)
class Stored:
    """RDMs as arrays, and the artifacts that hold them."""

    root: Path
    brain_rdms: Mapping[str, NDArray[np.float64]]
    model_rdms: Mapping[str, NDArray[np.float64]]
    brains: Mapping[str, Artifact]
    models: tuple[Model, ...]


def store_rdms(
    root: Path,
    names: Mapping[str, list[str]],
    rdms: NDArray[np.float64],
    conditions: list[str],
    unseen: Mapping[str, list[str]] | None = None,
) -> Artifact:
    """The artifact of RDMs (n, P); `names` are those of its rows. unseen : subject -> conditions."""
    table = vector_table(names, "rdm", rdms, gaps=bool(unseen))
    job = Job("rdm", 1, {"rows": np.nan_to_num(rdms).tolist(), **names}, {}, "rdm")
    about = {"conditions": conditions, **({"unseen": unseen} if unseen else {})}
    [artifact] = made(root, batch_of(job, Output(("rdms",), table, about=about)))
    return artifact


def artifacts_of(root: Path, batch: Batch) -> dict[str, list[Artifact]]:
    """The artifacts of each job of a batch, by its key; raises the error of a job."""
    found: dict[str, list[Artifact]] = {}
    for job, result in local(root, [batch], lambda job: Silent()):
        if isinstance(result, Exception):
            raise result
        found[job.key] = result
    return found
