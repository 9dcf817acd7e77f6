"""Networks of timm: random or with weights of the Hugging Face hub."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.models.catalog import Network
from ingest.models.compat_torchvision import load_torchvision
from ingest.models.states import hold_to_sha256

if TYPE_CHECKING:
    import torch

# The files that timm looks for in a repository of the hub, best first.
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def build_random(network: Network) -> torch.nn.Module:
    """The network with timm's own initialisation, drawn from torch's global generator."""
    return _create(network, pretrained=False)


def build_pretrained(network: Network) -> torch.nn.Module:
    """The network with the hub's weights, downloaded by timm if not cached.

    Raises
    ------
    BadInput : the cached file is not what the hub gave; the hub's client looks at sizes only.
    """
    was_cached = _check_cached(network)
    module = _create(network, pretrained=True)
    if not was_cached:
        _check_cached(network)
    return module


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
    return _cached_file(network) is not None


def _cached_file(network: Network) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = (try_to_load_from_cache(f"timm/{network.weights}", name) for name in _HUB_FILES)
    return next((Path(path) for path in found if isinstance(path, str)), None)


def _check_cached(network: Network) -> bool:
    """Whether a file of the weights is cached; it is then what its name in the cache says that it is."""
    cached = _cached_file(network)
    if cached is None:
        return False
    # A link to a file that is named by the hash that the hub gave: of large files, which weights are, sha256.
    content = cached.resolve()
    if _SHA256.fullmatch(content.name):
        hold_to_sha256(
            network.name, content, content.name, "delete the file, and timm fetches it again from the hub"
        )
    return True


def _create(network: Network, *, pretrained: bool) -> torch.nn.Module:
    load_torchvision()
    import timm

    # timm does not know features_only=False as an argument of every architecture.
    options = {"features_only": True} if network.features_only else {}
    module: torch.nn.Module = timm.create_model(network.source_id, pretrained=pretrained, **options)
    return module
