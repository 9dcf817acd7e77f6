"""Stores the catalog in a warehouse: networks and their layers, without an extraction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alignhouse.ingest.features.description_jobs import model_batch, network_layers_batch
from alignhouse.ingest.models.catalog import Network
from alignhouse.study.analyse import protocol_batches
from alignhouse.study.protocol import Protocol
from alignhouse.warehouse.runs import Run


def ingest_models(
    run: Run, networks: Sequence[Network], protocols: Mapping[str, Protocol], *, layers: bool
) -> dict[str, str]:
    """Write rows of `model` for each network, and of `layer` for each network and protocol.

    Returns network -> why its layers could not be found; all other networks are done.

    Parameters
    ----------
    layers : also build each network without weights and run it on a blank clip, to find the names and widths
        of its layers.
    """
    run.do("Describing protocols", protocol_batches(protocols))
    run.do(
        "Describing networks",
        [model_batch(network.name, network, "pretrained", "") for network in networks],
    )
    if not layers:
        return {}
    extractions = {name: each.extraction for name, each in protocols.items()}
    batches = {network.name: network_layers_batch(network, extractions) for network in networks}
    _, failures = run.try_each("Finding layers", batches.values())
    keys = {name: batch.jobs[0].key for name, batch in batches.items()}
    return {name: failures[key] for name, key in keys.items() if key in failures}
