"""Betas in the layout of the BOLD Moments data set."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from betas_in_memory import read_betas

from alignhouse.ingest.betas.reading import AbsentRegion, BetaFile, open_betas
from alignhouse.ingest.datasets.bmd import layout as bmd
from alignhouse.ingest.datasets.bmd.layout import find_beta_files
from alignhouse.ingest.datasets.bmd.reading import open_pickled_betas
from alignhouse.ingest.datasets.bmd.regions import resolve
from alignhouse.ingest.datasets.bmd.videos import beta_videos
from alignhouse.warehouse.errors import BadInput

PARTS = ["lV1v", "rV1v"]


def betas(n_voxels: int = 4, n_train: int = 3, n_test: int = 2) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "train_data_allvoxel": rng.normal(size=(n_train, 3, n_voxels)),
        "test_data_allvoxel": rng.normal(size=(n_test, 10, n_voxels)),
    }


def write(path: Path, content: object) -> BetaFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content))
    return BetaFile("sub-01", "lV1v", path)


def data_set(folder: Path, subjects: int = 2, parts: list[str] = PARTS) -> Path:
    for i in range(subjects, 0, -1):
        for part in parts:
            write(folder / f"sub-{i:02d}" / f"sub-{i:02d}_roi-{part}_betas_normalized.pkl", betas())
    return folder


def test_files_come_by_subject_and_then_by_part_whatever_the_listing_order(tmp_path, monkeypatch):
    data_set(tmp_path, subjects=11)
    expected = [(f"sub-{i:02d}", part) for i in range(1, 12) for part in PARTS]
    assert [(file.subject, file.part) for file in find_beta_files(tmp_path, "B", PARTS)] == expected
    listing = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: reversed(sorted(listing(self))))
    assert [(file.subject, file.part) for file in find_beta_files(tmp_path, "B", PARTS)] == expected


@pytest.mark.parametrize("inside", [".", "derivatives", "derivatives/versionB/MNI152"])
def test_the_root_may_be_any_folder_on_the_way_down(tmp_path, inside):
    data_set(tmp_path / "derivatives/versionB/MNI152/prepared_allvoxel_pkl")
    (tmp_path / "sub-01/func").mkdir(
        parents=True
    )  # raw recordings are in the data set's root, in folders with the same names
    assert len(find_beta_files(tmp_path / inside, "B", PARTS)) == 4


def test_files_of_version_a_have_their_own_names_and_folder(tmp_path):
    deep = "derivatives/versionA/MNI152/prepared_data/prepared_allvoxel_pkl/TRavg56789"
    write(tmp_path / deep / "sub-06/IPS1-2-3_TRavg-56789_allvoxel.pkl", betas())
    (file,) = find_beta_files(tmp_path, "A", ["IPS1-2-3"])
    assert (file.subject, file.part) == ("sub-06", "IPS1-2-3")
    assert read_betas(file)["train"].shape == (3, 3, 4)


def test_the_layout_agrees_with_the_names_of_the_published_files():
    assert (
        bmd._FILE_NAMES["B"].format(subject="sub-01", part="lIPS1-2-3")
        == "sub-01_roi-lIPS1-2-3_betas_normalized.pkl"
    )
    assert "/".join(bmd._FOLDERS["B"]) == "derivatives/versionB/MNI152/prepared_allvoxel_pkl"


def test_chosen_subjects_only(tmp_path):
    data_set(tmp_path, subjects=3)
    assert {file.subject for file in find_beta_files(tmp_path, "B", PARTS, ["sub-03", "sub-01"])} == {
        "sub-01",
        "sub-03",
    }


def test_a_missing_hemisphere_names_the_file(tmp_path):
    data_set(tmp_path)
    gone = tmp_path / "sub-02/sub-02_roi-rV1v_betas_normalized.pkl"
    gone.unlink()
    with pytest.raises(BadInput, match="sub-02 has no betas of rV1v, right hemisphere") as caught:
        find_beta_files(tmp_path, "B", PARTS)
    assert str(gone) in str(caught.value)


def test_more_missing_files_are_counted(tmp_path):
    data_set(tmp_path)
    with pytest.raises(BadInput, match=r"sub-01 has no betas of lEBA, left hemisphere.* and 3 more"):
        find_beta_files(tmp_path, "B", ["lV1v", "lEBA", "rEBA"])


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (lambda root: None, ("B", PARTS), "there is no folder"),
        (lambda root: root.mkdir(), ("B", PARTS), "no subjects in"),
        (lambda root: (root / "sub-01_notes").mkdir(parents=True), ("B", PARTS), "no subjects in"),
        (data_set, ("B", PARTS, ["sub-12"]), "no subject sub-12 .*did you mean sub-02"),
        (data_set, ("B", PARTS, []), "no subjects are selected"),
        (data_set, ("b", PARTS), "expected A or B"),
    ],
)
def test_a_folder_that_cannot_serve_is_refused(tmp_path, make, arguments, message):
    make(tmp_path / "bmd")
    with pytest.raises(BadInput, match=message):
        find_beta_files(tmp_path / "bmd", *arguments)


def test_betas_are_float32_and_equal_to_what_the_file_holds(tmp_path):
    content = betas()
    content["test_data_allvoxel"] = np.asfortranarray(content["test_data_allvoxel"])
    read = read_betas(write(tmp_path / "a.pkl", content | {"image": Path("unknown")}))
    assert {split: values.shape for split, values in read.items()} == {"train": (3, 3, 4), "test": (2, 10, 4)}
    for split, values in read.items():
        assert values.dtype == np.float32
        assert values.flags.c_contiguous
        np.testing.assert_array_equal(values, content[f"{split}_data_allvoxel"].astype(np.float32))


def test_a_part_without_voxels_is_absent_and_says_whose(tmp_path):
    file = write(tmp_path / "a.pkl", betas(n_voxels=0))
    with pytest.raises(AbsentRegion, match="lV1v of sub-01 is absent") as caught:
        read_betas(file)
    assert caught.value.file == file
    sent = pickle.loads(pickle.dumps(caught.value))
    assert (str(sent), sent.file) == (str(caught.value), file)


def test_bad_values_are_counted_and_named(tmp_path):
    content = betas()
    content["test_data_allvoxel"][1, 2, 3] = np.nan
    content["test_data_allvoxel"][0, :2, 1] = np.inf
    file = write(tmp_path / "a.pkl", content)
    with pytest.raises(BadInput, match=r"sub-01, lV1v, test: .*found 3 of 80 NaN"):
        read_betas(file)


def test_bad_voxels_can_be_dropped_and_are_counted(tmp_path):
    content = betas()
    content["test_data_allvoxel"][1, 2, 3] = np.nan
    content["train_data_allvoxel"][0, 0, 1] = 1e300  # infinite in float32
    file = write(tmp_path / "a.pkl", content)
    with open_betas(open_pickled_betas, file, skip_bad=True) as opened:
        assert opened.dropped == 2
        assert opened.shape("test") == (2, 10, 2)
    read = read_betas(file, skip_bad=True)
    for split, values in read.items():
        assert values.flags.c_contiguous
        np.testing.assert_array_equal(
            values, content[f"{split}_data_allvoxel"][..., [0, 2]].astype(np.float32)
        )
    content["test_data_allvoxel"][0, 0, :] = np.nan
    with pytest.raises(AbsentRegion, match="no voxel without NaN or infinite values among 4"):
        read_betas(write(tmp_path / "a.pkl", content), skip_bad=True)


@pytest.mark.parametrize("buffer_bytes", [1, 500, 10**6])
@pytest.mark.parametrize("protocol", range(6))
def test_betas_read_in_blocks_are_those_read_whole(tmp_path, buffer_bytes, protocol):
    content = betas(n_voxels=37, n_train=7, n_test=5)
    file = BetaFile("sub-01", "lV1v", tmp_path / "a.pkl")
    file.path.write_bytes(pickle.dumps(content, protocol=protocol))
    with open_betas(open_pickled_betas, file) as opened:
        for split in ("train", "test"):
            blocks = [block.copy() for block in opened.blocks(split, buffer_bytes)]
            assert len(blocks) > 1 or buffer_bytes == 10**6 or protocol < 3
            expected = content[f"{split}_data_allvoxel"].astype(np.float32)
            np.testing.assert_array_equal(np.concatenate(blocks), expected)


def test_betas_stored_voxel_by_voxel_report_how_much_memory_they_need(tmp_path):
    content = {name: np.asfortranarray(values) for name, values in betas(n_voxels=600).items()}
    file = write(tmp_path / "a.pkl", content)
    with (
        pytest.raises(BadInput, match="read whole.*at most 40,000 bytes.*found 43,200 bytes"),
        open_betas(open_pickled_betas, file, memory=40_000),
    ):
        pass
    with open_betas(open_pickled_betas, file, memory=10**6) as opened:
        (block,) = opened.blocks("train")
    np.testing.assert_array_equal(block, content["train_data_allvoxel"].astype(np.float32))


def test_pickles_with_arrays_as_text_report_how_much_memory_they_need(tmp_path):
    file = BetaFile("sub-01", "lV1v", tmp_path / "a.pkl")
    file.path.write_bytes(pickle.dumps(betas(n_voxels=600), protocol=2))
    with (
        pytest.raises(BadInput, match="does not fit into the memory.*protocol 4"),
        open_betas(open_pickled_betas, file, memory=40_000),
    ):
        pass


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_data_allvoxel": np.zeros((2, 4))}, r"test betas .*found shape \(2, 4\)"),
        ({"train_data_allvoxel": np.zeros((0, 3, 4))}, "train betas"),
        ({"test_data_allvoxel": np.zeros((2, 10, 5))}, "same voxels in all splits.*'train': 4, 'test': 5"),
        ({"test_data_allvoxel": np.zeros((2, 10, 4), dtype=complex)}, "real numbers"),
    ],
)
def test_betas_of_another_shape_or_kind_are_refused(tmp_path, change, message):
    with pytest.raises(BadInput, match=message):
        read_betas(write(tmp_path / "a.pkl", betas() | change))


def test_a_file_without_the_test_split_is_refused(tmp_path):
    content = betas()
    del content["test_data_allvoxel"]
    with pytest.raises(BadInput, match="has no array test_data_allvoxel"):
        read_betas(write(tmp_path / "a.pkl", content))


def test_rows_are_the_videos_in_order():
    assert beta_videos("train", 1000)[::999] == ["0001", "1000"]
    assert beta_videos("test", 102)[::101] == ["1001", "1102"]
    for split, n in (("test", 103), ("train", 0), ("all", 3)):
        with pytest.raises(BadInput):
            beta_videos(split, n)


def test_the_published_layout_is_read_for_all_ten_subjects(test_data):
    parts = [part for region in resolve(["V1", "hV4", "EBA"]) for part in region.parts]
    files = find_beta_files(test_data / "paper_parity/betas", "B", parts)
    assert len(files) == 80
    assert [file.subject for file in files[::8]] == [f"sub-{i:02d}" for i in range(1, 11)]
    read = read_betas(files[0])
    assert read["train"].shape[:2] == (20, 3)
    assert read["test"].shape[:2] == (24, 10)
    with pytest.raises(BadInput, match="left hemisphere"):
        find_beta_files(test_data / "paper_parity/betas", "B", ["lMT"])
