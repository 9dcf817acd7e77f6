"""Pictures of stimuli from a folder that the user names."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up_videos import write_texture
from PIL import Image

from alignhouse.ingest.stimuli.pictures import read_middle_picture
from alignhouse.ingest.stimuli.videos import read_frames
from alignhouse.stimulus_pictures import StimulusFolder
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import sha256_of


def write_grey(path: Path, grey: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (6, 4), (grey, grey, grey)).save(path)
    return path


def test_pictures_are_found_by_name_in_the_folder_and_in_folders_in_it(tmp_path: Path) -> None:
    first = write_grey(tmp_path / "first.png", 10)
    write_grey(tmp_path / "test" / "second.png", 20)
    write_grey(tmp_path / "other.png", 30)
    found = StimulusFolder(tmp_path)({"second": None, "first": sha256_of(first), "third": None})
    assert {name: picture[0, 0, 0] for name, picture in found.items()} == {"first": 10, "second": 20}
    assert found["first"].shape == (4, 6, 3)


def test_of_a_video_the_middle_frame_is_shown(tmp_path: Path) -> None:
    path = write_texture(tmp_path / "clip.mp4", frames=9)
    frames = read_frames(path)
    found = StimulusFolder(tmp_path)({"clip": sha256_of(path)})["clip"]
    assert (found == frames[4]).all()
    assert (found != frames[3]).any()
    # Of a long video, the middle of its beginning.
    assert (read_middle_picture(path, most=4) == frames[2]).all()


def test_no_path_of_a_warehouse_is_opened(tmp_path: Path) -> None:
    """A name with a folder in it, as a received warehouse could have, matches no file."""
    write_grey(tmp_path / "secret.png", 10)
    folder = tmp_path / "stimuli"
    write_grey(folder / "first.png", 20)
    wanted = {"../secret": None, str(tmp_path / "secret"): None, "../secret.png": None}
    assert list(StimulusFolder(folder)(wanted | {"first": None})) == ["first"]
    with pytest.raises(BadInput, match=r"none of the stimuli is in .*stimuli: .*found first"):
        StimulusFolder(folder)(wanted)


def test_a_folder_without_pictures_says_which_names_were_expected(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected images or videos called first.*found no images or videos"):
        StimulusFolder(tmp_path)({"first": None})


def test_another_file_of_the_same_name_is_refused(tmp_path: Path) -> None:
    write_grey(tmp_path / "first.png", 10)
    with pytest.raises(
        BadInput, match=r"first\.png is not the stimulus first of the warehouse: expected sha256 0000"
    ):
        StimulusFolder(tmp_path)({"first": "0" * 64})


def test_of_two_files_of_a_name_the_recorded_one_is_read(tmp_path: Path) -> None:
    write_grey(tmp_path / "a" / "first.png", 10)
    recorded = write_grey(tmp_path / "b" / "first.png", 20)
    assert StimulusFolder(tmp_path)({"first": sha256_of(recorded)})["first"][0, 0, 0] == 20
    with pytest.raises(
        BadInput, match=r"two files are called first: expected one file, found .*a/first\.png and"
    ):
        StimulusFolder(tmp_path)({"first": None})


@pytest.mark.parametrize("name", ["first.png", "first.mp4"])
def test_a_file_that_does_not_decode_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nothing to see" * 10)
    with pytest.raises(BadInput, match=name.replace(".", r"\.")):
        StimulusFolder(tmp_path)({"first": None})


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no folder .*nowhere"):
        StimulusFolder(tmp_path / "nowhere")({"first": None})
