"""The job that stores model RDMs from files of RDMs or features that another program computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from alignhouse.ingest.features.given.layers import GivenAs, GivenLayer, Wanted, given_layers
from alignhouse.ingest.features.gram_files import gram_output, model_rdm_folder
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.vectors import vector_table

VERSION = 2


class PrecomputedSettings(JobSettings):
    """Settings of the RDMs of a network from files.

    conditions : the stimuli of the RDMs, in order. given_as, in_stimulus_order : see `layers.Wanted`.
    keep : what is kept beside RDMs.
    """

    model: str
    conditions: tuple[str, ...]
    given_as: GivenAs
    in_stimulus_order: bool
    keep: tuple[Literal["grams"], ...] = ()

    def as_json(self) -> dict[str, Any]:
        # Keys of jobs from before this setting existed have no such field.
        given = super().as_json()
        if not self.keep:
            del given["keep"]
        return given


def precomputed_batch(
    network: str,
    folder: Path,
    files: Sequence[Path],
    sha256: Mapping[Path, str],
    conditions: Sequence[str],
    *,
    given_as: GivenAs = "rdms",
    in_stimulus_order: bool = False,
    grams: bool = False,
    memory: int,
) -> Batch:
    """Store the model RDMs of one network from files of RDMs or features, in the format of extracted RDMs.

    Parameters
    ----------
    folder : of the network. files : in it, of `folders.find_given`; sha256 : their hashes.
    conditions : the stimuli of the RDMs' rows and columns, in order.
    given_as : what arrays are that no name says. in_stimulus_order : see `layers.Wanted`.
    grams : keep Gram matrices in a second file, unless a layer is given as an RDM. memory : bytes for values.
    """
    settings = PrecomputedSettings(
        model=network,
        conditions=tuple(conditions),
        given_as=given_as,
        in_stimulus_order=in_stimulus_order,
        keep=("grams",) if grams else (),
    )
    job = Job(
        method="precomputed_rdms",
        version=VERSION,
        settings=settings.as_json(),
        inputs={path.relative_to(folder).as_posix(): sha256[path] for path in files},
        label=network,
    )
    return single(job, store_precomputed, folder=folder, files=tuple(files), memory=memory)


def store_precomputed(
    job: Job, reporter: Reporter, folder: Path, files: Sequence[Path], memory: int
) -> Iterator[Output]:
    """The stored RDMs; see `precomputed_batch`.

    Raises
    ------
    BadInput : as `layers.given_layers`; or two layers have one name.
    """
    settings = PrecomputedSettings.of(job)
    wanted = Wanted(
        settings.model, settings.conditions, settings.given_as, settings.in_stimulus_order, memory
    )
    layers: dict[str, GivenLayer] = {}
    for layer in given_layers(folder, files, wanted):
        if layer.name in layers:
            raise BadInput(f"two layers of {settings.model} in {folder}", found=f"both called {layer.name}")
        layers[layer.name] = layer if settings.keep else replace(layer, gram=None)
        reporter.doing(f"read layer {layer.name}")
    table = vector_table(
        {"layer": list(layers), "layer_index": list(range(len(layers)))},
        "rdm",
        np.stack([layer.rdm for layer in layers.values()]),
    )
    # Files do not say where their layer lies in the network (see `layer_order`), nor how wide it is.
    table = table.append_column("depth", pa.nulls(len(layers), pa.float64()))
    table = table.append_column("width", pa.nulls(len(layers), pa.int64()))
    about = {
        "conditions": list(settings.conditions),
        "matched": "by name" if all(layer.is_named for layer in layers.values()) else "by position",
    }
    yield Output(model_rdm_folder(settings.model), table, about=about)
    grams = [layer.gram for layer in layers.values() if layer.gram is not None]
    if len(grams) == len(layers):
        names: dict[str, list[Any]] = {
            "layer": list(layers),
            "layer_index": list(range(len(layers))),
            "depth": [None] * len(layers),
            "width": [gram.width for gram in grams],
        }
        yield gram_output(settings.model, names, grams, about)
