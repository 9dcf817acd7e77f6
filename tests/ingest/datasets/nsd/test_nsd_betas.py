"""Betas of NSD are those of the files, session by session, in the regions of the subject."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
from nsd_files import (
    N_TRIALS,
    PRF,
    SPACE,
    VERSION,
    session_folder,
    write_design,
    write_person,
    write_session,
    write_volume,
)
from scipy.io import savemat
from scipy.stats import zscore

from alignhouse.ingest.betas.reading import AbsentRegion, open_betas
from alignhouse.ingest.datasets.nsd.data_set import NSD
from alignhouse.ingest.datasets.nsd.design import read_design
from alignhouse.ingest.datasets.nsd.layout import find_session_files
from alignhouse.ingest.datasets.nsd.reading import open_session_betas
from alignhouse.warehouse.errors import BadInput

ROI = "nsddata/ppdata/subj01/func1pt8mm/roi"
DESIGN = "nsddata/experiments/nsd/nsd_expdesign.mat"


@dataclass(frozen=True)
class Written:
    """What was written. shown : 73k IDs of all trials of subj01. betas : (X, Y, Z, n_trials) int16."""

    root: Path
    shown: np.ndarray
    betas: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        return np.asarray(nibabel.load(self.root / ROI / "prf-visualrois.nii.gz").dataobj)

    def patterns(self, image: int, label: int, values: np.ndarray) -> np.ndarray:
        """The values of the trials of an image in a region, (n_repetitions, V), X varying fastest."""
        here = (self.labels == label).T
        return np.array([values[..., trial].T[here] for trial in np.flatnonzero(self.shown == image)])


@pytest.fixture
def written(tmp_path: Path) -> Written:
    shown = write_design(tmp_path)
    return Written(tmp_path, shown[0], write_person(tmp_path, "subj01", shown, [1, 2]))


def betas_of(
    root: Path, part: str = "prf-visualrois.V1v", split: str = "test", memory: int = 10**8, **options: str
) -> tuple[np.ndarray, list[str]]:
    """The betas of subj01, (stimuli, repetitions, voxels), and the names of the stimuli."""
    [file] = find_session_files(root, VERSION, [part], ["subj01"])
    with open_betas(
        open_session_betas, replace(file, options=options, scratch=root / "tmp"), memory=memory
    ) as betas:
        small = np.concatenate([block.copy() for block in betas.blocks(split, 10**4)])
        assert small.shape == betas.shape(split)
        return small, list(betas.raw.stimuli(split))


@pytest.mark.parametrize("part", ["V1v", "hV4"])
def test_trials_of_an_image_in_both_sessions_are_its_repetitions(written: Written, part: str) -> None:
    read, names = betas_of(written.root, f"prf-visualrois.{part}")
    shared = read_design(written.root / DESIGN).shared
    in_order = [each for each in dict.fromkeys(written.shown.tolist()) if each in shared]
    assert names == [f"nsd-{each:05d}" for each in in_order]
    percent = written.betas / 300
    expected = [written.patterns(each, PRF[part], percent) for each in in_order]
    np.testing.assert_allclose(read, np.array(expected), rtol=1e-6)
    assert betas_of(written.root, split="train")[0].shape[:2] == (400, 3)


def test_betas_are_z_scored_within_each_session(written: Written) -> None:
    read, names = betas_of(written.root, zscore="session")
    by_session = written.betas.astype(float).reshape(*SPACE, 2, N_TRIALS)
    scaled = zscore(by_session, axis=-1).reshape(*SPACE, -1)
    for row, name in enumerate(names):
        expected = written.patterns(int(name[4:]), PRF["V1v"], scaled)
        np.testing.assert_allclose(read[row], expected, rtol=1e-5, atol=1e-6)


def test_a_small_memory_gives_the_same_numbers(written: Written) -> None:
    n_voxels = int((written.labels == PRF["V1v"]).sum())
    rows = written.betas.shape[-1] * n_voxels * 2
    np.testing.assert_array_equal(betas_of(written.root, memory=rows)[0], betas_of(written.root)[0])
    assert list((written.root / "tmp").iterdir()) == []


def test_a_hemisphere_has_the_voxels_of_its_own_volume(written: Written) -> None:
    left, names = betas_of(written.root, "lh.prf-visualrois.V2d")
    right, _ = betas_of(written.root, "rh.prf-visualrois.V2d")
    is_left = np.broadcast_to((np.arange(SPACE[0]) >= SPACE[0] // 2)[:, None, None], SPACE)
    here = written.labels == PRF["V2d"]
    assert (left.shape[2], right.shape[2]) == ((here & is_left).sum(), (here & ~is_left).sum())
    trial = np.flatnonzero(written.shown == int(names[0][4:]))[0]
    expected = written.betas[..., trial].T[(here & is_left).T] / 300
    np.testing.assert_allclose(left[0, 0], expected, rtol=1e-6)
    [region] = NSD.regions("lV2", None, None)
    assert [NSD.hemisphere_of(part) for part in region.parts] == ["left", "left"]


def test_nifti_and_hdf5_give_the_same_betas(written: Written) -> None:
    expected = betas_of(written.root)[0]
    folder = session_folder(written.root, "subj01")
    for number in (1, 2):
        (folder / f"betas_session{number:02d}.hdf5").unlink()
        of_session = written.shown[(number - 1) * N_TRIALS : number * N_TRIALS]
        write_session(written.root, "subj01", number, of_session, suffix="nii.gz")
    np.testing.assert_array_equal(betas_of(written.root)[0], expected)
    path = folder / "betas_session02.nii.gz"
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(BadInput, match=r"betas_session02.nii.gz cannot be read"):
        betas_of(written.root)
    write_volume(path, np.zeros((*SPACE, N_TRIALS), np.float32))
    with pytest.raises(BadInput, match="750 trials of int16.* found 750 of float32"):
        betas_of(written.root)


def test_sessions_that_are_missing_are_no_trials(written: Written) -> None:
    (session_folder(written.root, "subj01") / "betas_session01.hdf5").unlink()
    with pytest.raises(BadInput, match=r"repetitions of subj01 .*brain.repetitions"):
        betas_of(written.root)
    read, names = betas_of(written.root, repetitions="mean")
    second = written.shown[N_TRIALS:]
    for row, name in enumerate(names):
        shown = np.flatnonzero(second == int(name[4:])) + N_TRIALS
        here = (written.labels == PRF["V1v"]).T
        means = np.mean([written.betas[..., each].T[here] / 300 for each in shown], axis=0)
        np.testing.assert_allclose(read[row, 0], means, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"zscore": "session"}])
def test_voxels_without_data_in_a_session_are_left_out_if_asked_for(
    written: Written, options: dict[str, str]
) -> None:
    x, y, z = np.argwhere(written.labels == PRF["V1v"])[0]
    with h5py.File(session_folder(written.root, "subj01") / "betas_session02.hdf5", "r+") as file:
        file["betas"][:, z, y, x] = 0
    with pytest.raises(BadInput, match="NaN or infinite"):
        betas_of(written.root, **options)
    [file_] = find_session_files(written.root, VERSION, ["prf-visualrois.V1v"])
    with open_betas(open_session_betas, replace(file_, options=options), skip_bad=True) as betas:
        assert betas.dropped == 1
        assert np.isfinite(next(iter(betas.blocks("test")))).all()


def test_labels_of_the_subject_come_before_the_published_ones(written: Written) -> None:
    expected = betas_of(written.root, "prf-visualrois.hV4")[0]
    label_file = written.root / "nsddata/freesurfer/subj01/label/prf-visualrois.mgz.ctab"
    label_file.unlink()
    np.testing.assert_array_equal(betas_of(written.root, "prf-visualrois.hV4")[0], expected)
    label_file.write_text("0 Unknown\n1 hV4\n")
    v1 = (written.labels == PRF["V1v"]).sum()
    assert betas_of(written.root, "prf-visualrois.hV4")[0].shape[2] == v1
    with pytest.raises(BadInput, match=r"no label V1v in .*ctab"):
        betas_of(written.root)
    label_file.write_text("hV4 1\n")
    with pytest.raises(BadInput, match=r"ctab, line 1: expected a number and a name, found 'hV4 1'"):
        betas_of(written.root)


def test_a_region_that_a_subject_lacks_is_absent(written: Written) -> None:
    volume = written.root / ROI / "prf-visualrois.nii.gz"
    write_volume(volume, np.where(written.labels == 7, 0, written.labels).astype(np.int16))
    with pytest.raises(AbsentRegion, match=r"hV4 of subj01 is absent"):
        betas_of(written.root, "prf-visualrois.hV4")


def test_every_version_and_person_is_found(written: Written) -> None:
    write_session(written.root, "subj07", 1, written.shown[:N_TRIALS], version="betas_assumehrf")
    files = find_session_files(written.root, None, ["prf-visualrois.V1v", "prf-visualrois.V1d"])
    assert [(file.subject, file.part) for file in files] == [
        ("subj01", "prf-visualrois.V1v"),
        ("subj01", "prf-visualrois.V1d"),
    ]
    assert [path.name for path in files[0].paths] == [
        "betas_session01.hdf5",
        "betas_session02.hdf5",
        "nsd_expdesign.mat",
        "prf-visualrois.nii.gz",
        "prf-visualrois.mgz.ctab",
    ]
    with pytest.raises(BadInput, match=r"subj07 are incomplete: expected .*prf-visualrois.nii.gz"):
        find_session_files(written.root, "betas_assumehrf", ["prf-visualrois.V1v"])
    with pytest.raises(BadInput, match=r"found betas of version .*assumehrf.* \(set brain.version"):
        find_session_files(written.root, "betas_fithrf", ["prf-visualrois.V1v"])
    with pytest.raises(BadInput, match=r"there are no betas of subj1 .*did you mean subj01"):
        find_session_files(written.root, VERSION, ["prf-visualrois.V1v"], ["subj1"])
    with pytest.raises(BadInput, match=r"no betas of NSD.*naturalscenesdataset.org"):
        find_session_files(written.root / "nsddata", VERSION, ["prf-visualrois.V1v"])


def _drop_betas(root: Path) -> None:
    with h5py.File(session_folder(root, "subj01") / "betas_session02.hdf5", "w") as file:
        file["others"] = np.zeros(3)


def _store(values: np.ndarray) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        with h5py.File(session_folder(root, "subj01") / "betas_session02.hdf5", "w") as file:
            file["betas"] = values

    return change


def _link(root: Path) -> None:
    with h5py.File(session_folder(root, "subj01") / "betas_session02.hdf5", "w") as file:
        file["betas"] = h5py.ExternalLink("betas_session01.hdf5", "/betas")


def _design(**variables: np.ndarray) -> Callable[[Path], None]:
    right = {
        "masterordering": np.arange(1500)[None] % 500 + 1,
        "subjectim": np.arange(4000).reshape(8, 500) + 1,
        "sharedix": np.arange(100)[None] + 1,
    }
    return lambda root: savemat(root / DESIGN, {**right, **variables})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_drop_betas, "has no betas: expected an array betas, found others"),
        (_link, "found a link to another file"),
        (_store(np.zeros((750, 4, 5, 7), np.int16)), r"the regions' shape, 6 x 5 x 4.*found shape"),
        (
            _store(np.zeros((6, 5, 4, 750), np.int16)),
            "6 x 5 x 4, for each trial, found shape 750 x 4 x 5 x 6",
        ),
        (_store(np.zeros((749, 4, 5, 6), np.int16)), "750 trials of int16.* found 749 of int16"),
        (_store(np.zeros((750, 4, 5, 6), np.float32)), "found 750 of float32"),
        (_design(masterordering=np.ones((1, 1499))), r"is no design of NSD: .*1499 trials"),
        (_design(masterordering=np.full((1, 1500), 501)), "masterordering in .*from 1 to 500, found 501 to"),
        (_design(subjectim=np.zeros((8, 500))), "subjectim in .* from 1 to 73000, found 0 to 0"),
        (_design(sharedix=np.full((1, 3), 1.5)), "sharedix in .*whole numbers"),
        (_design(masterordering=np.ones((1, 750))), "session 2 of subj01: expected 8 subjects, 1 sessions"),
        (lambda root: savemat(root / DESIGN, {"x": 1}), "variables masterordering, .* found x"),
        (lambda root: (root / DESIGN).unlink(), "there is no nsddata/experiments.*data agreement"),
        (
            lambda root: (session_folder(root, "subj01") / "betas_session02.nii.gz").touch(),
            "two files of session 2",
        ),
    ],
)
def test_bad_files_are_named(written: Written, change: Callable[[Path], None], message: str) -> None:
    change(written.root)
    with pytest.raises(BadInput, match=message):
        betas_of(written.root)


def test_an_unknown_region_is_named() -> None:
    with pytest.raises(BadInput, match=r"unknown region 'V4'.*hV4"):
        NSD.regions(["V4"], None, None)
    everything = NSD.regions("all", None, None)
    assert len({region.order for region in everything}) == len(everything) == 48
    assert all(re.fullmatch(r"[\w-]+\.[\w-]+", part) for region in everything for part in region.parts)
