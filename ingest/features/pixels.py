"""Divides a transform into geometry, which the CPU does, and the values of pixels, which the device looks up.

A published evaluation transform resizes and crops a photograph, scales its 8-bit values to [0, 1], and
subtracts a mean and divides by a standard deviation. After the crop, a channel has at most 256 different
values. So the frames can stay 8-bit, a quarter of the memory, until a table on the device gives the values.
They are those of the transform to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

_LEVELS = 256
_VALUES_OF_PIXELS = ("ToTensor", "MaybeToTensor", "Normalize")


@dataclass(frozen=True)
class DividedTransform:
    """A transform in two steps.

    geometry : PIL image -> (3, height, width) uint8.
    values : (3, 256) float32, what the network is shown for each 8-bit value of each channel.
    """

    geometry: Callable[[Any], torch.Tensor]
    values: torch.Tensor


def divided(transform: Callable[[Any], torch.Tensor], height: int, width: int) -> DividedTransform | None:
    """`transform` in two steps, or None if it cannot be divided.

    Both ways are tried on noise of the frames' size: a transform is divided only if the results are equal.
    """
    steps = _of_compose(transform) or _of_preset(transform)
    if steps is None:
        return None
    shapes, levels = steps
    found = DividedTransform(_Pixels(shapes), _values(levels))
    return found if _is_equal(found, transform, height, width) else None


def look_up(pixels: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The values of `pixels`, (frames, 3, height, width) uint8: float32 of the same shape and device."""
    import torch

    if pixels.device.type == "cpu":
        # numpy takes 8-bit indices; torch would first make 64-bit indices, eight times the memory.
        shown = np.empty(pixels.shape, np.float32)
        for channel, row in enumerate(values.numpy()):
            np.take(row, pixels[:, channel].numpy(), out=shown[:, channel])
        return torch.from_numpy(shown)
    table = values.to(pixels.device)
    return torch.stack([row[pixels[:, channel].int()] for channel, row in enumerate(table)], dim=1)


def _of_compose(transform: Any) -> tuple[Callable[[Any], Any], Callable[[Any], torch.Tensor]] | None:
    """The steps of a list of transforms that ends with the conversion to a tensor and a normalisation."""
    steps: Sequence[Any] = getattr(transform, "transforms", ())
    at = next((i for i, step in enumerate(steps) if type(step).__name__ in _VALUES_OF_PIXELS), 0)
    if not at or any(type(step).__name__ not in _VALUES_OF_PIXELS for step in steps[at:]):
        return None
    compose = type(transform)
    return compose(list(steps[:at])), compose(list(steps[at:]))


def _of_preset(transform: Any) -> tuple[Callable[[Any], Any], Callable[[Any], torch.Tensor]] | None:
    """The steps of torchvision's preset for photographs."""
    if type(transform).__name__ != "ImageClassification":
        return None
    import torch
    from torchvision.transforms import functional

    def levels(image: Any) -> torch.Tensor:
        scaled = functional.convert_image_dtype(functional.pil_to_tensor(image), torch.float)
        shown: torch.Tensor = functional.normalize(scaled, mean=transform.mean, std=transform.std)
        return shown

    return _PresetGeometry(transform), levels


@dataclass(frozen=True)
class _PresetGeometry:
    """Resizes and crops as torchvision's preset does. A class, so that it can be sent to other processes."""

    preset: Any

    def __call__(self, image: Any) -> Any:
        from torchvision.transforms import functional

        preset = self.preset
        resized = functional.resize(
            image, preset.resize_size, interpolation=preset.interpolation, antialias=preset.antialias
        )
        return functional.center_crop(resized, preset.crop_size)


@dataclass(frozen=True)
class _Pixels:
    """The pixels of a photograph after its geometry, (3, height, width) uint8."""

    shapes: Callable[[Any], Any]

    def __call__(self, image: Any) -> torch.Tensor:
        import torch

        channels_last: NDArray[np.uint8] = np.asarray(self.shapes(image))
        return torch.from_numpy(np.ascontiguousarray(channels_last.transpose(2, 0, 1)))


def _values(levels: Callable[[Any], torch.Tensor]) -> torch.Tensor:
    """(3, 256) float32: what `levels` makes of each 8-bit value."""
    from PIL import Image

    ramp = np.arange(_LEVELS, dtype=np.uint8).reshape(1, _LEVELS, 1).repeat(3, axis=2)
    return levels(Image.fromarray(ramp))[:, 0].contiguous()


def _is_equal(
    found: DividedTransform, transform: Callable[[Any], torch.Tensor], height: int, width: int
) -> bool:
    import torch
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, _LEVELS, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    return torch.equal(look_up(found.geometry(image)[None], found.values)[0], transform(image))
