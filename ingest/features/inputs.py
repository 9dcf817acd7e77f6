"""From decoded frames to the calls of a network.

Image networks are shown single frames. Networks that take clips are shown what their source samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.features.dealing import FrameCount, deal
from alignhouse.ingest.features.frame_order import with_order
from alignhouse.ingest.features.naming import naming_network
from alignhouse.ingest.features.pixels import DividedTransform, divided, look_up
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.sources.registry import clip_source_of, source_of
from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    import torch

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class NetworkInputs:
    """What a network is shown of one stimulus, on the CPU, before it is put into calls.

    parts : tensors of equal shape; a call holds one or several of them. Image networks: frames
        (3, H, W), uint8 if there are `values`, else float32, normalised. Networks that take clips: clips
        (1, 3, clip_len, H, W) uint8 (NCTHW), or the frames of one call (frames, 3, H, W) uint8 (NCHW).
        Networks that take videos: clips as their transform returns them.
    frames_sampled : frames in all parts.
    frames_lacking : how many frames must be added so that the network accepts every call.
    black_frames : added to fill all calls, negative if frames were cut; see `dealing`.
    values : (3, 256) float32, what an image network is shown for each 8-bit value; see `pixels`.
    """

    parts: list[torch.Tensor]
    frames_sampled: int
    frames_lacking: int = 0
    black_frames: int = 0
    values: torch.Tensor | None = None


class InputMaker:
    """Makes a network's inputs from a stimulus. Sets up the transform once; safe to share between threads.

    Parameters
    ----------
    transform : replaces the published transform; see `options.How`.

    Attributes
    ----------
    decoder : what decodes the videos that this maker receives.
    """

    def __init__(
        self,
        network: Network,
        settings: ExtractionSettings,
        transform: Callable[[Any], torch.Tensor] | None = None,
    ) -> None:
        self.network, self._settings, self.decoder = network, settings, settings.decoder
        self._transform = transform
        if transform is None and network.takes == "frames":
            self._transform = source_of(network).transform(network, settings.torchvision_transform)
        self._divided: tuple[DividedTransform | None] | None = None

    def __call__(self, frames: Frames) -> NetworkInputs:
        """Inputs of `frames`, (frames, height, width, 3) uint8 RGB.

        Raises
        ------
        BadInput : the network's transform fails.
        """
        with naming_network(self.network, "transform"):
            return self._inputs(frames)

    def _inputs(self, frames: Frames) -> NetworkInputs:
        frames = with_order(frames, self._settings.order)
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
        steps = self._divided_transform(transform, frames)
        if steps is None:
            return NetworkInputs([transform(Image.fromarray(frame)) for frame in frames], len(frames))
        shown = [steps.geometry(Image.fromarray(frame)) for frame in frames]
        return NetworkInputs(shown, len(frames), values=steps.values)

    def _divided_transform(
        self, transform: Callable[[Any], torch.Tensor], frames: Frames
    ) -> DividedTransform | None:
        """The transform in two steps, tried once on the size of the first frames."""
        if self._divided is None:
            self._divided = (divided(transform, *frames.shape[1:3]),)
        return self._divided[0]

    def _clips(self, frames: Frames) -> NetworkInputs:
        import torch

        network = self.network
        clips = clip_source_of(network).sample_clips(network, frames)
        sampled = torch.from_numpy(np.ascontiguousarray(clips))
        if network.format_shape == "NCTHW":
            return NetworkInputs([clip[None] for clip in sampled], sampled.shape[0] * sampled.shape[2])
        dealt = deal(sampled, network, self._settings.frame_count)
        assert network.frame_multiple is not None
        lacking = sum(-len(each) % network.frame_multiple for each in dealt.calls)
        return NetworkInputs(dealt.calls, len(sampled), lacking, black_frames=dealt.added)


class Caller:
    """Puts parts of inputs into calls of a built network.

    Parameters
    ----------
    module : the built network, which normalises clips.
    device : torch's name of the device that calls are copied to.
    rule : how to reach a number of frames that the network accepts; see `fit_frame_count`.
    """

    def __init__(
        self,
        network: Network,
        module: torch.nn.Module,
        device: str,
        rule: FrameCount,
    ) -> None:
        self._network, self._module, self._device, self._rule = network, module, device, rule

    def tensor(
        self, parts: Sequence[torch.Tensor], values: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, int]:
        """One normalised call with `parts` in its leading dimension, and how many frames were added to it.

        values : those of the same `NetworkInputs`.

        float32: (parts, 3, H, W) for image networks; (parts, 1, 3, frames, H, W) (NCTHW) or
        (1, frames, 3, H, W) (NCHW) for networks that take clips.
        """
        import torch

        stacked = torch.stack(list(parts)).to(self._device)
        if self._network.takes != "clips":
            return (stacked if values is None else look_up(stacked, values)), 0
        normalised = clip_source_of(self._network).normalise(self._module, stacked)
        if self._network.format_shape == "NCTHW":
            return normalised, 0
        assert self._network.frame_multiple is not None
        return fit_frame_count(normalised, self._network.frame_multiple, self._rule)


def fit_frame_count(frames: torch.Tensor, multiple: int, rule: FrameCount) -> tuple[torch.Tensor, int]:
    """Add frames to one call, or cut some, so that the network accepts their number.

    Parameters
    ----------
    frames : (1, frames, 3, H, W), normalised.
    multiple : the network accepts multiples of this many frames.
    rule : "repeat_last" repeats the last frame up to the next multiple. "zero_pad_to_8", as in the published
        code, appends zero frames when at most half a multiple is missing. Otherwise it cuts the end, unless
        no frame would be left.

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
    """Check the frames of a stimulus, and return them.

    Raises
    ------
    BadInput : they are not (frames, height, width, 3) uint8 with at least one frame.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not len(frames):
        raise BadInput(
            f"frames of {stimulus}",
            expected="(frames, height, width, 3) uint8, at least one frame",
            found=f"{frames.shape} {frames.dtype}",
        )
    return frames
