"""Which videos of the real set are missing."""

from __future__ import annotations

import pytest

from alignhouse.ingest.datasets.bmd.stimulus_set import missing_videos, require_videos
from alignhouse.ingest.stimuli.videos import numbered_split
from alignhouse.warehouse.errors import BadInput


def test_what_is_missing_of_the_real_set_is_known_by_split():
    everything = [f"{number:04d}" for number in range(1, 1103)]
    assert missing_videos([]) == everything
    assert missing_videos(everything) == missing_videos(reversed(everything), "train") == []
    assert missing_videos(everything[:1000], "test") == everything[1000:]
    assert missing_videos([*everything[:500], "clip_1"], "train") == everything[500:1000]
    assert [numbered_split(name) for name in ("1000", "1001", "0000", "1103", "٠٠٠١")] == [
        "train", "test", None, None, None,
    ]  # fmt: skip
    for split in ("train", "test", "all"):
        require_videos(everything, split)
    with pytest.raises(BadInput, match="unknown split"):
        missing_videos([], "validation")


@pytest.mark.parametrize(
    ("there", "split", "message"),
    [
        (range(1, 1102), "all", r"1 of the 1,102 videos .*expected 0001 to 1102, found all but 1102 \("),
        (range(3, 1001), "train", r"2 of the 1,000 .*\(split train\).*found all but 0001, 0002 \("),
        ([1050], "test", "101 of the 102 .*all but 1001, 1002, 1003, 1004 and 97 more"),
    ],
)
def test_an_incomplete_set_is_refused_with_the_first_of_the_missing(there, split, message):
    with pytest.raises(BadInput, match=message):
        require_videos([f"{number:04d}" for number in there], split)
