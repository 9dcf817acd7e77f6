"""Clips of a video, sampled, resized and cropped by mmaction2's own transforms.

One view of the video, `ceil(frames / (clip_len * frame_interval))` clips. Importing this module loads no
deep-learning library.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.sources.compat_mmaction import load_mmaction


def clip_frame_indices(network: Network, n_frames: int) -> tuple[NDArray[np.int32], int]:
    """The frames that mmaction2 samples for a network from a video of `n_frames`, and the number of clips.

    Returns
    -------
    indices : (clips * clip_len,) int32, clip after clip; a clip beyond the end repeats the last frame.
    clips : number of clips; dense sampling counts each of its ten positions.
    """
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


def sample_clips(frames: NDArray[np.uint8], network: Network) -> NDArray[np.uint8]:
    """Sampled, resized and cropped frames in the network's format, not yet normalised.

    Parameters
    ----------
    frames : (frames, height, width, 3) uint8 RGB.

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
    # Each frame is resized once, however many clips contain it.
    results["imgs"] = np.stack(results["imgs"])[position]
    shaped: NDArray[np.uint8] = FormatShape(input_format=network.format_shape).transform(results)["imgs"]
    return shaped
