"""Networks of timm: with random weights, or with weights of the Hugging Face hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.models.declaration import Declaration
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.sources.base import HubSource
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.models.sources.source import ImageTransform, TransformStyle
from alignhouse.ingest.models.states import check_cached_blob, check_sha256, load_strictly
from alignhouse.ingest.models.weights_files import cached_from_hub, sha_prefix_in_name, torch_hub_file
from alignhouse.warehouse.errors import BadInput, near_names

if TYPE_CHECKING:
    import torch

# The files that timm looks for in a repository of the hub, best first.
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")


class Timm(HubSource):
    """All networks of timm."""

    name = "timm"
    keys = frozenset({"features_only"})
    hub = "https://huggingface.co"

    def record(self, name: str, declared: Declaration) -> dict[str, Any]:
        published = published_as(declared.id)
        if published is None:
            hint = near_names(declared.id, _identifiers())
            raise BadInput(f"network {name}: timm has no {declared.id!r}", hint=hint)
        found: dict[str, Any] = {"features_only": bool(declared.features_only)}
        if declared.origin != "source":
            return found
        if declared.weights is not None:
            architecture = published.architecture
            published = published_as(declared.weights)
            if published is None or published.architecture != architecture:
                known = ", ".join(_identifiers(architecture))
                raise BadInput(
                    f"network {name}: timm has no weights {declared.weights!r} of {architecture}",
                    expected=f"{known}, a checkpoint file, or random",
                )
        if published.address is None:
            raise BadInput(
                f"network {name}: timm has no weights of {declared.id!r}",
                hint='give a checkpoint file, or "random"',
            )
        identifier = published.identifier
        found |= {"source_id": identifier, "weights": identifier, "weights_url": published.address}
        return found | {"weights_sha_prefix": sha_prefix_in_name(published.address)}

    def check_record(self, network: Network) -> None:
        if network.features_only is None:
            raise ValueError("a network of timm needs features_only")

    def build_random(self, network: Network) -> torch.nn.Module:
        return _create(network, pretrained=False)

    def build_from_hub(self, network: Network) -> torch.nn.Module:
        """The network with the hub's weights.

        Raises
        ------
        BadInput : the cached file is not the published one. The hub's client checks only sizes.
        """
        was_cached = _check_cached(network)
        module = _create(network, pretrained=True)
        if not was_cached:
            _check_cached(network)
        return module

    def build_from_state(
        self, network: Network, state: dict[str, torch.Tensor], file: str
    ) -> torch.nn.Module:
        """The network with a checkpoint of the whole network, also where only feature maps are built."""
        module = _create(network.model_copy(update={"features_only": False}), pretrained=False)
        load_strictly(module, state, network.name, file)
        if not network.features_only:
            return module
        # Some modules are renamed when only feature maps are built; timm itself renames their tensors.
        return _create(network, pretrained=True, pretrained_cfg_overlay={"state_dict": module.state_dict()})

    def is_cached(self, network: Network) -> bool:
        return _cached_file(network) is not None

    def transform(self, network: Network, style: TransformStyle) -> ImageTransform:
        """The network's own evaluation transform, whatever the style."""
        load_torchvision()
        from timm.data import create_transform, resolve_data_config
        from timm.models import get_pretrained_cfg

        pretrained = get_pretrained_cfg(network.source_id, allow_unregistered=False)
        assert pretrained is not None
        config = resolve_data_config({}, pretrained_cfg=pretrained.to_dict())
        transform: ImageTransform = create_transform(**config, is_training=False)
        return transform


@dataclass(frozen=True)
class Published:
    """A full identifier of timm, its architecture, and the address of its weights, if there are any."""

    identifier: str
    architecture: str
    address: str | None


def published_as(identifier: str) -> Published | None:
    """What timm knows about an identifier, with or without the tag of its weights; None if it is unknown."""
    load_torchvision()
    import timm
    from timm.models import get_pretrained_cfg

    if not timm.is_model(identifier):
        return None
    try:
        config = get_pretrained_cfg(identifier, allow_unregistered=False)
    except RuntimeError:  # timm raises it for an unknown tag
        return None
    if config is None:
        return None
    full = f"{config.architecture}.{config.tag}" if config.tag else config.architecture
    # Some weights are not on the hub, but on other servers.
    address = f"{Timm.hub}/{config.hf_hub_id}" if config.hf_hub_id else config.url or None
    return Published(full, config.architecture, address)


def _identifiers(architecture: str | None = None) -> list[str]:
    """timm's identifiers, also with the tags of published weights; of one architecture, where it is given."""
    load_torchvision()
    import timm

    tagged: list[str] = timm.list_pretrained()
    if architecture is not None:
        return [name for name in tagged if name.split(".")[0] == architecture]
    return [*timm.list_models(), *tagged]


def _cached_file(network: Network) -> Path | None:
    if network.weights_url is not None and not network.weights_url.startswith(Timm.hub):
        file = torch_hub_file(network.weights_url)
        return file if file.is_file() else None
    repository = f"timm/{network.weights}"
    if network.weights_url is not None:
        repository = network.weights_url.removeprefix(f"{Timm.hub}/")
    return cached_from_hub(repository, _HUB_FILES)


def _check_cached(network: Network) -> bool:
    """Whether the weights are cached; BadInput where the file's sha256 is not that in its name."""
    cached = _cached_file(network)
    if cached is None:
        return False
    hint = "delete the file, and timm downloads it again"
    check_cached_blob(network.name, cached, hint)
    check_sha256(network.name, cached, network.weights_sha_prefix or "", hint)
    return True


def _create(network: Network, *, pretrained: bool, **options: Any) -> torch.nn.Module:
    load_torchvision()
    import timm

    # Not every architecture of timm accepts features_only=False.
    if network.features_only:
        options["features_only"] = True
    module: torch.nn.Module = timm.create_model(network.source_id, pretrained=pretrained, **options)
    return module
