"""Networks of timm: random or with weights of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ingest.models.catalog import Network
from ingest.models.compat_torchvision import load_torchvision

if TYPE_CHECKING:
    import torch

# The files that timm looks for in a repository of the hub, best first.
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")


def build_random(network: Network) -> torch.nn.Module:
    """The network with timm's own initialisation, drawn from torch's global generator."""
    return _create(network, pretrained=False)


def build_pretrained(network: Network) -> torch.nn.Module:
    """The network with the hub's weights, downloaded by timm if not cached."""
    return _create(network, pretrained=True)


def published_transform(network: Network) -> Callable[[Any], torch.Tensor]:
    """The network's own evaluation transform: PIL image -> (3, height, width) float32."""
    load_torchvision()
    from timm.data import create_transform, resolve_data_config
    from timm.models import get_pretrained_cfg

    pretrained = get_pretrained_cfg(network.source_id, allow_unregistered=False)
    assert pretrained is not None
    config = resolve_data_config({}, pretrained_cfg=pretrained.to_dict())
    transform: Callable[[Any], torch.Tensor] = create_transform(**config, is_training=False)
    return transform


def is_cached(network: Network) -> bool:
    """Whether the hub's cache on this machine holds a file of the network's weights."""
    from huggingface_hub import try_to_load_from_cache

    repository = f"timm/{network.weights}"
    return any(isinstance(try_to_load_from_cache(repository, name), str) for name in _HUB_FILES)


def _create(network: Network, *, pretrained: bool) -> torch.nn.Module:
    load_torchvision()
    import timm

    # timm does not know features_only=False as an argument of every architecture.
    options = {"features_only": True} if network.features_only else {}
    module: torch.nn.Module = timm.create_model(network.source_id, pretrained=pretrained, **options)
    return module
