"""The files of the demo's data set: their layout and bytes, and the effect of a second call."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alignhouse.demo import brains, data
from alignhouse.demo.clips import SIDE, read_clip
from alignhouse.warehouse.errors import BadInput

TINY: dict[str, Any] = {"seed": 3, "subjects": 2, "test_clips": 2, "train_clips": 2}
REGIONS = (
    *(
        "V1v",
        "V1d",
        "V2v",
        "V2d",
        "V3v",
        "V3d",
        "hV4",
        "EBA",
        "FFA",
        "OFA",
        "STS",
        "LOC",
        "PPA",
        "RSC",
        "TOS",
    ),
    *("V3ab", "IPS0", "IPS1-2-3", "7AL", "BA2", "PFt", "PFop", "MT"),
)


@pytest.fixture(scope="module")
def told() -> list[tuple[str, int, int]]:
    """What `tiny` said about its progress while it was made."""
    return []


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, told: list[tuple[str, int, int]]) -> data.DemoData:
    folder = tmp_path_factory.mktemp("made") / "demo-data"
    return data.make_demo_data(folder, **TINY, progress=lambda *step: told.append(step))


@pytest.fixture
def copy(tiny: data.DemoData, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny.folder, tmp_path / "demo-data"))


def all_bytes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


class NumpyOnly(pickle.Unpickler):
    """Reads numpy arrays, and replaces any other class with an empty one."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "numpy":
            return super().find_class(module, name)
        return type(name, (), {})


def read_betas(path: Path) -> dict[str, Any]:
    contents = NumpyOnly(io.BytesIO(path.read_bytes())).load()
    assert isinstance(contents, dict)
    return contents


def test_every_subject_has_all_46_hemispheric_region_files(tiny: data.DemoData) -> None:
    expected = {
        f"sub-{subject}/sub-{subject}_roi-{side}{region}_betas_normalized.pkl"
        for subject in ("01", "02")
        for side in "lr"
        for region in REGIONS
    }
    assert len(expected) == 2 * 46
    assert {path.relative_to(tiny.betas).as_posix() for path in tiny.betas.rglob("*.pkl")} == expected
    assert tiny.betas == tiny.folder / "derivatives/versionB/MNI152/prepared_allvoxel_pkl"


def test_betas_have_the_shape_and_scale_of_the_real_ones(tiny: data.DemoData) -> None:
    voxels = []
    for subject in ("sub-01", "sub-02"):
        betas = read_betas(tiny.betas / subject / f"{subject}_roi-lIPS1-2-3_betas_normalized.pkl")
        train, test = betas["train_data_allvoxel"], betas["test_data_allvoxel"]
        assert train.dtype == test.dtype == np.float64
        assert train.shape[:2] == (2, 3)
        assert test.shape[:2] == (2, 10)
        assert train.shape[2] == test.shape[2]
        np.testing.assert_allclose(train.mean(axis=(0, 1)), 0, atol=1e-12)
        np.testing.assert_allclose(train.std(axis=(0, 1)), 1, atol=1e-12)
        voxels.append(train.shape[2])
    assert voxels[0] == voxels[1] == 38


def test_a_region_file_also_holds_an_object_whose_class_cannot_be_imported(tiny: data.DemoData) -> None:
    path = tiny.betas / "sub-01" / "sub-01_roi-lMT_betas_normalized.pkl"
    assert importlib.util.find_spec(brains.ABSENT_MODULE.partition(".")[0]) is None
    with path.open("rb") as file, pytest.raises(ModuleNotFoundError, match="prepared_masks"):
        pickle.load(file)
    betas = read_betas(path)
    assert betas["roi_mask"].affine.shape == (4, 4)
    assert betas["roi_indices"].nbytes == 3 * 8 * betas["test_data_allvoxel"].shape[2]


def test_clips_are_square_h264_at_the_rates_and_lengths_of_the_table(tiny: data.DemoData) -> None:
    av = pytest.importorskip("av")
    with tiny.clips.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["split"], row["identifier"]) for row in rows] == [
        *(("train", name) for name in ("0001", "0002")),
        *(("test", name) for name in ("1001", "1002")),
    ]
    assert {row["frame_rate"] for row in rows} == {"24", "30"}
    for row in rows:
        path = tiny.stimuli / row["split"] / f"{row['identifier']}.mp4"
        assert read_clip(path).shape == (int(row["frames"]), SIDE, SIDE, 3)
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
            assert stream.average_rate == int(row["frame_rate"])
            assert "creation_time" not in container.metadata


def test_the_folder_says_that_it_is_synthetic(tiny: data.DemoData) -> None:
    notice = json.loads((tiny.folder / "SYNTHETIC.json").read_text())
    assert notice["synthetic"] is True
    assert notice["parameters"]["seed"] == TINY["seed"]
    assert "Nothing here was measured" in (tiny.folder / "README").read_text()


