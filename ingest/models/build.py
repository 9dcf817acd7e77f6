"""Builds any network: its module in evaluation mode, from whatever source it comes.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alignhouse.ingest.models.network import Network, WeightsKind
from alignhouse.ingest.models.seeding import seeded
from alignhouse.ingest.models.sources.registry import source_of
from alignhouse.ingest.models.sources.source import Built
from alignhouse.ingest.models.weights import weights_kind

if TYPE_CHECKING:
    import torch

__all__ = ["Built", "build", "build_network"]


def build_network(
    network: Network, *, weights: WeightsKind, seed: int = 0, folder: Path | None = None
) -> Built:
    """The network in evaluation mode, on the CPU, without gradients.

    Parameters
    ----------
    weights : "pretrained", the weights of the catalog or of the declaration; "random", the library's own
        initialisation. A function returns its own weights in both cases.
    seed : seed of the random initialisation. Seed 0 gives the same weights as `torch.manual_seed(0)` followed
        by the library's constructor (or the function). The state of torch's global generator is restored.
    folder : folder of the catalog's checkpoint files; default: `weights_folder()`.

    Raises
    ------
    BadInput : weights or a package are missing, cannot be downloaded, or do not fit; a function fails, or
        does not return a module, a transform and the network's name.
    """
    with seeded(seed):
        built = source_of(network).build(network, weights_kind(network, weights), folder)
    built.module.eval().requires_grad_(False)
    return built


def build(
    network: Network, *, weights: WeightsKind, seed: int = 0, folder: Path | None = None
) -> torch.nn.Module:
    """The module of `build_network`."""
    return build_network(network, weights=weights, seed=seed, folder=folder).module
