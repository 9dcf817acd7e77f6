"""The settings of the two protocols that alignhouse ships, and small videos."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.features.settings import ExtractionSettings

SOUND = ExtractionSettings(
    channel_order="rgb",
    torchvision_transform="weights",
    clip_average="mean",
    tap="output",
    frame_count="repeat_last",
    reduction="none",
    centering="none",
    layer_list="sound",
)
PAPER = ExtractionSettings(
    channel_order="bgr",
    torchvision_transform="squash224",
    clip_average="running_pairwise",
    tap="memory",
    frame_count="zero_pad_to_8",
    reduction="pca",
    pca_components=100,
    centering="none",
    layer_list="paper",
)


@pytest.fixture
def sound() -> ExtractionSettings:
    return SOUND


@pytest.fixture
def paper() -> ExtractionSettings:
    return PAPER


@pytest.fixture(scope="session")
def noise_videos() -> list[np.ndarray]:
    """Four videos of 3 to 6 frames of coloured noise over a gradient, (frames, 72, 96, 3) uint8."""
    random = np.random.default_rng(0)
    gradient = np.linspace(0, 120, 96)[None, None, :, None]
    return [
        np.clip(gradient + random.normal(60 + 20 * index, 30, (3 + index, 72, 96, 3)), 0, 255).astype(
            np.uint8
        )
        for index in range(4)
    ]
