"""The settings of the two protocols that ship with alignhouse, small videos, and RDMs of networks."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest
import torch
from features_plainly import outputs, sources
from PIL import Image
from torch import nn

from alignhouse.ingest.features.extract import extract_rdms
from alignhouse.ingest.features.recipe import NetworkRdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import build
from alignhouse.ingest.models.catalog import Network, catalog
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


@pytest.fixture(
    scope="session",
    params=[pytest.param(8, id="thin"), pytest.param(1, id="full", marks=pytest.mark.slow)],
)
def thinner(request: pytest.FixtureRequest) -> int:
    """How many times fewer channels the AlexNet of the tests has than the published one."""
    return int(request.param)


@pytest.fixture(scope="session")
def alexnet(thinner: int) -> torch.nn.Module:
    return _alexnet(thinner)


@pytest.fixture
def own_alexnet(alexnet: torch.nn.Module) -> torch.nn.Module:
    """A copy of `alexnet` whose weights a test may change."""
    return copy.deepcopy(alexnet)


@pytest.fixture(scope="session")
def x3d() -> torch.nn.Module:
    return _built("x3d_s")


@pytest.fixture(
    scope="session",
    params=[
        "thin AlexNet",
        "small x3d_s",
        pytest.param("AlexNet", marks=pytest.mark.slow),
        pytest.param("x3d_s", marks=pytest.mark.slow),
    ],
)
def network_and_module(request: pytest.FixtureRequest) -> tuple[Network, torch.nn.Module]:
    """A network of frames and one of clips: with few channels or pixels, or as published."""
    size, _, name = request.param.rpartition(" ")
    network = catalog()[name]
    if name == "AlexNet":
        return network, _alexnet(8 if size else 1)
    changes = {"resize": 32, "crop": 32} if size else {}
    return network.model_copy(update=changes), _built(name)


@cache
def _built(name: str) -> torch.nn.Module:
    return build(catalog()[name], weights="random")


@cache
def _alexnet(thinner: int) -> torch.nn.Module:
    """torchvision's AlexNet, with channels divided by `thinner` (1 or 8); it has the same layers and maps."""
    if thinner == 1:
        return _built("AlexNet")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ThinAlexNet(thinner).eval().requires_grad_(False)


class ThinAlexNet(torch.nn.Module):
    """torchvision's AlexNet with fewer channels."""

    def __init__(self, thinner: int) -> None:
        super().__init__()
        a, b, c, d, wide = (channels // thinner for channels in (64, 192, 384, 256, 4096))
        self.features = nn.Sequential(
            *(nn.Conv2d(3, a, 11, stride=4, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2)),
            *(nn.Conv2d(a, b, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2)),
            *(nn.Conv2d(b, c, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(c, d, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(d, d, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2)),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            *(nn.Dropout(), nn.Linear(d * 6 * 6, wide), nn.ReLU(inplace=True)),
            *(nn.Dropout(), nn.Linear(wide, wide), nn.ReLU(inplace=True), nn.Linear(wide, 1000)),
        )

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        pooled = torch.flatten(self.avgpool(self.features(frames)), 1)
        return self.classifier(pooled)  # type: ignore[no-any-return]


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
