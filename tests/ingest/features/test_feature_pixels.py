"""Transforms divided into geometry and values give the network the same numbers, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alignhouse.ingest.features.inputs import InputMaker
from alignhouse.ingest.features.pixels import divided, look_up
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import catalog
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.models.sources.registry import source_of

FRAMES = np.random.default_rng(5).integers(0, 256, (3, 90, 120, 3), dtype=np.uint8)
IMAGE_NETWORKS = sorted(name for name, network in catalog().items() if network.takes == "frames")


@pytest.mark.parametrize("style", ["weights", "squash224"])
def test_every_image_network_of_the_catalog_is_shown_the_values_of_its_transform(style: Any) -> None:
    shown = 0
    seen = set()
    for name in IMAGE_NETWORKS:
        transform = source_of(catalog()[name]).transform(catalog()[name], style)
        if repr(transform) in seen:
            continue
        seen.add(repr(transform))
        steps = divided(transform, 90, 120)
        assert steps is not None, name
        pixels = torch.stack([steps.geometry(Image.fromarray(frame)) for frame in FRAMES])
        expected = torch.stack([transform(Image.fromarray(frame)) for frame in FRAMES])
        assert pixels.dtype == torch.uint8
        assert torch.equal(look_up(pixels, steps.values), expected), name
        shown += 1
    assert shown > 5


def test_frames_stay_8_bit_until_the_call() -> None:
    inputs = InputMaker(catalog()["ResNet50"], ExtractionSettings())(FRAMES)
    assert {part.dtype for part in inputs.parts} == {torch.uint8}
    assert inputs.values is not None
    assert inputs.values.shape == (3, 256)


def test_a_transform_that_is_no_table_of_values_stays_whole() -> None:
    load_torchvision()
    from torchvision import transforms

    def twice(image: Image.Image) -> torch.Tensor:
        return transforms.functional.to_tensor(image) * 2

    blurred_after = transforms.Compose(
        [transforms.Resize(64), transforms.ToTensor(), transforms.GaussianBlur(3), transforms.Normalize(0, 1)]
    )
    # Its geometry gives one channel: the two steps disagree with the whole.
    grey = transforms.Compose([transforms.Resize(64), transforms.ToTensor(), _Scaled()])
    for transform in (twice, blurred_after, grey):
        assert divided(transform, 90, 120) is None
    own = InputMaker(catalog()["ResNet50"], ExtractionSettings(), twice)(FRAMES)
    assert own.values is None
    assert torch.equal(own.parts[1], twice(Image.fromarray(FRAMES[1])))


class _Scaled:
    def __call__(self, shown: torch.Tensor) -> torch.Tensor:
        return shown * 0.5


class Normalize:
    """Has the name of torchvision's, but its result depends on the whole frame."""

    def __call__(self, shown: torch.Tensor) -> torch.Tensor:
        return shown - shown.mean()


def test_a_step_that_only_looks_like_a_table_is_found_out() -> None:
    load_torchvision()
    from torchvision import transforms

    pretender = transforms.Compose([transforms.Resize(64), transforms.ToTensor(), Normalize()])
    assert divided(pretender, 90, 120) is None
