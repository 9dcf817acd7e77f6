"""One door to every network: `build` gives the module, in evaluation mode, whatever library it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ingest.models.catalog import Network
from ingest.models.weights import WeightsKind, check_weights, checkpoint_file, hub_failures
from warehouse.errors import BadInput

if TYPE_CHECKING:
    import torch


def build(
    network: Network, *, weights: WeightsKind, seed: int = 0, folder: Path | None = None
) -> torch.nn.Module:
    """The network as a module in evaluation mode, without gradients, on the CPU.

    Parameters
    ----------
    weights : "pretrained", the catalog's weights; "random", the library's own initialisation.
    seed : of the random initialisation. Seed 0 gives what `torch.manual_seed(0)` and the library's
        constructor give; the state of torch's global generator is left as it was.
    folder : where checkpoint files of mmaction2 lie (see `ingest.models.weights.weights_folder`).

    Raises
    ------
    BadInput : weights or a package are missing, cannot be downloaded, or do not fit.
    """
    import torch

    # Only the CPU generator: networks are made on the CPU, and touching the GPUs' would start CUDA.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        module = _build_pretrained(network, folder) if weights == "pretrained" else _build_random(network)
    return module.eval().requires_grad_(False)


def _build_random(network: Network) -> torch.nn.Module:
    from ingest.models import mmaction2, timm, torchvision

    builders = {"torchvision": torchvision, "timm": timm, "mmaction2": mmaction2}
    return builders[network.source].build_random(network)


def _build_pretrained(network: Network, folder: Path | None) -> torch.nn.Module:
    from ingest.models import mmaction2, timm, torchvision

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
