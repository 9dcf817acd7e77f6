"""Clips of few frames: a frame takes 30 ms to draw and to measure, and the content is the same in each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alignhouse.demo import clips


@pytest.fixture(scope="module", autouse=True)
def short_clips() -> Iterator[None]:
    """Two or three frames at the frame rates of the demo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "FRAMES_AT", {24: 2, 30: 3})
        yield
