"""Networks of timm: random or with weights of the Hugging Face hub."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.models.states import hold_to_sha256, load_strictly

if TYPE_CHECKING:
    import torch

# The files that timm looks for in a repository of the hub, best first.
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
HUB = "https://huggingface.co/"
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


def build_from_state(network: Network, state: dict[str, torch.Tensor], file: str) -> torch.nn.Module:
    """The network with the tensors of a checkpoint `file`, which must be those of the whole network.

    Raises
    ------
    BadInput : they do not fit.
    """
    module = _create(network.model_copy(update={"features_only": False}), pretrained=False)
    load_strictly(module, state, network.name, file)
    if not network.features_only:
        return module
    # Feature maps only: some modules get other names, which timm itself sees to.
    return _create(network, pretrained=True, pretrained_cfg_overlay={"state_dict": module.state_dict()})


@dataclass(frozen=True)
class Published:
    """An identifier of timm in full, its architecture, and where its weights are, if there are any."""

    identifier: str
    architecture: str
    address: str | None


def published(identifier: str) -> Published | None:
    """What timm knows of an identifier, with or without the tag of its weights; None where it is unknown."""
    load_torchvision()
    import timm
    from timm.models import get_pretrained_cfg

    if not timm.is_model(identifier):
        return None
    try:
        config = get_pretrained_cfg(identifier, allow_unregistered=False)
    except RuntimeError:  # how timm says that it has no such tag
        return None
    if config is None:
        return None
    full = f"{config.architecture}.{config.tag}" if config.tag else config.architecture
    return Published(full, config.architecture, f"{HUB}{config.hf_hub_id}" if config.hf_hub_id else None)


def identifiers(architecture: str | None = None) -> list[str]:
    """Identifiers of timm, with the tags of published weights; those of one architecture if it is named."""
    load_torchvision()
    import timm

    tagged: list[str] = timm.list_pretrained()
    if architecture is not None:
        return [name for name in tagged if name.split(".")[0] == architecture]
    return [*timm.list_models(), *tagged]


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

    repository = f"timm/{network.weights}"
    if network.weights_url is not None:
        repository = network.weights_url.removeprefix(HUB)
    found = (try_to_load_from_cache(repository, name) for name in _HUB_FILES)
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


def _create(network: Network, *, pretrained: bool, **options: Any) -> torch.nn.Module:
    load_torchvision()
    import timm

    # timm does not know features_only=False as an argument of every architecture.
    if network.features_only:
        options["features_only"] = True
    module: torch.nn.Module = timm.create_model(network.source_id, pretrained=pretrained, **options)
    return module
