"""Networks of videos from torchvision: how clips are sampled and transformed, and what is read from them."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from alignhouse.ingest.features.extract import measure_widths
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import build_network
from alignhouse.ingest.models.catalog import catalog
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.ingest.models.sources.clips import ClipTransform, uniform_clips
from alignhouse.ingest.models.sources.mmaction2_clips import clip_frame_indices
from alignhouse.ingest.models.weights import weights_identity

# torchvision's documentation of the weights: frames of a clip, and frames per second of videos of 30.
PUBLISHED = {
    "r3d_18": (16, 15),
    "mc3_18": (16, 15),
    "r2plus1d_18": (16, 15),
    "s3d": (128, 15),
    "mvit_v1_b": (16, 7.5),
    "mvit_v2_s": (16, 7.5),
    "swin3d_t": (32, 15),
    "swin3d_s": (32, 15),
    "swin3d_b": (32, 15),
}


def own(identifier: str, **declared: Any) -> Network:
    given = {"source": "torchvision", "id": identifier, "weights": "random", **declared}
    return network_of("mine", OwnNetwork.model_validate(given))


@pytest.mark.parametrize("clip_len", [1, 3, 8, 16])
@pytest.mark.parametrize("frame_interval", [1, 2, 5])
def test_clips_are_sampled_as_for_the_catalogs_networks(clip_len: int, frame_interval: int) -> None:
    network = catalog()["x3d_s"].model_copy(
        update={"clip_len": clip_len, "frame_interval": frame_interval, "dense": False}
    )
    for n_frames in (1, 2, 15, 16, 17, 47, 90):
        expected, n_clips = clip_frame_indices(network, n_frames)
        found = uniform_clips(n_frames, clip_len, frame_interval)
        np.testing.assert_array_equal(found, expected.reshape(n_clips, clip_len))


@pytest.mark.parametrize("identifier", PUBLISHED)
def test_clips_are_by_default_those_of_the_published_accuracy(identifier: str) -> None:
    network = own(identifier)
    clip_len, rate = PUBLISHED[identifier]
    assert (network.takes, network.clip_len, network.frame_interval) == ("video", clip_len, 30 / rate)


def test_the_sampling_and_the_weights_are_part_of_the_identity() -> None:
    plain, other = own("r3d_18"), own("r3d_18", clip_len=4, frame_interval=3)
    assert plain.identity() != other.identity()
    assert (other.identity()["clip_len"], other.identity()["frame_interval"]) == (4, 3)
    trained = own("mvit_v1_b", weights=None)
    expected = "pretrained:torchvision:MViT_V1_B_Weights.KINETICS400_V1:sha256-prefix="
    assert weights_identity(trained, "pretrained").startswith(expected)


def test_a_clip_is_resized_cropped_and_normalised_as_published() -> None:
    network = own("r3d_18", clip_len=4, frame_interval=2)
    built = build_network(network, weights="random")
    transform: Any = pickle.loads(pickle.dumps(built.transform))
    assert isinstance(transform, ClipTransform)
    frames = np.random.default_rng(0).integers(0, 256, (11, 60, 90, 3), dtype=np.uint8)
    found = transform(frames)
    assert found.shape == (2, 3, 4, 112, 112)
    # 128 x 171, the middle 112 x 112, mean and deviation of Kinetics: plainly, in float64.
    of_second = torch.from_numpy(frames[[4, 6, 8, 10]]).permute(0, 3, 1, 2).double()
    resized = functional.interpolate(of_second, (128, 171), mode="bilinear", align_corners=False).round()
    cropped = resized[:, :, 8:120, 30:142] / 255
    mean = torch.tensor([0.43216, 0.394666, 0.37645]).view(3, 1, 1, 1)
    deviation = torch.tensor([0.22803, 0.22145, 0.216989]).view(3, 1, 1, 1)
    expected = (cropped.transpose(0, 1) - mean) / deviation
    # A value that lies in the middle between two may be rounded either way.
    differs = (found[1] - expected).abs() > 1e-5
    assert differs.double().mean() < 1e-3


def test_the_layers_of_a_network_of_videos_are_read() -> None:
    network = own("r3d_18", clip_len=2, frame_interval=1, layers=["stem", "layer*.1", "fc"])
    built = build_network(network, weights="random")
    blank = np.zeros((3, 24, 32, 3), np.uint8)
    [widths] = measure_widths(
        network, built.module, lambda: blank, [ExtractionSettings()], transform=built.transform
    )
    assert widths == {
        "stem": 64 * 2 * 56 * 56,
        "layer1.1": 64 * 2 * 56 * 56,
        "layer2.1": 128 * 28 * 28,
        "layer3.1": 256 * 14 * 14,
        "layer4.1": 512 * 7 * 7,
        "fc": 400,
    }
