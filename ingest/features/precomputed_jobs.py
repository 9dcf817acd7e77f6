"""The job that stores model RDMs which the user computed elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from alignhouse.ingest.datasets.rdms.files import read_model_rdms
from alignhouse.ingest.features.jobs import model_rdm_folder
from alignhouse.ingest.rdm import n_conditions
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.vectors import vector_table

VERSION = 1


class PrecomputedSettings(JobSettings):
    """Settings of precomputed RDMs. conditions : the stimuli that rows and columns of the RDMs stand for."""

    model: str
    conditions: tuple[str, ...]


def precomputed_batch(
    network: str, files: Sequence[Path], sha256: Mapping[str, str], conditions: Sequence[str]
) -> Batch:
    """The model RDMs of one network, checked and stored like our own.

    Parameters
    ----------
    files : that hold the RDMs, as `read_model_rdms` reads them. sha256 : name of a file -> its hash.
    conditions : the stimuli that rows and columns of the RDMs stand for.
    """
    job = Job(
        method="precomputed_rdms",
        version=VERSION,
        settings=PrecomputedSettings(model=network, conditions=tuple(conditions)).as_json(),
        inputs=dict(sha256),
        label=network,
    )
    return single(job, store_precomputed, files=tuple(files))


def store_precomputed(job: Job, reporter: Reporter, files: Sequence[Path]) -> Iterator[Output]:
    """The stored RDMs; see `precomputed_batch`.

    Raises
    ------
    BadInput : RDMs of another size than the conditions have, or see `read_model_rdms`.
    """
    settings = PrecomputedSettings.of(job)
    layers = read_model_rdms(settings.model, files)
    for layer, rdm in layers.items():
        if n_conditions(len(rdm)) != len(settings.conditions):
            raise BadInput(
                f"model RDM of {settings.model}, {layer}",
                expected=f"{len(settings.conditions)} conditions, one per stimulus",
                found=n_conditions(len(rdm)),
            )
    last = max(len(layers) - 1, 1)
    table = vector_table(
        {
            "layer": list(layers),
            "layer_index": list(range(len(layers))),
            "depth": [index / last for index in range(len(layers))],
        },
        "rdm",
        np.stack(list(layers.values())),
    )
    # An RDM does not show how many features its layer had.
    table = table.append_column("width", pa.nulls(len(layers), pa.int64()))
    yield Output(model_rdm_folder(settings.model), table, about={"conditions": list(settings.conditions)})
