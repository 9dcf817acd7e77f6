"""The inputs of networks, checked against the libraries' own pipelines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from alignhouse.ingest.features.inputs import (
    Caller,
    InputMaker,
    NetworkInputs,
    check_frames,
    fit_frame_count,
)
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.ingest.models.sources.compat_mmaction import load_mmaction
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.models.sources.mmaction2_clips import clip_frame_indices, sample_clips
from alignhouse.ingest.models.sources.registry import source_of
from alignhouse.warehouse.errors import BadInput


def maker(name: str, settings: ExtractionSettings) -> InputMaker:
    return InputMaker(catalog()[name], settings)


def calls(
    name: str, settings: ExtractionSettings, frames: np.ndarray
) -> tuple[list[torch.Tensor], NetworkInputs, int]:
    """A call for each part, the parts themselves, and the total number of frames added."""
    network = catalog()[name]
    inputs = maker(name, settings)(frames)
    caller = Caller(network, Normaliser(network), "cpu", settings.frame_count)
    made = [caller.tensor([part], inputs.values) for part in inputs.parts]
    return [tensor for tensor, _ in made], inputs, sum(added for _, added in made)


def shown(name: str, settings: ExtractionSettings, frames: np.ndarray) -> torch.Tensor:
    """What an image network is shown of `frames`, in one call."""
    inputs = maker(name, settings)(frames)
    tensor, _ = Caller(catalog()[name], nn.Identity(), "cpu", settings.frame_count).tensor(
        inputs.parts, inputs.values
    )
    return tensor


class Normaliser(nn.Module):
    """A module with only the preprocessor of a network of mmaction2."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        load_mmaction()
        from mmaction.models.data_preprocessors import ActionDataPreprocessor

        self.data_preprocessor = ActionDataPreprocessor(
            mean=[10.0, 20.0, 30.0], std=[2.0, 4.0, 8.0], format_shape=network.format_shape
        )


def test_torchvision_sees_every_frame_through_its_weights_transform(
    sound: ExtractionSettings, noise_videos: list[np.ndarray]
) -> None:
    load_torchvision()
    from torchvision.models import EfficientNet_B3_Weights

    inputs = maker("efficientnet_b3", sound)(noise_videos[0])
    transform = EfficientNet_B3_Weights.IMAGENET1K_V1.transforms()
    expected = torch.stack([transform(Image.fromarray(frame)) for frame in noise_videos[0]])
    call, added = Caller(catalog()["efficientnet_b3"], nn.Identity(), "cpu", "repeat_last").tensor(
        inputs.parts, inputs.values
    )
    assert torch.equal(call, expected)
    assert (inputs.frames_sampled, inputs.frames_lacking, added) == (3, 0, 0)
    assert expected.shape == (3, 3, 300, 300)


