"""Which weights a study needs, whether they are available, and what identifies them.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import importlib.util
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from alignhouse.ingest.models.network import Network, WeightsKind
from alignhouse.ingest.models.sources.registry import source_of
from alignhouse.ingest.models.sources.source import refuse_missing
from alignhouse.ingest.models.weights_files import checkpoint_file, weights_folder
from alignhouse.warehouse.errors import BadInput

__all__ = [
    "WeightsKind",
    "check_weights",
    "checkpoint_file",
    "refuse_trained_functions",
    "weights_folder",
    "weights_identity",
    "weights_kind",
]

_SECONDS = 10.0


def weights_kind(network: Network, weights: WeightsKind) -> WeightsKind:
    """The weights that a network has in a study with `weights`; a declaration may ask for random ones."""
    declared_random = network.own is not None and network.own.origin == "random"
    return "random" if declared_random else weights


def refuse_trained_functions(networks: Sequence[Network], key: str = 'networks.weights = "random"') -> None:
    """Check the networks that a study asks for with random weights.

    Parameters
    ----------
    key : what in the study file asks for them; for the error.

    Raises
    ------
    BadInput : a source returns its networks as they are, and a declaration does not say that the weights are
        random, nor which arguments give them.
    """
    for network in networks:
        has_arguments = network.own is not None and network.own.untrained is not None
        if source_of(network).has_random_weights or has_arguments:
            continue
        if weights_kind(network, "pretrained") != "random":
            raise BadInput(
                f"{key}, but network {network.name} is what a {network.source} gives",
                expected='weights = "random" in its declaration, if they are random, or untrained = { ... }, '
                "arguments that give it untrained",
                hint="declare it so, or exclude the network",
            )


def weights_identity(network: Network, weights: WeightsKind, seed: int = 0) -> str:
    """The identity of a network's weights in job keys: equal strings mean equal weights.

    "random:seed=0:torch=<version>,<source>=<version>", since another version may initialise otherwise;
    "pretrained:<source>:<name of the weights>", with the published start of the file's sha256, if any;
    "checkpoint:sha256=<sha256>" for a file of the study's own;
    "function:<sha256 of its file>:state=<sha256 of the tensors>", for which the function is called.

    Raises
    ------
    BadInput : a checkpoint file of the study's own is missing or differs from its declared sha256, or a
        function fails.
    """
    return source_of(network).weights_identity(network, weights_kind(network, weights), seed)


def check_weights(
    networks: Sequence[Network],
    weights: WeightsKind,
    *,
    folder: Path | None = None,
    reachable: Callable[[str], bool] | None = None,
) -> None:
    """Check that all networks can be built, before any of them is. Downloads no weights.

    Checkpoints of mmaction2 must be in `folder`. Weights of torchvision and timm must be cached, or their hub
    must answer now. Packages that a network needs must be installed. `weights_identity` checks the checkpoint
    files of a study's own.

    Parameters
    ----------
    reachable : tells whether an address answers, called once an address; default: over the network.

    Raises
    ------
    BadInput : names all networks that lack a package or weights.
    """
    lacking = [network for network in networks if not _package_is_installed(network)]
    if lacking:
        raise BadInput(
            "packages for " + ", ".join(network.name for network in lacking),
            expected=", ".join(sorted({network.needs or "" for network in lacking})),
            found="not installed",
            hint="install them, or exclude these networks",
        )
    answers = cache(reachable or _answers)
    pretrained = [network for network in networks if weights_kind(network, weights) == "pretrained"]
    found = [source_of(network).missing_weights(network, folder, answers) for network in pretrained]
    refuse_missing([each for each in found if each is not None])


def _package_is_installed(network: Network) -> bool:
    return network.needs is None or importlib.util.find_spec(network.needs) is not None


def _answers(address: str) -> bool:
    request = urllib.request.Request(address, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
