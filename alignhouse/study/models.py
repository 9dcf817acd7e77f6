"""The catalog in a warehouse: what networks there are and what layers they have, before any is extracted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from alignhouse.ingest.features.jobs import model_job
from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.sources.registry import source_of
from alignhouse.study.analyse import protocol_job
from alignhouse.study.file import Protocol
from alignhouse.warehouse.artifacts import hive
from alignhouse.warehouse.columns import table
from alignhouse.warehouse.jobs import Job, Output, Tick
from alignhouse.warehouse.runs import Run

VERSION = 1
# A clip as BOLD Moments has them: what is in it changes no layer's name or width.
CLIP_FRAMES, FRAME_SHAPE = 90, (268, 268, 3)
_LAYER = pa.schema(
    {
        "protocol": pa.string(),
        "model": pa.string(),
        "layer": pa.string(),
        "layer_index": pa.int32(),
        "depth": pa.float64(),
        "width": pa.int64(),
    }
)


def ingest_models(
    run: Run, networks: Sequence[Network], protocols: Mapping[str, Protocol], *, layers: bool
) -> dict[str, str]:
    """Rows of `model` for each network, and of `layer` for each network and protocol.

    Parameters
    ----------
    layers : also build each network, untrained, and show it a blank clip, for names and widths of its layers.

    Gives network -> why its layers could not be found out; the others are done.
    """
    run.do("Describing protocols", [protocol_job(name, each) for name, each in protocols.items()])
    rows = [model_job(network.name, network, "pretrained", "") for network in networks]
    run.do("Describing networks", rows)
    if not layers:
        return {}
    jobs = {network.name: layers_of_network_job(network, protocols) for network in networks}
    _, failures = run.try_each("Finding layers", jobs.values())
    return {name: failures[job.key] for name, job in jobs.items() if job.key in failures}


def layers_of_network_job(network: Network, protocols: Mapping[str, Protocol]) -> Job:
    """The rows that describe a network's layers under each protocol, from a blank clip that it is shown."""
    extractions = {name: each.extraction for name, each in protocols.items()}
    versions = source_of(network).versions()

    def work(tick: Tick) -> Iterator[Output]:
        from alignhouse.ingest.features.extract import measure_widths
        from alignhouse.ingest.models.build import build_network

        built = build_network(network, weights="random")
        frames = 1 if network.takes == "frames" else CLIP_FRAMES
        clip = np.zeros((frames, *FRAME_SHAPE), np.uint8)
        measured = measure_widths(
            network, built.module, lambda: clip, list(extractions.values()), transform=built.transform
        )
        for protocol, widths in zip(extractions, measured, strict=True):
            last = max(len(widths) - 1, 1)
            columns: dict[str, Sequence[object]] = {
                "protocol": [protocol] * len(widths),
                "model": [network.name] * len(widths),
                "layer": list(widths),
                "layer_index": list(range(len(widths))),
                "depth": [index / last for index in range(len(widths))],
                "width": list(widths.values()),
            }
            folder = ("facts", hive("table", "layer"))
            yield Output(folder, table(_LAYER, columns), table="layer", slot=("protocol", "model"))

    return Job(
        method="network_layers",
        version=VERSION,
        settings={
            "network": network.identity(),
            "extraction": {
                name: each.model_dump(mode="json", exclude_defaults=True)
                for name, each in extractions.items()
            },
            "versions": versions,
        },
        inputs={},
        label=network.name,
        work=work,
    )
