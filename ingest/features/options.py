"""How an extraction is done, as far as it does not change what comes of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Required, TypedDict

from ingest.features.inputs import Frames

if TYPE_CHECKING:
    import torch

Video = Path | Callable[[], Frames]


class How(TypedDict, total=False):
    """How an extraction is done; only `scratch` must be given.

    device : torch's name of the device.
    scratch : an existing folder for the features, which are removed again.
    scratch_bytes, memory : what the features may take of disk, and of memory beside the network itself. What
        does not fit is done in several passes over the stimuli, each for a group of layers.
    batch : frames in one call of an image network; 16 when none. Networks of mmaction2 take one clip a call.
    skip_bad : leave out layers whose features are constant, not finite, or the same for all stimuli, and list
        them with the reason under "skipped_layers" of the notes; index and depth still count them.
    on_stimulus : called with how many stimuli were shown, and how many that will be in all passes.
    say : called with a line, before it begins, where several passes are needed.
    read_frames : decodes a path; `ingest.stimuli.videos.read_frames` when none.
    transform : of the network itself, in place of its source's. For one that takes frames: PIL image ->
        (3, H, W); for one that takes videos: (T, H, W, 3) uint8 -> (clips, ...), of which each row is a call.
    """

    device: str
    scratch: Required[Path]
    scratch_bytes: float
    memory: float
    batch: int | None
    skip_bad: bool
    on_stimulus: Callable[[int, int], None] | None
    say: Callable[[str], None] | None
    read_frames: Callable[[Path], Frames] | None
    transform: Callable[[Any], torch.Tensor] | None


DEFAULTS: dict[str, Any] = {
    "device": "cpu",
    "scratch_bytes": math.inf,
    "memory": 4e9,
    "batch": None,
    "skip_bad": False,
    "on_stimulus": None,
    "say": None,
    "read_frames": None,
    "transform": None,
}
