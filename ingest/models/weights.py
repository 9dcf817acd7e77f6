"""Which weights a study needs, where they lie, and what identifies them.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.states import hold_to_sha256
from alignhouse.warehouse.errors import BadInput

WeightsKind = Literal["pretrained", "random"]
FETCH_THEM = "alignhouse ingest weights"
FOLDER_VARIABLE = "ALIGNHOUSE_WEIGHTS"
_HUBS = {"torchvision": "https://download.pytorch.org", "timm": "https://huggingface.co"}
_SECONDS = 10.0


def weights_folder() -> Path:
    """Folder of mmaction2's checkpoints: ALIGNHOUSE_WEIGHTS in the environment, or in the user's cache."""
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given) if given else Path.home() / ".cache" / "alignhouse" / "weights"


def checkpoint_file(network: Network, folder: Path | None = None) -> Path:
    """Where the checkpoint of a network of mmaction2 is looked for."""
    return (folder or weights_folder()) / network.weights


def weights_kind(network: Network, weights: WeightsKind) -> WeightsKind:
    """Which weights a network has in a study with `weights`: one that is declared may be untrained anyway."""
    declared_random = network.own is not None and network.own.origin == "random"
    return "random" if declared_random else weights


def refuse_trained_functions(networks: Sequence[Network]) -> None:
    """Raises BadInput for a function among these that does not say that its network is untrained."""
    for network in networks:
        if network.source == "function" and weights_kind(network, "pretrained") != "random":
            raise BadInput(
                f'networks.weights = "random", but network {network.name} is what a function gives',
                expected='weights = "random" in its declaration, where they are',
                hint="declare it so, or exclude the network",
            )


def checkpoint_identity(network: Network) -> str:
    """What identifies the checkpoint file of a network of the user's own: all of its sha256.

    Raises
    ------
    BadInput : there is no such file, or it is not what it was declared to be.
    """
    assert network.own is not None
    assert network.own.checkpoint is not None
    file = network.own.checkpoint
    if not file.is_file():
        raise BadInput(
            f"weights of network {network.name}", expected=f"a checkpoint file {file}", found="none"
        )
    expected = network.own.sha256 or ""
    found = hold_to_sha256(network.name, file, expected, "another file, or another sha256 is meant")
    return f"checkpoint:sha256={found}"


def weights_identity(network: Network, weights: WeightsKind, seed: int = 0) -> str:
    """What the network's weights are, in words that go into job keys; equal words mean equal weights.

    "random:seed=0:torch=<version>,<source>=<version>", for another version may initialise otherwise, or
    "pretrained:<source>:<name of the weights>", followed by the start of the file's sha256 where the source
    publishes it. Of a network of the user's own also "checkpoint:sha256=...", the whole file's, or
    "function:<sha256 of its file>:state=<sha256 of the tensors>", for which the function is called.

    Raises
    ------
    BadInput : a checkpoint file of the user's own is missing or not what it was declared to be; a function
        fails.
    """
    if network.source == "function":
        from alignhouse.ingest.models.build import build_network

        return build_network(network, weights=weights, seed=seed).found_weights
    weights = weights_kind(network, weights)
    if weights == "pretrained" and network.own is not None and network.own.checkpoint is not None:
        return checkpoint_identity(network)
    if weights == "random":
        packages = ("torch", network.source)
        versions = ",".join(f"{name}={importlib.metadata.version(name)}" for name in packages)
        return f"random:seed={seed}:{versions}"
    sha = f":sha256-prefix={network.weights_sha_prefix}" if network.weights_sha_prefix else ""
    return f"pretrained:{network.source}:{network.weights}{sha}"


def check_weights(
    networks: Sequence[Network],
    weights: WeightsKind,
    *,
    folder: Path | None = None,
    reachable: Callable[[str], bool] | None = None,
) -> None:
    """Raises once, naming all networks that could not be built, before any of them is; downloads no weights.

    Checkpoints of mmaction2 must lie in `folder`; those of the user's own are looked at by
    `weights_identity`. Weights of torchvision and timm are either in their hub's cache, or will be downloaded
    when needed: then the hub must answer now. Packages that a network needs must be there.

    Parameters
    ----------
    reachable : asks whether an address answers; by default over the network, once per hub.

    Raises
    ------
    BadInput
    """
    lacking = [network for network in networks if not _package_is_there(network)]
    if lacking:
        raise BadInput(
            "packages for " + ", ".join(network.name for network in lacking),
            expected=", ".join(sorted({network.needs or "" for network in lacking})),
            found="not installed",
            hint="install them, or exclude these networks",
        )
    networks = [network for network in networks if weights_kind(network, weights) == "pretrained"]
    checkpoints = _missing_checkpoints(networks, folder)
    missing = checkpoints + _beyond_reach(networks, reachable or _answers)
    if missing:
        get = f"get them with `{FETCH_THEM}`" if checkpoints else "connect to the hubs"
        raise BadInput(
            f"weights of {len(missing)} network{'s' if len(missing) > 1 else ''} are missing",
            found="; ".join(missing),
            hint=f'{get}, exclude these networks, or set weights = "random" on purpose',
        )


def hub_failures() -> tuple[type[Exception], ...]:
    """Exceptions by which the hubs' clients say that weights could not be had or are damaged."""
    from huggingface_hub.errors import HfHubHTTPError
    from safetensors import SafetensorError

    # torch.hub says RuntimeError for a file whose hash is wrong.
    return (OSError, HfHubHTTPError, RuntimeError, SafetensorError)


def _missing_checkpoints(networks: Sequence[Network], folder: Path | None) -> list[str]:
    return [
        f"{network.name}: no file {checkpoint_file(network, folder)} (from {network.weights_url})"
        for network in networks
        if network.source == "mmaction2"
        and network.own is None
        and not checkpoint_file(network, folder).is_file()
    ]


def _beyond_reach(networks: Sequence[Network], reachable: Callable[[str], bool]) -> list[str]:
    wanted = [network for network in networks if _is_of_a_hub(network) and not _is_cached(network)]
    silent = {
        source
        for source in dict.fromkeys(network.source for network in wanted)
        if not reachable(_HUBS[source])
    }
    return [
        f"{network.name}: {network.weights} not cached and {_HUBS[network.source]} does not answer"
        for network in wanted
        if network.source in silent
    ]


def _is_of_a_hub(network: Network) -> bool:
    return network.source in _HUBS and (network.own is None or network.own.origin == "hub")


def _is_cached(network: Network) -> bool:
    if network.source == "timm":
        from alignhouse.ingest.models.sources.timm import is_cached

        return is_cached(network)
    from alignhouse.ingest.models.sources.torchvision import cached_file

    return cached_file(network).is_file()


def _package_is_there(network: Network) -> bool:
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
