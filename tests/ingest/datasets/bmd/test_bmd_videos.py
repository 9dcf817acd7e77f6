"""The videos of BOLD Moments: their splits, their places on disk, and missing videos."""

from __future__ import annotations

from pathlib import Path

import pytest

from alignhouse.ingest.datasets.bmd.stimulus_set import require_videos
from alignhouse.ingest.datasets.bmd.videos import find_videos, has_layout, missing_videos, split_of_video
from alignhouse.ingest.stimuli.videos import find_stimuli
from alignhouse.warehouse.errors import BadInput


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def names_of(folder: Path, split: str) -> list[str]:
    return [stimulus.name for stimulus in find_videos(folder, split)]


@pytest.mark.parametrize("inside", ["", "stimuli/"])
def test_train_and_test_folders_are_the_splits(tmp_path, inside):
    touch(
        tmp_path,
        *(inside + name for name in ("train/0002.mp4", "train/0001.mp4", "test/1001.mp4", "localizer/x.mp4")),
    )
    assert names_of(tmp_path, "train") == ["0001", "0002"]
    assert names_of(tmp_path, "test") == ["1001"]
    assert [(s.name, s.split, s.media) for s in find_videos(tmp_path, "all")] == [
        ("0001", "train", "video"),
        ("0002", "train", "video"),
        ("1001", "test", "video"),
    ]


@pytest.mark.parametrize("inside", ["", "stimuli/"])
def test_h264_copies_are_preferred_and_split_by_number(tmp_path, inside):
    touch(tmp_path, "stimuli/test/1001.mp4", "stimuli/train/1000.mp4", "frames_middle/0001_0.jpg")
    touch(tmp_path / inside / "mp4_h264", "1000.mp4", "1001.mp4", "1102.mp4", "0001.mp4")
    found = find_videos(tmp_path, "test")
    assert [stimulus.name for stimulus in found] == ["1001", "1102"]
    assert {stimulus.path.parent.name for stimulus in found} == {"mp4_h264"}
    assert names_of(tmp_path, "train") == ["0001", "1000"]


def test_an_unexpected_file_among_the_h264_copies_is_refused(tmp_path):
    touch(tmp_path / "mp4_h264", "1001.mp4", "1103.mp4")
    with pytest.raises(BadInput, match=r"1103\.mp4 is not a video of the stimulus set"):
        find_videos(tmp_path, "test")


def test_a_flat_folder_with_the_data_sets_own_numbers_is_split_by_them(tmp_path):
    touch(tmp_path, "0999.mp4", "1000.mp4", "1001.mp4")
    assert names_of(tmp_path, "train") == ["0999", "1000"]
    assert names_of(tmp_path, "test") == ["1001"]
    (tmp_path / "1001.mp4").unlink()
    assert names_of(tmp_path, "test") == ["0999", "1000"]  # these may be the user's own files


def test_a_split_without_videos_is_an_error(tmp_path):
    touch(tmp_path, "1001.mp4")
    with pytest.raises(BadInput, match="no stimuli of split train"):
        find_videos(tmp_path, "train")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["mp4_h264/0001.mp4"], True),
        (["stimuli/mp4_h264/0001.mp4"], True),
        (["stimuli/train/0001.mp4"], True),
        (["stimuli/a.mp4"], True),
        (["0001.mp4", "1001.mp4"], True),
        (["0001.mp4", "0002.mp4"], False),
        (["0001.mp4", "1001.mp4", "clip.mp4"], False),
        (["train/0001.mp4", "test/1001.mp4"], False),
        (["train/a.mp4", "1001.mp4"], False),
        ([], False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
@pytest.mark.parametrize("split", ["train", "test", "all"])
def test_the_layout_is_recognised_only_if_it_changes_how_files_are_read(tmp_path, names, expected, split):
    touch(tmp_path, *names)
    assert has_layout(tmp_path) == expected
    if not expected:
        found = []
        for find in (find_videos, find_stimuli):
            try:
                found.append(find(tmp_path, split))
            except BadInput as error:
                found.append(str(error))
        assert found[0] == found[1]


def test_missing_videos_of_the_real_set_are_listed_by_split():
    everything = [f"{number:04d}" for number in range(1, 1103)]
    assert missing_videos([]) == everything
    assert missing_videos(everything) == missing_videos(reversed(everything), "train") == []
    assert missing_videos(everything[:1000], "test") == everything[1000:]
    assert missing_videos([*everything[:500], "clip_1"], "train") == everything[500:1000]
    assert [split_of_video(name) for name in ("1000", "1001", "0000", "1103", "٠٠٠١")] == [
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
