"""The networks of a study, each with the weights that the study asks for."""

from __future__ import annotations

from collections.abc import Sequence

from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.weights import WeightsKind, check_weights
from alignhouse.study.file import Study


def weighted_networks(study: Study, *, own: bool = True) -> list[tuple[Network, WeightsKind]]:
    """The networks of a study with their weights: those included, then the untrained ones beside them.

    Parameters and errors as in `Study.chosen_networks` and `Study.untrained_networks`.
    """
    chosen = [(network, study.networks.weights) for network in study.chosen_networks(own=own)]
    untrained: list[tuple[Network, WeightsKind]] = [
        (network, "random") for network in study.untrained_networks(own=own)
    ]
    return [*chosen, *untrained]


def check_weights_of(networks: Sequence[tuple[Network, WeightsKind]]) -> None:
    """`check_weights` of networks, each with its own kind of weights."""
    for kind in dict.fromkeys(kind for _, kind in networks):
        check_weights([network for network, its in networks if its == kind], kind)
