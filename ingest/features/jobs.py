"""Jobs from stimuli and networks to stored model RDMs."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.ingest.models.weights import WeightsKind, weights_identity, weights_kind
from alignhouse.ingest.rdm import n_conditions
from alignhouse.ingest.stimuli.videos import Stimulus
from alignhouse.warehouse.artifacts import SCRATCH, Artifact, hive
from alignhouse.warehouse.errors import AlignhouseError, BadInput, in_words
from alignhouse.warehouse.jobs import Job, Output, Tick
from alignhouse.warehouse.vectors import vector_table

if TYPE_CHECKING:
    from alignhouse.ingest.features.extract import NetworkRdms
    from alignhouse.ingest.models.build import Built

EXTRACTION_VERSION = 2
PRECOMPUTED_VERSION = 1
PRECOMPUTED = "precomputed"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Extraction:
    """What every extraction of a study shares.

    Parameters
    ----------
    root : the warehouse.
    stimuli, sha256 : in the order of the RDMs, and the hash of each one's file.
    weights, seed : pretrained, or random with this seed; a network of the user's own may be random anyway.
    device : "cpu", "cuda" or "cuda:1". memory : bytes for buffers. scratch : bytes of disk for features.
    skip_bad : leave out layers that cannot be correlated; the artifact says which, and why.
    say : told where an extraction needs several passes.
    """

    root: Path
    stimuli: Sequence[Stimulus]
    sha256: Mapping[str, str]
    weights: WeightsKind
    seed: int
    device: str
    memory: int
    scratch: int
    skip_bad: bool = False
    say: Callable[[str], None] | None = None


def model_name(network: str, weights: WeightsKind, seed: int) -> str:
    """What a network is called in the warehouse: untrained ones carry their seed, so both can be there."""
    return network if weights == "pretrained" else f"{network}-random{seed}"


class Together:
    """The extractions of one network under several settings, done at once when the first is asked for.

    Parameters
    ----------
    build : gives the network; called once, when there is something to extract.

    Attributes
    ----------
    name : of the model; weights : of this network, pretrained or random; identity : of these weights, as job
        keys hold it.
    wanted : the settings that are to be extracted together; those that are done already are left out.

    Raises
    ------
    BadInput : see `alignhouse.ingest.models.weights.weights_identity`.
    """

    def __init__(self, extraction: Extraction, network: Network, build: Callable[[Network], Built]) -> None:
        self.extraction, self.network, self._build = extraction, network, build
        self.weights = weights_kind(network, extraction.weights)
        self.name = model_name(network.name, self.weights, extraction.seed)
        self.identity = weights_identity(network, extraction.weights, extraction.seed)
        self.wanted: list[ExtractionSettings] = []
        self._found: dict[ExtractionSettings, NetworkRdms] = {}
        self._failure = ""

    def rdms(self, settings: ExtractionSettings, tick: Tick) -> NetworkRdms:
        """The RDMs under `settings`; handed over once, so that they do not stay in memory."""
        if self._failure:
            # What failed under all settings together is not tried again for each.
            raise AlignhouseError(self._failure)
        if settings not in self._found:
            try:
                self._extract(list(dict.fromkeys([settings, *self.wanted])), tick)
            except Exception as error:
                self._failure = in_words(error)
                raise
        return self._found.pop(settings)

    def _extract(self, settings: list[ExtractionSettings], tick: Tick) -> None:
        from alignhouse.ingest.features.extract import extract_rdms_together

        stimuli = self.extraction.stimuli
        built = self._built()
        scratch = self.extraction.root / SCRATCH / f"features-{self.name}"
        scratch.mkdir(parents=True, exist_ok=True)
        try:
            found = extract_rdms_together(
                self.network,
                built.module,
                [stimulus.path for stimulus in stimuli],
                settings,
                device=self.extraction.device,
                scratch=scratch,
                memory=self.extraction.memory,
                scratch_bytes=self.extraction.scratch,
                skip_bad=self.extraction.skip_bad,
                on_stimulus=tick,
                say=self.extraction.say,
                transform=built.transform,
            )
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            # Networks hold references to themselves: without this, two would be in memory beside each other.
            del built
            gc.collect()
        self._found = dict(zip(settings, found, strict=True))
        self.wanted = []

    def _built(self) -> Built:
        built = self._build(self.network)
        if built.found_weights and built.found_weights != self.identity:
            raise BadInput(
                f"weights of network {self.network.name}",
                expected=self.identity,
                found=built.found_weights,
                hint="a file was changed since the run began, or a function gives something else each time",
            )
        return built


def extraction_job(together: Together, settings: ExtractionSettings, *, skip_bad: bool = False) -> Job:
    """The RDMs of all layers of a network under `settings`, a row each; without bad ones if `skip_bad`."""
    extraction, network, name = together.extraction, together.network, together.name

    def work(tick: Tick) -> Iterator[Output]:
        found = together.rdms(settings, tick)
        table = vector_table(
            {
                "layer": [layer.name for layer in found.layers],
                "layer_index": [layer.index for layer in found.layers],
                "depth": [layer.depth for layer in found.layers],
                "width": [layer.width for layer in found.layers],
            },
            "rdm",
            np.stack([layer.rdm for layer in found.layers]),
        )
        conditions = [stimulus.name for stimulus in extraction.stimuli]
        yield Output(_folder(name), table, about={"conditions": conditions, "notes": dict(found.notes)})

    return Job(
        method="extraction",
        version=EXTRACTION_VERSION,
        settings={
            "model": name,
            "network": network.identity(),
            "weights": together.identity,
            # Settings that later versions add leave the keys of what is done as they are; a default that
            # changes is another method version.
            "extraction": settings.model_dump(mode="json", exclude_defaults=True),
            **({"skip_bad": True} if skip_bad else {}),
        },
        inputs={stimulus.name: extraction.sha256[stimulus.name] for stimulus in extraction.stimuli},
        label=name,
        work=work,
    )


def precomputed_job(
    network: str,
    read: Callable[[], Mapping[str, np.ndarray]],
    source: Mapping[str, str],
    conditions: Sequence[str],
) -> Job:
    """The model RDMs of one network that the user computed elsewhere, checked and stored like our own.

    Parameters
    ----------
    read : gives layer -> condensed RDM (P,), in the order of their depth; called when the job is done.
    source : file -> hash, where they come from.
    conditions : the stimuli that the RDMs' rows stand for.

    The job raises what `read` raises, and BadInput for RDMs of other sizes than the conditions have.
    """

    def work(tick: Tick) -> Iterator[Output]:
        layers = read()
        for layer, rdm in layers.items():
            if n_conditions(len(rdm)) != len(conditions):
                raise BadInput(
                    f"model RDM of {network}, {layer}",
                    expected=f"{len(conditions)} conditions, one a stimulus",
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
        # How many features a layer had is not known from its RDM.
        table = table.append_column("width", pa.nulls(len(layers), pa.int64()))
        yield Output(_folder(network), table, about={"conditions": list(conditions)})

    return Job(
        method="precomputed_rdms",
        version=PRECOMPUTED_VERSION,
        settings={"model": network, "conditions": list(conditions)},
        inputs=dict(source),
        label=network,
        work=work,
    )


def model_job(name: str, network: Network | str, weights: str, remark: str) -> Job:
    """The row that describes a network; what is not known of it is "unknown".

    Parameters
    ----------
    network : its record, or what it is called, for one that only its RDMs are known of.
    """
    known = catalog().get(network) if isinstance(network, str) else network
    row: dict[str, object] = {
        "model": name,
        "network": network if isinstance(network, str) else network.name,
        "source": known.source if known else UNKNOWN,
        "source_id": known.source_id if known else None,
        "model_type": known.model_type if known else UNKNOWN,
        "arch_type": known.arch_type if known else UNKNOWN,
        "family": known.family if known else UNKNOWN,
        "training_dataset": known.training_dataset if known else UNKNOWN,
        "parameters": known.parameters_counted or known.parameters_published if known else None,
        "gflops": known.gflops_published or known.gflops_counted if known else None,
        "top1": known.top1 if known else None,
        "weights": weights,
        "remark": remark,
    }
    kinds = {"parameters": pa.int64(), "gflops": pa.float64(), "top1": pa.float64()}

    def work(tick: Tick) -> Iterator[Output]:
        table = pa.table({key: pa.array([value], kinds.get(key, pa.string())) for key, value in row.items()})
        yield Output(("facts", hive("table", "model")), table, table="model", slot=("model",))

    return Job(method="model", version=1, settings=row, inputs={}, label=name, work=work)


def layers_job(protocol: str, model: str, root: Path, rdms: Artifact) -> Job:
    """The rows that describe a network's layers under a protocol, from its stored RDMs."""
    layers = pl.read_parquet(
        root / rdms.path, columns=["layer", "layer_index", "depth", "width"], hive_partitioning=False
    ).to_dict(as_series=False)
    columns = {
        "protocol": [protocol] * len(layers["layer"]),
        "model": [model] * len(layers["layer"]),
        **layers,
    }

    def work(tick: Tick) -> Iterator[Output]:
        kinds = {"layer_index": pa.int32(), "width": pa.int64()}
        table = pa.table({key: pa.array(values, kinds.get(key)) for key, values in columns.items()})
        yield Output(("facts", hive("table", "layer")), table, table="layer", slot=("protocol", "model"))

    return Job(method="layers", version=1, settings=columns, inputs={}, label=f"layers of {model}", work=work)


def _folder(model: str) -> tuple[str, ...]:
    return ("rdms", "kind=model", hive("model", model))
