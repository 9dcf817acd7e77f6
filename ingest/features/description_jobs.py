"""The rows that describe networks and their layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from alignhouse.ingest.features.layer_order import LayerOrder
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.selection import known_facts
from alignhouse.ingest.models.sources.registry import source_of
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.errors import error_in_words
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.tables import rows_output

MODEL_VERSION = 2
LAYERS_VERSION = 1
NETWORK_LAYERS_VERSION = 1
# Networks whose layers a dry pass decides.
_TRIED_LAYERS_VERSION = 2
UNKNOWN = "unknown"
NO_TRAINING = "none"
# The columns of `model` that can be counted.
COUNTED = ("parameters", "gflops")
_COUNTED = "counted"
# The size of a typical clip; its content does not affect the names or widths of layers.
CLIP_FRAMES, FRAME_SHAPE = 90, (268, 268, 3)


class NetworkLayersSettings(JobSettings):
    """Settings of the layers of an untrained network.

    network : its identity. extraction : protocol -> settings that differ from the defaults.
    versions : of the libraries that build the network.
    """

    network: dict[str, Any]
    extraction: dict[str, dict[str, Any]]
    versions: dict[str, str]


def model_batch(
    name: str,
    network: Network | str,
    weights: str,
    remark: str,
    facts: Mapping[str, object] | None = None,
) -> Batch:
    """The row that describes a network; missing facts are "unknown".

    Parameters and multiply-adds of a study's own network are counted where the study does not declare them.

    An untrained network has no accuracy, and its training data set and objective are "none": those of the
    record belong to the published weights.

    Parameters
    ----------
    network : its record, or its name if only its RDMs are known.
    weights : "pretrained", "random", or "precomputed" if only its RDMs are known.
    facts : column -> value, as the user states it; replaces what the catalog says.
    """
    known = known_facts(network) if isinstance(network, str) else network
    row: dict[str, object] = {
        "model": name,
        "network": network if isinstance(network, str) else network.name,
        "source": known.source if known else UNKNOWN,
        "source_id": known.source_id if known else None,
        "model_type": known.model_type if known else UNKNOWN,
        "arch_type": known.arch_type if known else UNKNOWN,
        "family": known.family if known else UNKNOWN,
        "training_dataset": known.training_dataset if known else UNKNOWN,
        "objective": known.objective if known else UNKNOWN,
        "parameters": known.parameters_counted or known.parameters_published if known else None,
        "gflops": known.gflops_published or known.gflops_counted if known else None,
        "top1": known.top1 if known else None,
        "resolution": _resolution(known) if known else None,
        "licence": known.licence if known else None,
        "weights": weights,
        "remark": remark,
    }
    row |= facts or {}
    if weights == "random":
        row |= {"training_dataset": NO_TRAINING, "objective": NO_TRAINING, "top1": None}
    counted = [figure for figure in COUNTED if row[figure] is None]
    if isinstance(network, str) or network.own is None or not counted:
        job = Job(method="model", version=MODEL_VERSION, settings=row, inputs={}, label=name)
        return single(job, describe_model)
    # Counting depends on the code that builds the network, so that is part of the key too; layers are not.
    built = {key: value for key, value in network.identity().items() if key != "layers"}
    counting = {"figures": counted, "network": built, "versions": source_of(network).versions()}
    settings = {**row, _COUNTED: counting}
    job = Job(method="model", version=MODEL_VERSION, settings=settings, inputs={}, label=name)
    return single(job, describe_model, network=network)


def _resolution(network: Network) -> int | None:
    return network.resolution or (network.input_shape[-1] if network.input_shape else None)


def describe_model(job: Job, reporter: Reporter, network: Network | None = None) -> Iterator[Output]:
    """The row of `model`; see `model_batch`.

    Parameters
    ----------
    network : its figures are counted, as far as the settings say. A figure that cannot be counted is reported
        and stays unknown: the features do not depend on it.
    """
    row = dict(job.settings)
    counting = row.pop(_COUNTED, None)
    if counting is not None and network is not None:
        from alignhouse.ingest.features.counts import count

        reporter.doing("counting parameters and multiply-adds")
        try:
            counts = count(network)
        except Exception as error:  # the network's own code can raise anything
            figures = " and ".join(counting["figures"])
            reporter.say(f"{network.name}: {figures} could not be counted: {error_in_words(error)}")
        else:
            row |= {figure: getattr(counts, figure) for figure in counting["figures"]}
    yield rows_output("model", {name: [value] for name, value in row.items()}, ("model",))


def layers_batch(protocol: str, model: str, rdms: Artifact, order: LayerOrder | None = None) -> Batch:
    """The rows that describe a network's layers under a protocol, from its stored RDMs.

    Parameters
    ----------
    order : of the layers; None: that of the RDMs. If no order is known, depth is null, and the index is the
        place among the RDMs.
    """
    layers = rdms.rows(["layer", "layer_index", "depth", "width"]).to_dict(as_series=False)
    if order is not None:
        layers |= _placed(layers["layer"], order)
    columns = {
        "protocol": [protocol] * len(layers["layer"]),
        "model": [model] * len(layers["layer"]),
        **layers,
    }
    job = Job(
        method="layers", version=LAYERS_VERSION, settings=columns, inputs={}, label=f"layers of {model}"
    )
    return single(job, describe_layers)


def _placed(layers: Sequence[str], order: LayerOrder) -> dict[str, list[Any]]:
    if order.layers is None:
        return {"layer_index": list(range(len(layers))), "depth": [None] * len(layers)}
    index = {name: place for place, name in enumerate(order.layers)}
    last = max(len(layers) - 1, 1)
    depths = order.depths or [place / last for place in range(len(layers))]
    return {
        "layer_index": [index[name] for name in layers],
        "depth": [depths[index[name]] for name in layers],
    }


def describe_layers(job: Job, reporter: Reporter) -> Iterator[Output]:
    """The rows of `layer`; see `layers_batch`."""
    yield _layer_rows(job.settings)


def network_layers_batch(network: Network, extractions: Mapping[str, ExtractionSettings]) -> Batch:
    """The rows of a network's layers under each protocol; the untrained network is run on a blank clip.

    Parameters
    ----------
    extractions : protocol -> its settings.
    """
    settings = NetworkLayersSettings(
        network=network.identity(),
        extraction={name: each.in_keys() for name, each in extractions.items()},
        versions=source_of(network).versions(),
    )
    job = Job(
        method="network_layers",
        version=_TRIED_LAYERS_VERSION if network.tries_layers else NETWORK_LAYERS_VERSION,
        settings=settings.as_json(),
        inputs={},
        label=network.name,
    )
    return single(job, find_network_layers, network=network)


def find_network_layers(job: Job, reporter: Reporter, network: Network) -> Iterator[Output]:
    """The rows of `layer`; see `network_layers_batch`."""
    from alignhouse.ingest.features.extract import measure_widths
    from alignhouse.ingest.models.build import build_network

    extractions = {
        protocol: ExtractionSettings.model_validate(each)
        for protocol, each in NetworkLayersSettings.of(job).extraction.items()
    }
    built = build_network(network, weights="random")
    clip = np.zeros((frames_of_a_clip(network), *FRAME_SHAPE), np.uint8)
    measured = measure_widths(
        network, built.module, lambda: clip, list(extractions.values()), transform=built.transform
    )
    for protocol, widths in zip(extractions, measured, strict=True):
        last = max(len(widths) - 1, 1)
        yield _layer_rows(
            {
                "protocol": [protocol] * len(widths),
                "model": [network.name] * len(widths),
                "layer": list(widths),
                "layer_index": list(range(len(widths))),
                "depth": [index / last for index in range(len(widths))],
                "width": list(widths.values()),
            }
        )


def frames_of_a_clip(network: Network) -> int:
    """How many frames of a typical clip a network needs to be tried."""
    return 1 if network.takes == "frames" else CLIP_FRAMES


def _layer_rows(columns: Mapping[str, Sequence[Any]]) -> Output:
    return rows_output("layer", columns, ("protocol", "model"))
