"""Networks of torchvision: random or with the published weights of torchvision's own hub."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.models.states import hold_to_sha256

if TYPE_CHECKING:
    import torch

_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,})\.pth$")


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
    module: torch.nn.Module = get_model(network.source_id, weights=_weights(network.weights), progress=False)
    return module


def published_transform(network: Network) -> Callable[[Any], torch.Tensor]:
    """The evaluation transform published with the weights: PIL image -> (3, height, width) float32.

    A network of the user's own says with which weights: its own may come from elsewhere.
    """
    name = network.own.transform if network.own is not None else None
    transform: Callable[[Any], torch.Tensor] = _weights(name or network.weights).transforms()
    return transform


def image_builders() -> list[str]:
    """Names of torchvision's builders of image classifiers."""
    models = load_torchvision().models
    names: list[str] = models.list_models(module=models)
    return names


def published_weights(builder: str) -> dict[str, str]:
    """Name -> address of the weights that are published for a builder; its default first."""
    load_torchvision()
    from torchvision.models import get_model_weights

    weights = get_model_weights(builder)
    return {str(each): each.url for each in (weights.DEFAULT, *weights)}


def sha256_in_name(address: str) -> str | None:
    """The first hexadecimal digits of a file's sha256, which torch's hub has at the end of names."""
    found = _HASH_IN_NAME.search(address)
    return found[1] if found else None


def cached_file(network: Network) -> Path:
    """Where torch's hub keeps the file of the weights once downloaded."""
    from torch.hub import get_dir

    assert network.weights_url is not None
    return Path(get_dir()) / "checkpoints" / network.weights_url.rsplit("/", 1)[1]


def _weights(name: str) -> Any:
    load_torchvision()
    from torchvision.models import get_weight

    return get_weight(name)
