"""The networks of a study, each with the weights that the study asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alignhouse.ingest.features.given.folders import find_given
from alignhouse.ingest.features.jobs import model_name
from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.weights import WeightsKind, check_weights, weights_kind
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


def model_names(study: Study, networks: Sequence[tuple[Network, WeightsKind]]) -> list[str]:
    """The names of a study's networks in its results.

    Parameters
    ----------
    networks : those of `weighted_networks`; unused if files give RDMs or features instead.

    Raises
    ------
    BadInput : as `given_files`.
    """
    if study.networks.given is not None:
        return list(given_files(study))
    return [
        model_name(network.name, weights_kind(network, kind), study.networks.seed)
        for network, kind in networks
    ]


def given_files(study: Study) -> dict[str, list[Path]]:
    """Network -> its files, in a study that gives RDMs or features; BadInput as `find_given`."""
    assert study.networks.given is not None
    given_as, folder = study.networks.given
    return find_given(folder, "model RDMs" if given_as == "rdms" else "features of networks")


def check_weights_of(networks: Sequence[tuple[Network, WeightsKind]]) -> None:
    """`check_weights` of networks, each with its own kind of weights."""
    for kind in dict.fromkeys(kind for _, kind in networks):
        check_weights([network for network, its in networks if its == kind], kind)
