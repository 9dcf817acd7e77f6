"""From decoded frames to what a network is called with.

Image networks see every frame by itself. Networks of mmaction2 see clips, sampled, resized and cropped by
mmaction2's own transforms: one view, `ceil(frames / (clip_len * frame_interval))` clips.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import Network
from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    import torch

Frames = NDArray[np.uint8]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_SQUASHED = (224, 224)


@dataclass(frozen=True)
class NetworkInputs:
    """What a network is shown of one stimulus, on the CPU, before it is put into calls.

    parts : tensors of equal shape that go through the network singly or several in a call: frames (3, H, W)
        float32, normalised, of image networks; clips (1, 3, clip_len, H, W) uint8 (NCTHW) or dealt frames
        (frames, 3, H, W) uint8 (NCHW) of networks of mmaction2; clips of the user's own transform.
    frames_sampled : frames in all parts. frames_lacking : how many more would make counts that the network
        accepts.
    """

    parts: list[torch.Tensor]
    frames_sampled: int
    frames_lacking: int = 0


class InputMaker:
    """Makes a network's inputs from a stimulus; its transforms are set up once; for threads too.

    Parameters
    ----------
    transform : the user's own, in the place of the published one; see `options.How`.
    """

    def __init__(
        self,
        network: Network,
        settings: ExtractionSettings,
        transform: Callable[[Any], torch.Tensor] | None = None,
    ) -> None:
        self.network, self._settings = network, settings
        self._transform = transform
        if transform is None and network.takes == "frames":
            self._transform = image_transform(network, settings)

    def __call__(self, frames: Frames) -> NetworkInputs:
        """Inputs of `frames`, (frames, height, width, 3) uint8 RGB."""
        if self.network.takes == "clips":
            return self._clips(frames)
        assert self._transform is not None
        if self.network.takes == "video":
            return NetworkInputs(list(self._transform(frames)), len(frames))
        return self._single_frames(frames, self._transform)

    def _single_frames(self, frames: Frames, transform: Callable[[Any], torch.Tensor]) -> NetworkInputs:
        from PIL import Image

        if self._settings.channel_order == "bgr":
            frames = np.ascontiguousarray(frames[..., ::-1])
        return NetworkInputs([transform(Image.fromarray(frame)) for frame in frames], len(frames))

    def _clips(self, frames: Frames) -> NetworkInputs:
        import torch

        network = self.network
        sampled = torch.from_numpy(np.ascontiguousarray(sample_clips(frames, network)))
        if network.format_shape == "NCTHW":
            return NetworkInputs([clip[None] for clip in sampled], sampled.shape[0] * sampled.shape[2])
        n_calls = math.ceil(len(sampled) / (network.frames_per_call or len(sampled)))
        dealt = [sampled[call::n_calls] for call in range(n_calls)]
        assert network.frame_multiple is not None
        lacking = sum(-len(each) % network.frame_multiple for each in dealt)
        return NetworkInputs(dealt, len(sampled), lacking)


class Caller:
    """Puts parts of inputs into calls of a built network.

    Parameters
    ----------
    module : the built network, which holds mmaction2's normalisation.
    device : where the calls are put.
    rule : how frames are fitted to a count that the network accepts.
    """

    def __init__(
        self,
        network: Network,
        module: torch.nn.Module,
        device: str,
        rule: Literal["repeat_last", "zero_pad_to_8"],
    ) -> None:
        self._network, self._module, self._device, self._rule = network, module, device, rule

    def tensor(self, parts: Sequence[torch.Tensor]) -> tuple[torch.Tensor, int]:
        """One call with `parts` in its leading dimension, normalised, and how many frames were added to it.

        float32: (parts, 3, H, W) for image networks, (parts, 1, 3, frames, H, W) (NCTHW) or
        (1, frames, 3, H, W) (NCHW) for networks of mmaction2.
        """
        import torch

        stacked = torch.stack(list(parts)).to(self._device)
        if self._network.takes != "clips":
            return stacked, 0
        preprocessor: Any = self._module.data_preprocessor
        normalised: torch.Tensor = preprocessor.preprocess(list(stacked), [])[0]
        if self._network.format_shape == "NCTHW":
            return normalised, 0
        assert self._network.frame_multiple is not None
        return fit_frame_count(normalised, self._network.frame_multiple, self._rule)


def image_transform(network: Network, settings: ExtractionSettings) -> Callable[[Any], torch.Tensor]:
    """PIL image -> (3, height, width) float32, as `settings` ask for a network of torchvision or timm."""
    if network.source == "timm":
        from alignhouse.ingest.models.sources.timm import published_transform as timm_transform

        return timm_transform(network)
    if settings.torchvision_transform == "weights":
        from alignhouse.ingest.models.sources.torchvision import published_transform

        return published_transform(network)
    from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision

    load_torchvision()
    from torchvision import transforms

    squash: Callable[[Any], torch.Tensor] = transforms.Compose(
        [
            transforms.Resize(_SQUASHED),
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    return squash


def clip_frame_indices(network: Network, n_frames: int) -> tuple[NDArray[np.int32], int]:
    """Which frames of a video of `n_frames` mmaction2 samples for a network, and of how many clips.

    Returns
    -------
    indices : (clips * clip_len,) int32, clip after clip; one that runs over the end repeats its last frame.
    clips : how many; for dense sampling each of its ten positions counts.
    """
    from alignhouse.ingest.models.sources.compat_mmaction import load_mmaction

    load_mmaction()
    from mmaction.datasets.transforms import DenseSampleFrames, SampleFrames

    assert network.clip_len is not None
    assert network.frame_interval is not None
    sampler = (DenseSampleFrames if network.dense else SampleFrames)(
        clip_len=network.clip_len,
        frame_interval=network.frame_interval,
        num_clips=math.ceil(n_frames / (network.clip_len * network.frame_interval)),
        out_of_bound_opt="repeat_last",
        test_mode=True,
    )
    sampled = sampler.transform({"total_frames": n_frames, "start_index": 0})
    return sampled["frame_inds"], sampled["num_clips"]


def sample_clips(frames: Frames, network: Network) -> NDArray[np.uint8]:
    """Sampled, resized and cropped frames in the network's format, not yet normalised.

    Returns
    -------
    (frames, 3, crop, crop) for NCHW, (clips, 3, clip_len, crop, crop) for NCTHW; uint8.
    """
    indices, n_clips = clip_frame_indices(network, len(frames))
    from mmaction.datasets.transforms import CenterCrop, FormatShape, Resize

    used, position = np.unique(indices, return_inverse=True)
    results: dict[str, Any] = {
        "imgs": [frames[index] for index in used],
        "img_shape": frames.shape[1:3],
        "modality": "RGB",
        "num_clips": n_clips,
        "clip_len": network.clip_len,
    }
    for transform in (Resize(scale=(-1, network.resize)), CenterCrop(crop_size=network.crop)):
        results = transform.transform(results)
    # Each frame is resized once, however many clips hold it.
    results["imgs"] = np.stack(results["imgs"])[position]
    shaped: NDArray[np.uint8] = FormatShape(input_format=network.format_shape).transform(results)["imgs"]
    return shaped


def fit_frame_count(
    frames: torch.Tensor, multiple: int, rule: Literal["repeat_last", "zero_pad_to_8"]
) -> tuple[torch.Tensor, int]:
    """Frames of one call brought to a count that the network accepts.

    Parameters
    ----------
    frames : (1, frames, 3, H, W), normalised.
    multiple : the network accepts multiples of this many frames.
    rule : "repeat_last" repeats the last frame up to the next multiple. "zero_pad_to_8" (the published code's
        way) appends zero frames when at most half a multiple is lacking and cuts the end otherwise, but never
        to nothing.

    Returns
    -------
    The fitted frames, and how many were added (negative: cut).
    """
    import torch

    count = frames.shape[1]
    lacking = -count % multiple
    if lacking == 0:
        return frames, 0
    if rule == "zero_pad_to_8" and lacking > multiple / 2 and count > multiple:
        surplus = count % multiple
        return frames[:, :-surplus], -surplus
    shape = (1, lacking, *frames.shape[2:])
    filling = frames[:, -1:].expand(shape) if rule == "repeat_last" else frames.new_zeros(shape)
    return torch.cat([frames, filling], dim=1), lacking


def check_frames(frames: NDArray[Any], stimulus: str) -> Frames:
    """The frames themselves.

    Raises
    ------
    BadInput : not (frames, height, width, 3) uint8 with at least one frame.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not len(frames):
        raise BadInput(
            f"frames of {stimulus}",
            expected="(frames, height, width, 3) uint8, at least one frame",
            found=f"{frames.shape} {frames.dtype}",
        )
    return frames
