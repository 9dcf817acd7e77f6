"""Betas of THINGS-fMRI are those of the files, trial by trial, in the regions of the table of voxels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.stats import zscore
from things_files import COLUMNS, N_VOXELS, files_of, write_person

from alignhouse.ingest.betas.reading import AbsentRegion, open_betas
from alignhouse.ingest.datasets.things.data_set import THINGS_FMRI
from alignhouse.ingest.datasets.things.layout import find_response_files, tables_in
from alignhouse.ingest.datasets.things.reading import open_responses
from alignhouse.ingest.datasets.things.remote import things_files
from alignhouse.study.looking import look_at
from alignhouse.warehouse.errors import BadInput

TRAIN = [f"dog_{number:02d}s" for number in range(12)]
TEST = ["candelabra_14s", "key_17s", "t-shirt_06n"]


def betas_of(
    root: Path, part: str = "V1", split: str = "test", **options: str
) -> tuple[np.ndarray, list[str]]:
    """The betas of sub-01, (stimuli, repetitions, voxels), and the names of the stimuli."""
    [file] = find_response_files(root, None, [part], ["sub-01"])
    with open_betas(open_responses, replace(file, options=options)) as betas:
        small = np.concatenate([block.copy() for block in betas.blocks(split, 100)])
        assert small.shape == betas.shape(split)
        return small, list(betas.raw.stimuli(split))


@pytest.mark.parametrize("form", ["figshare", "OpenNeuro"])
@pytest.mark.parametrize("part", ["V1", "LO1 (prf)", "lEBA"])
def test_the_voxels_of_a_region_are_read_in_every_trial(tmp_path: Path, form: str, part: str) -> None:
    place = {"figshare": tmp_path / "betas_csv", "OpenNeuro": tmp_path / "derivatives/ICA-betas"}[form]
    values, shown, _, regions = write_person(place, "sub-01", TRAIN, TEST, 1, form)
    for split, named, repetitions in (("test", TEST, 3), ("train", TRAIN, 1)):
        read, names = betas_of(tmp_path, part, split)
        assert sorted(names) == sorted(named)
        trials = [[n for n, each in enumerate(shown) if each == name] for name in names]
        assert read.shape == (len(named), repetitions, regions[part].sum())
        expected = np.array([[values[regions[part], n] for n in each] for each in trials])
        np.testing.assert_array_equal(read, expected.astype(np.float32))


def test_betas_can_be_z_scored_within_sessions(tmp_path: Path) -> None:
    values, shown, sessions, regions = write_person(tmp_path, "sub-01", TRAIN, TEST, 1)
    scaled = np.empty_like(values)
    for session in np.unique(sessions):
        scaled[:, sessions == session] = zscore(values[:, sessions == session], axis=1)
    read, names = betas_of(tmp_path, zscore="session")
    for row, name in enumerate(names):
        trials = [n for n, each in enumerate(shown) if each == name]
        np.testing.assert_allclose(read[row], scaled[regions["V1"]][:, trials].T, rtol=1e-5, atol=1e-6)


def test_both_hemispheres_are_parts_of_a_region() -> None:
    regions = {region.name: region for region in THINGS_FMRI.regions("visual", None, None)}
    assert len(regions) == 20
    assert regions["EBA"].parts == ("lEBA", "rEBA")
    assert regions["V3A"].parts == ("V3a",)
    sides = THINGS_FMRI.regions("hemispheres", None, None)
    assert len(sides) == 16
    assert [THINGS_FMRI.hemisphere_of(each) for each in ("lEBA", "rLOC", "V1", "LO1 (prf)")] == [
        "left",
        "right",
        "both",
        "both",
    ]
    with pytest.raises(BadInput, match=r"unknown region 'lV1'"):
        THINGS_FMRI.regions(["lV1"], None, None)


def test_people_are_found_in_either_form_but_once(tmp_path: Path) -> None:
    write_person(tmp_path, "sub-02", TRAIN, TEST, 2)
    write_person(tmp_path / "derivatives/ICA-betas", "sub-01", TRAIN, TEST, 1, "OpenNeuro")
    assert [(each.subject, each.form) for each in tables_in(tmp_path)] == [
        ("sub-01", "OpenNeuro"),
        ("sub-02", "figshare"),
    ]
    with pytest.raises(BadInput, match=r"there is no sub-1 .*did you mean sub-01"):
        find_response_files(tmp_path, None, ["V1"], ["sub-1"])
    with pytest.raises(BadInput, match=r"has no column TO1"):
        find_response_files(tmp_path, None, ["TO1"])
    write_person(tmp_path / "betas_csv", "sub-02", TRAIN, TEST, 2)
    with pytest.raises(BadInput, match=r"two files of responses of sub-02"):
        tables_in(tmp_path)
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInput, match=r"no files of THINGS-fMRI in .*alignhouse ingest fetch things"):
        find_response_files(tmp_path / "none", None, ["V1"])


def test_a_damaged_folder_is_still_taken_for_things(tmp_path: Path) -> None:
    write_person(tmp_path, "sub-01", TRAIN, TEST, 1)
    files_of(tmp_path, "sub-01")[2].unlink()
    with pytest.raises(BadInput, match=r"sub-01_ResponseData.h5 is alone"):
        look_at(tmp_path)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def stimuli(old: str, new: str) -> Callable[[Path], None]:
    return lambda root: edit(files_of(root, "sub-01")[1], old, new)


def voxels(old: str, new: str) -> Callable[[Path], None]:
    return lambda root: edit(files_of(root, "sub-01")[2], old, new)


def frame(name: str, value: object) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        with h5py.File(files_of(root, "sub-01")[0], "r+") as file:
            if name in file:
                del file[name]
            if value is not None:
                file[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (stimuli("trial_type", "kind"), "expected a column trial_type"),
        (stimuli("\ntest,", "\ncatch,"), r"trial_type of row \d+: expected train or test, found 'catch'"),
        (stimuli(",1,0,", ",1,5,"), "trials in the order of trial_id"),
        (stimuli("\ntest,", "\ntrain,"), "expected one trial_type, found train and test"),
        (voxels("voxel_id", "number"), "has no column voxel_id"),
        (voxels("V1,", "V4,"), "has no column V1"),
        (voxels("\n3,1,0", "\n4,1,0"), r"voxel_id of row 4 in .*: expected 4, as in .*found 3"),
        (frame("ResponseData/block0_values", np.zeros((N_VOXELS, 3))), "21, the rows of .* found 60 x 3"),
        (frame("ResponseData/block0_values", np.zeros((5, 21))), "expected 60 x 21, .* found 5 x 21"),
        (frame("ResponseData/block0_values", np.zeros((60, 21), int)), "found no real numbers"),
        (frame("ResponseData/block0_values", h5py.ExternalLink("x.h5", "/x")), "found a link to another"),
        (frame("ResponseData", np.zeros(3)), "is no table of responses.*found ResponseData"),
        (frame("Other/block0_values", np.zeros((60, 21))), "expected one pandas frame"),
        (lambda root: files_of(root, "sub-01")[0].write_bytes(b"no"), "cannot be read"),
        (
            lambda root: files_of(root, "sub-01")[1].unlink(),
            "is alone: expected .*sub-01_StimulusMetadata.csv",
        ),
        (lambda root: files_of(root, "sub-01")[2].write_bytes(b""), "a table with a head"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, change: Callable[[Path], None], message: str) -> None:
    write_person(tmp_path, "sub-01", TRAIN, TEST, 1)
    change(tmp_path)
    with pytest.raises(BadInput, match=message):
        betas_of(tmp_path)


def test_a_region_without_voxels_is_absent_and_other_numbers_are_refused(tmp_path: Path) -> None:
    write_person(tmp_path, "sub-01", TRAIN, TEST, 1)
    path = files_of(tmp_path, "sub-01")[2]
    head, *rows = path.read_text().splitlines()
    column = head.split(",").index("V1")

    def with_value(value: str) -> None:
        changed = [[value if n == column else each for n, each in enumerate(row.split(","))] for row in rows]
        path.write_text("\n".join([head, *map(",".join, changed)]))

    with_value("0.0")
    with pytest.raises(AbsentRegion, match="V1 of sub-01 is absent"):
        betas_of(tmp_path)
    with_value("0.5")
    with pytest.raises(BadInput, match=r"column V1 of .*: expected 0 or 1, found '0.5'"):
        betas_of(tmp_path)
    with_value("1.0")
    assert betas_of(tmp_path)[0].shape[2] == N_VOXELS


def test_the_files_of_a_download_are_those_that_are_read(tmp_path: Path) -> None:
    asked = {"regions": "visual", "annotations": True, "motion_energy": False, "endpoint_url": None}
    files = things_files(None, ["sub-02"], **asked)  # type: ignore[arg-type]
    assert [(bool(file.md5), file.as_stated) for file in files] == [(True, False)] * 2 + [(False, True)]
    assert sum(file.bytes or 0 for file in files) == 16_991_707_827
    assert files[0].url == (
        "https://s3.amazonaws.com/openneuro.org/ds004192/derivatives/ICA-betas/sub-02/voxel-metadata/"
        "sub-02_task-things_voxel-wise-responses.h5"
    )
    for file in files:
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.path).touch()
    assert [each.subject for each in tables_in(tmp_path)] == ["sub-02"]
    assert len(things_files(None, None, **asked)) == 9  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="unknown subject 'sub-04'"):
        things_files(None, ["sub-04"], **asked)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="no files are selected"):
        things_files(None, None, **{**asked, "regions": None})  # type: ignore[arg-type]


def test_only_the_voxels_of_a_region_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, _, regions = write_person(tmp_path, "sub-01", TRAIN, TEST, 1)
    asked: list[slice] = []
    read = h5py.Dataset.__getitem__

    def noted(self: h5py.Dataset, args: object, *more: object) -> object:
        if isinstance(args, tuple) and self.name.endswith("block0_values"):
            asked.append(args[0])
        return read(self, args, *more)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", noted)
    betas_of(tmp_path)
    rows = {row for each in asked for row in range(each.start, each.stop)}
    assert rows == set(np.flatnonzero(regions["V1"]).tolist())
    assert len(COLUMNS) == len(regions)
