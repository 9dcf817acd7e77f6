"""Options of an extraction that are not part of its settings: device, resources, callbacks, transform."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Required, TypedDict

from alignhouse.ingest.features.inputs import Frames
from alignhouse.ingest.stimuli.videos import Decoder

if TYPE_CHECKING:
    import torch

Video = Path | Callable[[], Frames]


class How(TypedDict, total=False):
    """Options of an extraction; only `scratch` is required.

    device : torch's name of the device.
    scratch : an existing folder for temporary files of features.
    scratch_bytes, memory : limits in bytes for features on disk, and for memory in addition to the network.
        If they are exceeded, the stimuli are shown in several passes, each for a group of layers.
    features_on : where features are kept. "disk"; "device", the device's memory (the machine's memory for a
        CPU); "auto", the device if all features fit a share of its memory, else the disk.
    batch : frames or clips in one call, if the network accepts several; None: a default of the device.
    readers : threads that decode and transform stimuli ahead; None: a default of the device.
    reader_processes : use processes instead of threads, which is faster for a GPU. A script that sets this
        needs `if __name__ == "__main__":`, because new processes import it.
    transform : replaces the published transform. PIL image -> (3, height, width), or for a network that takes
        videos (frames, height, width, 3) uint8 -> (clips, ...).
    skip_bad : leave out layers whose features are constant, not finite, or the same for all stimuli. The
        notes list them with the reason under "skipped_layers"; index and depth still count them.
    on_stimulus : called with the number of stimuli shown, and the total over all passes.
    on_step : called with the number of steps done, and their total: stimuli, then layers whose RDMs are made,
        a layer counts as many steps as stimuli could be shown meanwhile.
    say : called with a line of text before an extraction that needs several passes.
    doing : called with what is done from now on, such as "decoding".
    model : the network's name in these lines; None: that of its record. An untrained network has another.
    grams : for each of the settings, whether Gram matrices of layers are kept; (): of none.
    read_frames : decodes a path with a decoder; None: `stimuli.videos.read_frames`. Called in other threads.
    """

    device: str
    scratch: Required[Path]
    scratch_bytes: float
    memory: float
    features_on: Literal["auto", "disk", "device"]
    batch: int | None
    readers: int | None
    reader_processes: bool
    transform: Callable[[Any], torch.Tensor] | None
    skip_bad: bool
    on_stimulus: Callable[[int, int], None] | None
    on_step: Callable[[int, int], None] | None
    say: Callable[[str], None] | None
    doing: Callable[[str], None]
    model: str | None
    grams: Sequence[bool]
    read_frames: Callable[[Path, Decoder], Frames] | None


def _ignore(what: str) -> None:
    """The default of `doing`."""


DEFAULTS: dict[str, Any] = {
    "device": "cpu",
    "scratch_bytes": math.inf,
    "memory": 4e9,
    "features_on": "auto",
    "batch": None,
    "readers": None,
    "reader_processes": False,
    "transform": None,
    "skip_bad": False,
    "on_stimulus": None,
    "on_step": None,
    "say": None,
    "doing": _ignore,
    "model": None,
    "grams": (),
    "read_frames": None,
}
