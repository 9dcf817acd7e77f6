"""Deals the frames of a stimulus into calls of a network whose clips are single frames (TSN, TSM, TANet).

Such a network averages over the frames of one call, and each layer's features are averaged over calls. So the
number of calls changes the features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

    from alignhouse.ingest.models.network import Network

FrameCount = Literal["repeat_last", "zero_pad_to_8"]
_PUBLISHED_CALLS = 3
_PUBLISHED_CALLS_IF_DENSE = 10


@dataclass(frozen=True)
class DealtFrames:
    """calls : (frames, 3, H, W) each. added : black frames among them, negative if frames were cut."""

    calls: list[torch.Tensor]
    added: int = 0


def deal(frames: torch.Tensor, network: Network, rule: FrameCount) -> DealtFrames:
    """Deal frames, (frames, 3, H, W) uint8, into interleaved calls.

    rule : "repeat_last" makes as few calls of at most `network.frames_per_call` as possible. "zero_pad_to_8"
        makes the calls of the published code; see `deal_into`. Networks with longer clips get one call.
    """
    if deals_as_published(network, rule):
        return deal_into(_PUBLISHED_CALLS_IF_DENSE if network.dense else _PUBLISHED_CALLS, frames)
    n_calls = math.ceil(len(frames) / (network.frames_per_call or len(frames)))
    return DealtFrames([frames[call::n_calls] for call in range(n_calls)])


def deals_as_published(network: Network, rule: FrameCount) -> bool:
    """Whether the number of calls is that of the published code."""
    return rule == "zero_pad_to_8" and network.format_shape == "NCHW" and network.clip_len == 1


def deal_into(n_calls: int, frames: torch.Tensor) -> DealtFrames:
    """Deal frames into `n_calls` interleaved calls of equal length, as the published code does.

    If the frames do not divide evenly, black frames are appended up to the next multiple of `n_calls`. If
    more than half of `n_calls` would be added, frames are cut instead, unless no frame would be left.
    """
    import torch

    surplus = len(frames) % n_calls
    lacking = -len(frames) % n_calls
    if lacking > n_calls / 2 and len(frames) > n_calls:
        frames, added = frames[: len(frames) - surplus], -surplus
    else:
        black = frames.new_zeros((lacking, *frames.shape[1:]))
        frames, added = torch.cat([frames, black]), lacking
    return DealtFrames([frames[call::n_calls] for call in range(n_calls)], added)
