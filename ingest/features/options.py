"""How an extraction is done, as far as it does not change what comes of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Required, TypedDict

from alignhouse.ingest.features.inputs import Frames

if TYPE_CHECKING:
    import torch

Video = Path | Callable[[], Frames]


class How(TypedDict, total=False):
    """How an extraction is done; only `scratch` must be given.

    device : torch's name of the device.
    scratch : an existing folder for the features, which are removed again.
    scratch_bytes, memory : what the features may take of disk, and of memory beside the network itself. What
        does not fit is done in several passes over the stimuli, each for a group of layers.
    features_on : "disk"; "device", the memory of the device (the machine's own for a CPU), within a share of
        `memory` or of what is free on a GPU; "auto", on the device where all fit there, else on disk.
    batch : frames or clips in one call, where the network takes several; by the device when none.
    readers : threads that decode and transform stimuli while the network sees others; by the device when
        none.
    transform : the user's own: a PIL image -> (3, height, width), or for a network that takes whole videos
        (frames, height, width, 3) uint8 -> (clips, ...); the network's published one when none.
    skip_bad : leave out layers whose features are constant, not finite, or the same for all stimuli, and list
        them with the reason under "skipped_layers" of the notes; index and depth still count them.
    on_stimulus : called with how many stimuli were shown, and how many that will be in all passes.
    say : called with a line, before it begins, where several passes are needed.
    read_frames : decodes a path; `stimuli.videos.read_frames` when none. Called in other threads.
    """

    device: str
    scratch: Required[Path]
    scratch_bytes: float
    memory: float
    features_on: Literal["auto", "disk", "device"]
    batch: int | None
    readers: int | None
    transform: Callable[[Any], torch.Tensor] | None
    skip_bad: bool
    on_stimulus: Callable[[int, int], None] | None
    say: Callable[[str], None] | None
    read_frames: Callable[[Path], Frames] | None


DEFAULTS: dict[str, Any] = {
    "device": "cpu",
    "scratch_bytes": math.inf,
    "memory": 4e9,
    "features_on": "auto",
    "batch": None,
    "readers": None,
    "transform": None,
    "skip_bad": False,
    "on_stimulus": None,
    "say": None,
    "read_frames": None,
}
