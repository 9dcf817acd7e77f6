"""Networks of torchvision: with random weights, or with the weights of torchvision's own hub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.models.declaration import Declaration
from alignhouse.ingest.models.network import Network, WeightsKind
from alignhouse.ingest.models.sources.base import HubSource
from alignhouse.ingest.models.sources.clips import ClipTransform
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.models.sources.source import Built, ImageTransform, TransformStyle
from alignhouse.ingest.models.states import check_sha256
from alignhouse.ingest.models.weights_files import sha_prefix_in_name, torch_hub_file
from alignhouse.warehouse.errors import BadInput, near_names

if TYPE_CHECKING:
    import torch

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_SQUASHED = (224, 224)
# How the published accuracy of a network of videos was measured, in the words of its weights.
_PUBLISHED_CLIPS = re.compile(r"`frame_rate=(?P<rate>[\d.]+)`.*`clip_len=(?P<len>\d+)`", re.DOTALL)
# Frames per second of the Kinetics videos that these networks were trained on.
_VIDEO_RATE = 30
_CLIP_KEYS = ("clip_len", "frame_interval")
# mvit's position code is made for one number of frames.
_FIXED_CLIP_LEN = "mvit"


class Torchvision(HubSource):
    """torchvision's classifiers of images, and of videos, which are shown clips."""

    name = "torchvision"
    keys = frozenset({"transform", *_CLIP_KEYS})
    uses_transform_setting = True
    hub = "https://download.pytorch.org"

    def record(self, name: str, declared: Declaration) -> dict[str, Any]:
        images, videos = _builders()
        if declared.id not in (*images, *videos):
            raise BadInput(
                f"network {name}: torchvision has no classifier of images or videos {declared.id!r}",
                hint=near_names(declared.id, [*images, *videos])
                + " Any other module comes through a function.",
            )
        published = _published_weights(declared.id)
        from_hub = declared.origin == "source"
        for weights in (declared.weights if from_hub else None, declared.transform):
            if weights is not None and weights not in published:
                raise BadInput(
                    f"network {name}: torchvision's {declared.id} has no weights {weights!r}",
                    expected=f"{', '.join(published)}, a checkpoint file, or random",
                )
        weights = (declared.weights if from_hub else None) or next(iter(published))
        found: dict[str, Any] = {"transform": declared.transform or weights}
        if declared.id in videos:
            found |= {"takes": "video", **_clips(name, declared, _weights(found["transform"]).meta)}
        elif given := [key for key in _CLIP_KEYS if getattr(declared, key) is not None]:
            raise BadInput(
                f"network {name}: torchvision's {declared.id} takes images",
                expected=f"no {' and no '.join(given)}",
            )
        if from_hub:
            address = published[weights]
            found |= {"weights": weights, "weights_url": address}
            found["weights_sha_prefix"] = sha_prefix_in_name(address)
        return found

    def build(self, network: Network, weights: WeightsKind, folder: Path | None) -> Built:
        built = super().build(network, weights, folder)
        if network.takes != "video":
            return built
        assert network.clip_len is not None
        assert network.frame_interval is not None
        transform = self.transform(network, "weights")
        return replace(built, transform=ClipTransform(network.clip_len, network.frame_interval, transform))

    def build_random(self, network: Network) -> torch.nn.Module:
        load_torchvision()
        from torchvision.models import get_model

        module: torch.nn.Module = get_model(network.source_id, weights=None)
        return module

    def build_from_hub(self, network: Network) -> torch.nn.Module:
        """The network with the weights that the record names.

        Raises
        ------
        BadInput : the cached file is not the published one. torch's hub checks a file only once.
        """
        load_torchvision()
        from torchvision.models import get_model

        if (cached := _cached_file(network)).is_file():
            expected = network.weights_sha_prefix or ""
            hint = "delete the file, and torchvision downloads it again"
            check_sha256(network.name, cached, expected, hint)
        weights = _weights(network.weights)
        module: torch.nn.Module = get_model(network.source_id, weights=weights, progress=False)
        return module

    def is_cached(self, network: Network) -> bool:
        return _cached_file(network).is_file()

    def transform(self, network: Network, style: TransformStyle) -> ImageTransform:
        """The evaluation transform published with the weights, or a frame squashed to 224 x 224.

        That of a network of videos takes one clip, (frames, 3, height, width) uint8. A declaration names the
        weights whose transform it uses: its own may come from elsewhere.
        """
        if style == "squash224":
            return _squash()
        name = network.own.transform if network.own is not None else None
        transform: ImageTransform = _weights(name or network.weights).transforms()
        return transform


def _builders() -> tuple[list[str], list[str]]:
    """The builders of classifiers of images, and of videos."""
    models = load_torchvision().models
    return models.list_models(module=models), models.list_models(module=models.video)


def _clips(name: str, declared: Declaration, meta: Mapping[str, Any]) -> dict[str, int]:
    """How clips are sampled: as the study says, else as the accuracy of the weights was measured.

    Parameters
    ----------
    meta : of the weights.
    """
    published = _PUBLISHED_CLIPS.search(meta["_docs"])
    assert published is not None
    clip_len = declared.clip_len or int(published["len"])
    interval = declared.frame_interval or round(_VIDEO_RATE / float(published["rate"]))
    fewest = meta.get("min_temporal_size", 1)
    is_fixed = declared.id.startswith(_FIXED_CLIP_LEN)
    if clip_len < fewest or (is_fixed and clip_len != fewest):
        raise BadInput(
            f"network {name}: clip_len of torchvision's {declared.id}",
            expected=str(fewest) if is_fixed else f"at least {fewest}",
            found=clip_len,
        )
    return {"clip_len": clip_len, "frame_interval": interval}


def _published_weights(builder: str) -> dict[str, str]:
    """Name -> address of each of a builder's published weights; the default first."""
    load_torchvision()
    from torchvision.models import get_model_weights

    weights = get_model_weights(builder)
    return {str(each): each.url for each in (weights.DEFAULT, *weights)}


def _cached_file(network: Network) -> Path:
    assert network.weights_url is not None
    return torch_hub_file(network.weights_url)


def _squash() -> ImageTransform:
    load_torchvision()
    from torchvision import transforms

    steps = [
        transforms.Resize(_SQUASHED),
        transforms.ToTensor(),
        transforms.Normalize(_IMAGENET_MEAN, _IMAGENET_STD),
    ]
    transform: ImageTransform = transforms.Compose(steps)
    return transform


def _weights(name: str) -> Any:
    load_torchvision()
    from torchvision.models import get_weight

    return get_weight(name)
