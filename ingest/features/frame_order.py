"""Other orders of the frames of a stimulus, to see whether their order matters for a network's score."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FrameOrder = Literal["given", "shuffled", "frozen"]


def with_order(frames: NDArray[Any], order: FrameOrder) -> NDArray[Any]:
    """The frames (T, ...) of a stimulus in an order; their number stays the same.

    "frozen" repeats the first frame. "shuffled" depends on T only, so that stimuli of the same length are
    shuffled alike, in every run; it comes from raw draws of PCG64, which numpy keeps stable between versions.
    """
    if order == "given" or len(frames) < 2:
        return frames
    if order == "frozen":
        return np.repeat(frames[:1], len(frames), axis=0)
    places = np.argsort(np.random.PCG64(len(frames)).random_raw(len(frames)), kind="stable")
    if (places == np.arange(len(frames))).all():
        places = places[::-1]
    return frames[places]
