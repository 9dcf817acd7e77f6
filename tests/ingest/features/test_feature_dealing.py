"""Frames are dealt into calls as the published code deals them, stated again here in plain lists."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from alignhouse.ingest.features.dealing import deal, deals_as_published
from alignhouse.ingest.features.inputs import fit_frame_count
from alignhouse.ingest.models.catalog import catalog

OF_SINGLE_FRAMES = sorted(
    name for name, network in catalog().items() if network.format_shape == "NCHW" and network.clip_len == 1
)
BLACK, ZERO = -1, -2


def published(n_frames: int, dense: bool, multiple: int) -> list[list[int]]:
    """The frames of each call, numbered from 0; BLACK before normalisation, ZERO after it."""
    k = 10 if dense else 3
    frames = list(range(n_frames))
    if n_frames % k:
        needed = k - n_frames % k
        cut = needed > k / 2 and n_frames > k
        frames = frames[: n_frames // k * k] if cut else frames + [BLACK] * needed
    calls = [[frames[i] for i in range(len(frames)) if i % k == call] for call in range(k)]
    fitted = []
    for call in calls:
        needed = math.ceil(len(call) / multiple) * multiple - len(call)
        if needed > multiple / 2 and len(call) > multiple:
            fitted.append(call[: len(call) // multiple * multiple])
        else:
            fitted.append(call + [ZERO] * needed)
    return fitted


def test_the_catalog_has_fifteen_networks_of_single_frames() -> None:
    assert len(OF_SINGLE_FRAMES) == 15
    others = [each for each in catalog().values() if each.format_shape == "NCHW" and each.clip_len != 1]
    assert len(others) == 2
    assert not any(deals_as_published(network, "zero_pad_to_8") for network in others)


@pytest.mark.parametrize("name", OF_SINGLE_FRAMES)
def test_calls_are_those_of_the_published_code(name: str) -> None:
    network = catalog()[name]
    assert network.frame_multiple is not None
    for n_frames in range(1, 131):
        # Dense sampling takes ten positions in each clip.
        count = 10 * n_frames if network.dense else n_frames
        frames = torch.arange(1, count + 1, dtype=torch.int32).reshape(-1, 1, 1, 1)
        dealt = deal(frames, network, "zero_pad_to_8")
        calls = []
        for call in dealt.calls:
            # As `normalised` does: black frames get another value than zero, and zero frames stay zero.
            shown = torch.where(call == 0, BLACK, call)[None]
            fitted, _ = fit_frame_count(shown, network.frame_multiple, "zero_pad_to_8")
            flat = fitted.flatten().tolist()
            calls.append([ZERO if v == 0 else BLACK if v == BLACK else v - 1 for v in flat])
        assert calls == published(count, bool(network.dense), network.frame_multiple), n_frames
        assert dealt.added == sum(map(len, dealt.calls)) - count


def test_the_last_frame_rule_makes_as_few_calls_as_possible() -> None:
    network = catalog()["tsm_r50"]
    for n_frames, n_calls in ((1, 1), (30, 1), (31, 2), (90, 3), (91, 4)):
        dealt = deal(torch.from_numpy(np.zeros((n_frames, 1, 1, 1))), network, "repeat_last")
        assert (len(dealt.calls), dealt.added) == (n_calls, 0)
        assert sum(map(len, dealt.calls)) == n_frames
