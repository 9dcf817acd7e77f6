"""Networks of torchvision: with random weights, or with the weights of torchvision's own hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.models.declaration import Declaration
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.sources.base import HubSource
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.models.sources.source import ImageTransform, TransformStyle
from alignhouse.ingest.models.states import check_sha256
from alignhouse.warehouse.errors import BadInput, near_names

if TYPE_CHECKING:
    import torch

# torch's hub writes the first digits of a file's sha256 at the end of its name.
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,})\.pth$")
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_SQUASHED = (224, 224)


class Torchvision(HubSource):
    """torchvision's image classifiers."""

    name = "torchvision"
    keys = frozenset({"transform"})
    uses_transform_setting = True
    hub = "https://download.pytorch.org"

    def record(self, name: str, declared: Declaration) -> dict[str, Any]:
        builders = _image_builders()
        if declared.id not in builders:
            raise BadInput(
                f"network {name}: torchvision has no image classifier {declared.id!r}",
                hint=near_names(declared.id, builders) + " Any other module comes through a function.",
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
        if from_hub:
            address = published[weights]
            digits = _HASH_IN_NAME.search(address)
            found |= {"weights": weights, "weights_url": address}
            found["weights_sha_prefix"] = digits[1] if digits else None
        return found

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

        A declaration names the weights whose transform it uses: its own may come from elsewhere.
        """
        if style == "squash224":
            return _squash()
        name = network.own.transform if network.own is not None else None
        transform: ImageTransform = _weights(name or network.weights).transforms()
        return transform


def _image_builders() -> list[str]:
    models = load_torchvision().models
    names: list[str] = models.list_models(module=models)
    return names


def _published_weights(builder: str) -> dict[str, str]:
    """Name -> address of each of a builder's published weights; the default first."""
    load_torchvision()
    from torchvision.models import get_model_weights

    weights = get_model_weights(builder)
    return {str(each): each.url for each in (weights.DEFAULT, *weights)}


def _cached_file(network: Network) -> Path:
    """Where torch's hub keeps the file of the weights after the download."""
    from torch.hub import get_dir

    assert network.weights_url is not None
    return Path(get_dir()) / "checkpoints" / network.weights_url.rsplit("/", 1)[1]


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
