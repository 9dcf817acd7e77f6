"""The settings of the two protocols that ship with alignhouse, small videos, and RDMs of networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from features_plainly import outputs, sources
from PIL import Image

from alignhouse.ingest.features.extract import extract_rdms
from alignhouse.ingest.features.recipe import NetworkRdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import build
from alignhouse.ingest.models.catalog import catalog
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision

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


@pytest.fixture(scope="session")
def alexnet() -> torch.nn.Module:
    return build(catalog()["AlexNet"], weights="random")


@pytest.fixture(scope="session")
def x3d() -> torch.nn.Module:
    return build(catalog()["x3d_s"], weights="random")


@pytest.fixture(scope="session")
def alexnet_features(alexnet: torch.nn.Module, noise_videos: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Layer -> its outputs, averaged over frames one by one, (stimuli, width)."""
    load_torchvision()
    from torchvision.models import AlexNet_Weights

    transform = AlexNet_Weights.IMAGENET1K_V1.transforms()
    layers = [f"features.{index}" for index in range(13)] + ["classifier.6"]
    rows: dict[str, list[np.ndarray]] = {layer: [] for layer in layers}
    for video in noise_videos:
        frames = []
        for frame in video:
            image = transform(Image.fromarray(frame))[None]
            frames.append(outputs(alexnet, layers, lambda image=image: alexnet(image)))  # type: ignore[misc]
        for layer in layers:
            rows[layer].append(np.mean([frame[layer].double().numpy().ravel() for frame in frames], axis=0))
    return {layer: np.stack(values) for layer, values in rows.items()}


@pytest.fixture(scope="session")
def alexnet_rdms(
    alexnet: torch.nn.Module,
    noise_videos: list[np.ndarray],
    tmp_path_factory: pytest.TempPathFactory,
) -> NetworkRdms:
    scratch = tmp_path_factory.mktemp("scratch")
    return extract_rdms(
        catalog()["AlexNet"], alexnet, sources(noise_videos), ExtractionSettings(), scratch=scratch, batch=2
    )
