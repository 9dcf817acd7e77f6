"""Uniform clips of a video, for sources that publish a transform of one clip.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


def uniform_clips(n_frames: int, clip_len: int, frame_interval: int) -> NDArray[np.int64]:
    """The frames of `ceil(n_frames / (clip_len * frame_interval))` clips, spread evenly from start to end.

    Equal to mmaction2's SampleFrames for tests, which samples for the catalog's networks. A clip beyond the
    end of the video repeats its own last frame.

    Returns
    -------
    (clips, clip_len) int64.
    """
    n_clips = math.ceil(n_frames / (clip_len * frame_interval))
    room = max(n_frames - ((clip_len - 1) * frame_interval + 1), 0)
    if clip_len == 1:
        # Single frames: the middle of each of equal parts.
        starts = ((np.arange(n_clips) + 0.5) * n_frames / n_clips).astype(np.int64)
    elif n_clips > 1:
        starts = np.round(np.arange(n_clips) * (room / (n_clips - 1))).astype(np.int64)
    else:
        starts = np.array([room // 2])
    indices = starts[:, None] + np.arange(clip_len) * frame_interval
    last = np.where(indices < n_frames, indices, -1).max(axis=1, keepdims=True)
    return np.minimum(indices, last)


@dataclass(frozen=True)
class ClipTransform:
    """The transform of a whole video: samples clips and transforms each.

    A class, so that it can be sent to other processes.

    of_clip : (clip_len, 3, height, width) uint8 RGB -> what the network is shown of one clip, float32.
    """

    clip_len: int
    frame_interval: int
    of_clip: Callable[[torch.Tensor], torch.Tensor]

    def __call__(self, frames: NDArray[np.uint8]) -> torch.Tensor:
        """(clips, ...) float32 of (frames, height, width, 3) uint8 RGB."""
        import torch

        indices = uniform_clips(len(frames), self.clip_len, self.frame_interval)
        pixels = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
        return torch.stack([self.of_clip(pixels[clip]) for clip in torch.from_numpy(indices)])
