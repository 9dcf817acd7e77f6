"""One door to every network: its module, in evaluation mode, whatever library or function it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.weights import (
    WeightsKind,
    check_weights,
    checkpoint_file,
    checkpoint_identity,
    hub_failures,
    weights_kind,
)
from alignhouse.warehouse.errors import AlignhouseError, BadInput, in_words

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Built:
    """A network that can be shown stimuli.

    module : in evaluation mode, without gradients, on the CPU.
    transform : of the network itself, where it brings one; None: its source's (see `features.inputs`).
    found_weights : what `weights_identity` must have said of the weights, where only building shows it
        (checkpoint files of the user's own, functions); else "".
    """

    module: torch.nn.Module
    transform: Callable[[Any], torch.Tensor] | None = None
    found_weights: str = ""


def build_network(
    network: Network, *, weights: WeightsKind, seed: int = 0, folder: Path | None = None
) -> Built:
    """The network, ready to be shown stimuli.

    Parameters
    ----------
    weights : "pretrained", the catalog's weights, or those that its declaration names; "random", the
        library's own initialisation. A function gives what it gives.
    seed : of the random initialisation. Seed 0 gives what `torch.manual_seed(0)` and the library's
        constructor (or the function) give; the state of torch's global generator is left as it was.
    folder : where checkpoint files of the catalog's networks of mmaction2 lie (see `weights_folder`).

    Raises
    ------
    BadInput : weights or a package are missing, cannot be downloaded, or do not fit; a function fails, or
        gives something else than a module, a transform and its name.
    """
    import torch

    # Only the CPU generator: networks are made on the CPU, and touching the GPUs' would start CUDA.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        built = _build(network, weights_kind(network, weights), folder)
    built.module.eval().requires_grad_(False)
    return built


def build(
    network: Network, *, weights: WeightsKind, seed: int = 0, folder: Path | None = None
) -> torch.nn.Module:
    """The module of `build_network`."""
    return build_network(network, weights=weights, seed=seed, folder=folder).module


def _build(network: Network, weights: WeightsKind, folder: Path | None) -> Built:
    if network.source == "function":
        from alignhouse.ingest.models.sources.function import build_function

        module, transform, identity = build_function(network)
        return Built(module, transform, identity)
    if weights == "random":
        return Built(_build_random(network))
    if network.own is not None and network.own.checkpoint is not None:
        return _build_from_checkpoint(network, network.own.checkpoint)
    return Built(_build_pretrained(network, folder))


def _build_random(network: Network) -> torch.nn.Module:
    from alignhouse.ingest.models.sources import mmaction2, timm, torchvision

    builders = {"torchvision": torchvision, "timm": timm, "mmaction2": mmaction2}
    try:
        return builders[network.source].build_random(network)
    except Exception as error:
        if network.own is None or isinstance(error, AlignhouseError):
            raise
        # What a configuration of the user's own asks for may be anything.
        raise BadInput(
            f"network {network.name}", expected=f"what {network.source_id} builds", found=in_words(error)
        ) from error


def _build_from_checkpoint(network: Network, checkpoint: Path) -> Built:
    from alignhouse.ingest.models.sources import timm
    from alignhouse.ingest.models.states import load_strictly, read_state

    identity = checkpoint_identity(network)
    state = read_state(checkpoint)
    if network.source == "timm":
        return Built(timm.build_from_state(network, state, checkpoint.name), found_weights=identity)
    module = _build_random(network)
    load_strictly(module, state, network.name, checkpoint.name)
    return Built(module, found_weights=identity)


def _build_pretrained(network: Network, folder: Path | None) -> torch.nn.Module:
    from alignhouse.ingest.models.sources import mmaction2, timm, torchvision

    if network.source == "mmaction2":
        check_weights([network], "pretrained", folder=folder)
        return mmaction2.build_pretrained(network, checkpoint_file(network, folder))
    builder = timm if network.source == "timm" else torchvision
    try:
        return builder.build_pretrained(network)
    except hub_failures() as error:
        raise BadInput(
            f"weights of {network.name}",
            expected=f"{network.weights} from {network.source}'s hub",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            hint='connect to the network, or set weights = "random" on purpose',
        ) from error