def test_the_papers_frames_are_squashed_normalised_and_reversed_in_colour(
    paper: ExtractionSettings, noise_videos: list[np.ndarray]
) -> None:
    frame = noise_videos[0][0]
    pixels = np.asarray(
        Image.fromarray(frame[..., ::-1].copy()).resize((224, 224), Image.Resampling.BILINEAR)
    )
    expected = (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    found = shown("AlexNet", paper, noise_videos[0])[0]
    np.testing.assert_allclose(found.numpy(), expected.transpose(2, 0, 1), atol=1e-6)


def test_timm_sees_frames_through_the_networks_own_transform(
    paper: ExtractionSettings, noise_videos: list[np.ndarray]
) -> None:
    load_torchvision()
    from timm.data import create_transform

    transform: Any = create_transform(
        (3, 299, 299),
        is_training=False,
        interpolation="bicubic",
        mean=(0.5,) * 3,
        std=(0.5,) * 3,
        crop_pct=0.875,
    )
    expected = transform(Image.fromarray(noise_videos[0][0][..., ::-1].copy()))
    assert torch.equal(shown("inception_v3", paper, noise_videos[0])[0], expected)


def test_every_image_network_has_a_transform_of_three_channels(sound: ExtractionSettings) -> None:
    image = Image.fromarray(np.zeros((40, 50, 3), np.uint8))
    for network in catalog().values():
        if network.takes == "frames":
            transform = source_of(network).transform(network, sound.torchvision_transform)
            assert transform(image).shape[0] == 3


@pytest.mark.parametrize("name", ["x3d_s", "slowfast_r50_mma", "c2d_r50_nopool_mma", "TSN_r50_8"])
@pytest.mark.parametrize("n_frames", [1, 9, 90])
def test_clips_are_those_of_mmaction2s_pipeline(name: str, n_frames: int) -> None:
    network = catalog()[name]
    frames = np.random.default_rng(2).integers(0, 256, (n_frames, 60, 80, 3), dtype=np.uint8)
    load_mmaction()
    from mmaction.datasets.transforms import CenterCrop, FormatShape, Resize, SampleFrames

    assert network.clip_len
    assert network.frame_interval
    results: dict[str, Any] = {"total_frames": n_frames, "start_index": 0, "modality": "RGB"}
    results = SampleFrames(
        clip_len=network.clip_len,
        frame_interval=network.frame_interval,
        num_clips=-(-n_frames // (network.clip_len * network.frame_interval)),
        out_of_bound_opt="repeat_last",
        test_mode=True,
    ).transform(results)
    results["imgs"] = [frames[index] for index in results["frame_inds"]]
    results["img_shape"] = (60, 80)
    for transform in (
        Resize(scale=(-1, network.resize)),
        CenterCrop(network.crop),
        FormatShape(network.format_shape),
    ):
        results = transform.transform(results)
    np.testing.assert_array_equal(sample_clips(frames, network), results["imgs"])


def test_sampling_of_90_frames_gives_the_catalogs_input_shapes() -> None:
    for network in catalog().values():
        if network.takes == "clips" and network.input_shape and network.format_shape == "NCTHW":
            indices, clips = clip_frame_indices(network, 90)
            assert clips == network.clips_for_90_frames
            assert len(indices) == clips * network.input_shape[3]


def test_a_clip_longer_than_the_video_repeats_its_last_sampled_frame() -> None:
    indices, clips = clip_frame_indices(catalog()["timesformer_divST"], 90)
    assert clips == 1
    assert indices.tolist() == [0, 32, 64, 64, 64, 64, 64, 64]


def test_dense_sampling_of_a_90_frame_video_meets_ten_frames() -> None:
    indices, _ = clip_frame_indices(catalog()["tanet_r50"], 90)
    assert len(indices) == 900
    assert len(set(indices.tolist())) == 10


def test_a_still_image_fills_a_whole_clip(sound: ExtractionSettings) -> None:
    image = np.random.default_rng(3).integers(0, 256, (1, 200, 240, 3), dtype=np.uint8)
    (call,), _, _ = calls("x3d_s", sound, image)
    assert call.shape == (1, 1, 3, 13, 182, 182)
    assert torch.equal(call[:, :, :, :1].expand_as(call), call)


def shades(n_frames: int) -> np.ndarray:
    """Frame i has the value i everywhere, so that frames can be identified."""
    return np.broadcast_to(np.arange(n_frames, dtype=np.uint8)[:, None, None, None], (n_frames, 30, 30, 3))


def frame_numbers(call: torch.Tensor) -> list[int]:
    """Numbers of the frames of a call, which `Normaliser` maps to (number - 10) / 2 in the first channel."""
    return [round(value) for value in (call[0, :, 0, 0, 0] * 2 + 10).tolist()]


def test_single_frame_networks_are_dealt_90_frames_in_three_interleaved_calls(
    sound: ExtractionSettings,
) -> None:
    found, _, added = calls("TSN_r50_8", sound, shades(90))
    assert [tuple(call.shape) for call in found] == [(1, 30, 3, 224, 224)] * 3
    assert [frame_numbers(call) for call in found] == [list(range(k, 90, 3)) for k in range(3)]
    assert added == 0


def test_c2d_without_pooling_takes_all_its_clips_in_one_call(sound: ExtractionSettings) -> None:
    network = catalog()["c2d_r50_nopool_mma"]
    (call,), _, _ = calls(network.name, sound, shades(90))
    assert call.shape == network.input_shape == (1, 16, 3, 224, 224)


def test_normalisation_is_the_modules_own(sound: ExtractionSettings) -> None:
    (call,), _, _ = calls("x3d_s", sound, shades(1) + np.uint8(50))
    assert call[0, 0, :, 0, 0, 0].tolist() == [20.0, 7.5, 2.5]


@pytest.mark.parametrize(
    ("rule", "expected", "added"),
    [("repeat_last", [*range(0, 90, 3), 87, 87], 6), ("zero_pad_to_8", [*range(0, 90, 3), 0, 0], 6)],
)
def test_tsm_is_given_32_frames_for_30_and_how_many_were_added_is_recorded(
    sound: ExtractionSettings, rule: str, expected: list[int], added: int
) -> None:
    network = catalog()["tsm_r50"]
    settings = sound.model_copy(update={"frame_count": rule})
    found, inputs, fitted = calls("tsm_r50", settings, shades(90))
    assert found[0].shape == network.input_shape == (1, 32, 3, 224, 224)
    # A zero frame is zero after normalisation: shade 10 of the first channel.
    shown = [10 if rule == "zero_pad_to_8" and place >= 30 else n for place, n in enumerate(expected)]
    assert frame_numbers(found[0]) == shown
    assert (inputs.frames_sampled, inputs.frames_lacking, fitted) == (90, 6, added)


@pytest.mark.parametrize(
    ("count", "multiple", "repeated", "padded"),
    [
        (30, 8, 32, 32),
        (90, 8, 96, 88),
        (12, 8, 16, 16),
        (13, 8, 16, 16),
        (11, 8, 16, 8),
        (3, 8, 8, 8),
        (1, 8, 8, 8),
        (16, 8, 16, 16),
        (30, 16, 32, 32),
        (8, 16, 16, 16),
        (7, 1, 7, 7),
    ],
)
def test_counts_are_rounded_to_a_multiple_and_never_to_zero(
    count: int, multiple: int, repeated: int, padded: int
) -> None:
    frames = torch.rand(1, count, 3, 2, 2)
    for rule, fitted in (("repeat_last", repeated), ("zero_pad_to_8", padded)):
        result, added = fit_frame_count(frames, multiple, rule)  # type: ignore[arg-type]
        assert result.shape[1] == fitted == count + added
        assert torch.equal(result[:, : min(count, fitted)], frames[:, : min(count, fitted)])
        if added > 0:
            filling = frames[:, -1:] if rule == "repeat_last" else torch.zeros(1, 1, 3, 2, 2)
            assert torch.equal(result[:, count:], filling.expand(1, added, 3, 2, 2))


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((2, 4, 4, 3), np.float32),
        np.zeros((0, 4, 4, 3), np.uint8),
        np.zeros((2, 4, 4, 1), np.uint8),
    ],
)
def test_what_is_not_frames_names_the_stimulus(frames: np.ndarray) -> None:
    with pytest.raises(BadInput, match=r"frames of 1001.mp4: expected \(frames, height, width, 3\) uint8"):
        check_frames(frames, "1001.mp4")