def test_the_same_seed_gives_the_same_bytes(tiny: data.DemoData, tmp_path: Path) -> None:
    again = data.make_demo_data(tmp_path / "again", **TINY)
    assert all_bytes(again.folder) == all_bytes(tiny.folder)


def test_another_seed_gives_other_clips_and_other_betas(tiny: data.DemoData, tmp_path: Path) -> None:
    other = all_bytes(data.make_demo_data(tmp_path / "other", **(TINY | {"seed": 4})).folder)
    here = all_bytes(tiny.folder)
    same = {name for name in here if here[name] == other[name]}
    assert same == {"README"}


def test_a_finished_data_set_is_left_alone(copy: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    assert data.make_demo_data(copy, **TINY).made == 0
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


def damage_by_deleting(folder: Path) -> int:
    (folder / "stimulus_set/test/1002.mp4").unlink()
    (folder / data.betas_path("sub-02", "rFFA")).unlink()
    return 2


def damage_by_cutting_short(folder: Path) -> int:
    path = folder / data.betas_path("sub-01", "lV1v")
    path.write_bytes(path.read_bytes()[:1000])
    return 1


def damage_by_changing(folder: Path) -> int:
    path = folder / data.betas_path("sub-01", "lV1v")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return 1


@pytest.mark.parametrize("damage", [damage_by_deleting, damage_by_cutting_short, damage_by_changing])
def test_only_what_is_missing_or_wrong_is_made_again(
    copy: Path, tiny: data.DemoData, damage: Callable[[Path], int]
) -> None:
    damaged = damage(copy)
    assert data.make_demo_data(copy, **TINY).made == damaged
    assert all_bytes(copy) == all_bytes(tiny.folder)


class StoppedError(Exception):
    pass


def test_a_run_that_was_stopped_again_and_again_is_finished_by_the_next(
    tiny: data.DemoData, tmp_path: Path
) -> None:
    for moment in (("drawing clips", 3), ("measuring clips", 1), ("simulating subjects", 1)):

        def stop(what: str, done: int, total: int, moment: tuple[str, int] = moment) -> None:
            if (what, done) == moment:
                raise StoppedError

        with pytest.raises(StoppedError):
            data.make_demo_data(tmp_path / "demo-data", **TINY, progress=stop)
        assert len(all_bytes(tmp_path)) < len(all_bytes(tiny.folder))
    finished = data.make_demo_data(tmp_path / "demo-data", **TINY)
    # Only the second subject was missing.
    assert finished.made == 46
    assert all_bytes(finished.folder) == all_bytes(tiny.folder)


def test_betas_are_simulated_again_if_an_encoded_clip_changed(copy: Path, tiny: data.DemoData) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["betas_made_from"] = "clips as another encoder wrote them"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert data.make_demo_data(copy, **TINY).made == 2 * 46
    assert all_bytes(copy) == all_bytes(tiny.folder)


@pytest.mark.usefixtures("tiny")
def test_progress_counts_every_clip_and_subject(told: list[tuple[str, int, int]]) -> None:
    assert [step for step in told if step[0] == "drawing clips"] == [
        ("drawing clips", n, 4) for n in range(1, 5)
    ]
    assert told[-1] == ("simulating subjects", 2, 2)


def test_other_parameters_are_refused_and_nothing_changes(copy: Path) -> None:
    before = all_bytes(copy)
    with pytest.raises(BadInput, match=r"other parameters: expected subjects 3, found subjects 2"):
        data.make_demo_data(copy, **(TINY | {"subjects": 3}))
    assert all_bytes(copy) == before


def test_a_folder_with_other_files_is_refused_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / "derivatives").mkdir()
    with pytest.raises(BadInput, match="other files"):
        data.make_demo_data(tmp_path, **TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["derivatives"]


@pytest.mark.parametrize(
    "content", ["half a mani", "[]", '{"parameters": 1, "files": {}, "betas_made_from": ""}']
)
def test_a_file_that_is_not_a_manifest_is_named_in_the_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(BadInput, match=r"manifest\.json is no manifest of demo data"):
        data.make_demo_data(tmp_path, **TINY)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subjects": 0}, "number of subjects .* expected 1 to 99, found 0"),
        ({"test_clips": 103}, "number of test clips .* expected 2 to 102, found 103"),
        ({"train_clips": 1}, "number of train clips .* expected 2 to 1000, found 1"),
        ({"seed": -1}, "seed .* expected 0 or more, found -1"),
    ],
)
def test_a_number_out_of_range_is_refused_before_anything_is_written(
    tmp_path: Path, change: dict[str, int], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        data.make_demo_data(tmp_path / "demo-data", **(TINY | change))
    assert not (tmp_path / "demo-data").exists()
