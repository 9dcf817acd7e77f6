"""Networks of torchvision: random or with the published weights of torchvision's own hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.models.catalog import Network
from ingest.models.compat_torchvision import load_torchvision
from ingest.models.states import hold_to_sha256

if TYPE_CHECKING:
    import torch


def build_random(network: Network) -> torch.nn.Module:
    """The network with torchvision's own initialisation, drawn from torch's global generator."""
    load_torchvision()
    from torchvision.models import get_model

    module: torch.nn.Module = get_model(network.source_id, weights=None)
    return module


def build_pretrained(network: Network) -> torch.nn.Module:
    """The network with the weights of the catalog's enum, downloaded if not cached.

    Raises
    ------
    BadInput : the cached file is not the published one; torch's hub looks at a file only when it comes.
    """
    load_torchvision()
    from torchvision.models import get_model

    if (cached := cached_file(network)).is_file():
        hold_to_sha256(
            network.name,
            cached,
            network.weights_sha_prefix or "",
            "delete the file, and torchvision fetches it again",
        )
    module: torch.nn.Module = get_model(network.source_id, weights=_weights(network), progress=False)
    return module


def published_transform(network: Network) -> Callable[[Any], torch.Tensor]:
    """The evaluation transform published with the weights: PIL image -> (3, height, width) float32."""
    transform: Callable[[Any], torch.Tensor] = _weights(network).transforms()
    return transform


def cached_file(network: Network) -> Path:
    """Where torch's hub keeps the file of the weights once downloaded."""
    from torch.hub import get_dir

    assert network.weights_url is not None
    return Path(get_dir()) / "checkpoints" / network.weights_url.rsplit("/", 1)[1]


def _weights(network: Network) -> Any:
    load_torchvision()
    from torchvision.models import get_weight

    return get_weight(network.weights)
