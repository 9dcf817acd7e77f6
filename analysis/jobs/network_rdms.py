"""The stored RDMs of several networks, stacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.jobs.scope import Brains, find_layers
from alignhouse.warehouse.artifacts import Artifact

# A layer's RDM in float64, its ranks in float32, and room for buffers.
BYTES_PER_PAIR = 16


@dataclass(frozen=True)
class StackedRdms:
    """RDMs of the layers of several networks.

    layers : network -> names of its layers. rows : network -> its rows in `rdms`.
    rdms : (L, P) float64, sorted by network. labels : (L) names of the layers in error messages.
    """

    layers: Mapping[str, list[str]]
    rows: Mapping[str, slice]
    rdms: NDArray[Any]
    labels: list[str]


def read_networks(names: Sequence[str], rdms: Mapping[str, Artifact], brains: Brains) -> StackedRdms:
    """Load the RDMs of networks; raises BadInput if their conditions differ from those of the brains."""
    layers, rows, vectors, labels = {}, {}, [], list[str]()
    for name in names:
        layers[name], of_network = find_layers(name, rdms[name], brains)
        rows[name] = slice(len(labels), len(labels) + len(layers[name]))
        labels += [f"{name}, layer {layer}" for layer in layers[name]]
        vectors.append(of_network)
    return StackedRdms(layers, rows, np.concatenate(vectors), labels)
