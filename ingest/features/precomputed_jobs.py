"""The job that stores model RDMs that the user computed elsewhere."""

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
    """Settings of precomputed RDMs. conditions : the stimuli of the RDMs' rows and columns, in order."""

    model: str
    conditions: tuple[str, ...]


def precomputed_batch(
    network: str, files: Sequence[Path], sha256: Mapping[str, str], conditions: Sequence[str]
) -> Batch:
    """Check and store the model RDMs of one network, in the format of extracted RDMs.

    Parameters
    ----------
    files : of the RDMs, see `read_model_rdms`. sha256 : name of a file -> its hash.
    conditions : the stimuli of the RDMs' rows and columns, in order.
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
    BadInput : the size of the RDMs differs from the number of conditions; or see `read_model_rdms`.
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
    table = vector_table(
        {"layer": list(layers), "layer_index": list(range(len(layers)))},
        "rdm",
        np.stack(list(layers.values())),
    )
    # Files do not say where their layer lies in the network (see `layer_order`), nor how wide it is.
    table = table.append_column("depth", pa.nulls(len(layers), pa.float64()))
    table = table.append_column("width", pa.nulls(len(layers), pa.int64()))
    yield Output(model_rdm_folder(settings.model), table, about={"conditions": list(settings.conditions)})
