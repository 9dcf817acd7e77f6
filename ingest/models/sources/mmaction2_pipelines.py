"""Reads from a configuration of mmaction2 how its test pipeline makes clips of a video.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_SAMPLERS = ("SampleFrames", "DenseSampleFrames")
# Some make several views of an image; alignhouse uses the central one, of the same size.
_CROPS = ("CenterCrop", "ThreeCrop", "TenCrop")


def sampling_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """How a configuration makes clips, as fields of `alignhouse.ingest.models.network.Network`.

    These are clip_len, frame_interval, dense, resize, crop, format_shape and frame_multiple, as far as the
    configuration states them. Reads the test pipeline, or the validation pipeline if there is no other.

    Parameters
    ----------
    config : the whole configuration, as plain values.
    """
    said: dict[str, Any] = {}
    for step in _pipeline(config):
        kind = step.get("type")
        if kind in _SAMPLERS:
            said["clip_len"] = step.get("clip_len")
            said["frame_interval"] = step.get("frame_interval", 1)
            said["dense"] = kind == "DenseSampleFrames"
        elif kind == "UniformSample":
            # The interval of this sampler depends on the video, so it is not set.
            said["clip_len"], said["dense"] = step.get("clip_len"), False
        elif kind == "Resize":
            said["resize"] = _short_edge(step.get("scale"))
        elif kind in _CROPS:
            said["crop"] = _square(step.get("crop_size"))
        elif kind == "FormatShape" and step.get("input_format") in ("NCHW", "NCTHW"):
            said["format_shape"] = step["input_format"]
    if said.get("format_shape") == "NCTHW":
        said["frame_multiple"] = 1
    else:
        said["frame_multiple"] = _segments(config)
    return {key: value for key, value in said.items() if value is not None}


def _pipeline(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    for split in ("test", "val"):
        loader = config.get(f"{split}_dataloader")
        dataset = loader.get("dataset") if isinstance(loader, Mapping) else None
        inner = dataset.get("pipeline") if isinstance(dataset, Mapping) else None
        pipeline = inner or config.get(f"{split}_pipeline")
        if isinstance(pipeline, (list, tuple)):
            return [step for step in pipeline if isinstance(step, Mapping)]
    return []


def _short_edge(scale: Any) -> int | None:
    """The short edge that a scale such as (-1, 256) sets; None for scales that change the aspect ratio."""
    if isinstance(scale, (list, tuple)) and len(scale) == 2 and -1 in scale:
        return int(max(scale))
    return None


def _square(size: Any) -> int | None:
    if isinstance(size, (list, tuple)) and len(set(size)) == 1:
        size = size[0]
    return size if isinstance(size, int) else None


def _segments(config: Mapping[str, Any]) -> int | None:
    """The number of frames that backbone and head mix: a call must hold a multiple of both numbers."""
    model = config.get("model", {})
    parts = [model.get(name) for name in ("backbone", "cls_head")]
    segments = [part.get("num_segments") for part in parts if isinstance(part, Mapping)]
    counts = [each for each in segments if isinstance(each, int)]
    return math.lcm(*counts) if counts else None
