"""Image towers of CLIP models from open_clip: untrained, or with the weights that open_clip publishes."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.models.declaration import Declaration
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.sources.base import HubSource, need_package
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.models.sources.source import ImageTransform, TransformStyle
from alignhouse.ingest.models.states import check_cached_blob, check_sha256
from alignhouse.ingest.models.weights_files import cached_from_hub
from alignhouse.warehouse.errors import BadInput, near_names

if TYPE_CHECKING:
    import torch

_HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DOWNLOADS = Path.home() / ".cache" / "clip"
_HINT = "delete the file, and open_clip downloads it again"


class OpenClip(HubSource):
    """The image towers of all models of open_clip; the text towers are left out."""

    name = "open_clip"
    hub = "https://huggingface.co"

    def versions(self) -> dict[str, str]:
        packages = {"torch": "torch", "open_clip": "open_clip_torch", "timm": "timm"}
        return {name: importlib.metadata.version(package) for name, package in packages.items()}

    def check_declaration(self, declared: Declaration) -> None:
        if declared.has_checkpoint:
            raise ValueError("weights of open_clip: a tag, which may also follow the id, or random")

    def record(self, name: str, declared: Declaration) -> dict[str, Any]:
        """The model and the tag of its weights: id = "model/tag", or weights = "tag".

        Raises
        ------
        BadInput : open_clip is not installed, or has no such model or tag.
        """
        open_clip = _load(name)
        model, _, tag = declared.id.partition("/")
        if model not in open_clip.list_models():
            hint = near_names(model, open_clip.list_models())
            raise BadInput(f"network {name}: open_clip has no {model!r}", hint=hint)
        if declared.origin != "source":
            return {"source_id": declared.id}
        tag = declared.weights or tag
        tags = open_clip.list_pretrained_tags_by_model(model)
        published = open_clip.get_pretrained_cfg(model, tag)
        if not published:
            raise BadInput(
                f"network {name}: open_clip has no weights {tag!r} of {model}",
                expected=f"{', '.join(tags)}, or random" if tags else "random",
            )
        _check_activation(name, open_clip, model, published)
        identifier = f"{model}/{tag}"
        found = {"source_id": identifier, "weights": identifier}
        if published["hf_hub"]:
            return found | {"weights_url": f"{self.hub}/{published['hf_hub']}"}
        address = published["url"]
        # The addresses of OpenAI's files hold their sha256.
        digest = next((part for part in address.split("/") if _SHA256.fullmatch(part)), None)
        return found | {"weights_url": address, "weights_sha_prefix": digest}

    def build_random(self, network: Network) -> torch.nn.Module:
        return _tower(network, None)

    def build_from_hub(self, network: Network) -> torch.nn.Module:
        """The tower with the published weights.

        Raises
        ------
        BadInput : the cached file is not the published one.
        """
        file = _cached_file(network)
        if file is None:
            published = _load(network.name).get_pretrained_cfg(_model(network), _tag(network))
            file = Path(_load(network.name).download_pretrained(published))
        check_cached_blob(network.name, file, _HINT)
        check_sha256(network.name, file, network.weights_sha_prefix or "", _HINT)
        return _tower(network, file)

    def is_cached(self, network: Network) -> bool:
        return _cached_file(network) is not None

    def transform(self, network: Network, style: TransformStyle) -> ImageTransform:
        """The evaluation transform of the tag, else of the model's configuration, whatever the style."""
        open_clip = _load(network.name)
        from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict

        model = _model(network)
        config = open_clip.get_model_config(model)
        known = merge_preprocess_dict(PreprocessCfg(), {"size": config["vision_cfg"]["image_size"]})
        published = open_clip.get_pretrained_cfg(model, _tag(network) or "")
        fields = ("mean", "std", "interpolation", "resize_mode")
        known = merge_preprocess_dict(known, {key: published[key] for key in fields if published.get(key)})
        transform: ImageTransform = image_transform_v2(PreprocessCfg(**known), is_train=False)
        return transform


def _load(network: str) -> Any:
    load_torchvision()
    need_package(network, "open_clip", "open_clip_torch")
    import open_clip

    return open_clip


def _model(network: Network) -> str:
    return network.source_id.partition("/")[0]


def _tag(network: Network) -> str | None:
    return network.source_id.partition("/")[2] or None


def _check_activation(name: str, open_clip: Any, model: str, published: Mapping[str, Any]) -> None:
    """Check that the weights were trained with the activation function that the model is built with."""
    built = bool(open_clip.get_model_config(model).get("quick_gelu", False))
    if built != bool(published.get("quick_gelu", False)):
        other = model.removesuffix("-quickgelu") if built else f"{model}-quickgelu"
        raise BadInput(
            f"network {name}: weights of open_clip's {model}",
            expected=f"those that were trained with {'quick' if built else 'plain'} GELU",
            found=f"those that were trained with {'plain' if built else 'quick'} GELU",
            hint=f"use the model {other}",
        )


def _tower(network: Network, weights: Path | None) -> torch.nn.Module:
    model = _load(network.name).create_model(
        _model(network), pretrained=None if weights is None else str(weights), pretrained_text=False
    )
    tower: torch.nn.Module = model.visual
    return tower


def _cached_file(network: Network) -> Path | None:
    """The downloaded file of the weights, in the hub's cache or in open_clip's own; None if there is none."""
    assert network.weights_url is not None
    if not network.weights_url.startswith(OpenClip.hub):
        file = _DOWNLOADS / network.weights_url.rsplit("/", 1)[1]
        return file if file.is_file() else None
    repository, _, name = network.weights_url.removeprefix(f"{OpenClip.hub}/").rpartition("/")
    return cached_from_hub(repository, [name] if name else _HUB_FILES)
