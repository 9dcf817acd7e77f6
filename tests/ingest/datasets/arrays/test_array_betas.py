"""Betas of every format and layout are those of the file, trial by trial, whatever the options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from lab_folders import (
    FORMATS,
    NAMES,
    Shown,
    shown,
    trials,
    write_array,
    write_events,
    write_matlab_73,
    write_stimuli,
)
from scipy.io import savemat
from scipy.stats import zscore

from alignhouse.ingest.arrays import hdf5_matrix, matrices, tables
from alignhouse.ingest.betas import sessions
from alignhouse.ingest.betas.reading import open_betas
from alignhouse.ingest.datasets.arrays.data_set import ARRAYS
from alignhouse.ingest.datasets.arrays.layout import find_array_files
from alignhouse.ingest.datasets.arrays.reading import open_array_betas
from alignhouse.warehouse.errors import BadInput

SHOWN = shown()
VOXELS = 11


def read(root: Path, region: str = "V1", *, split: str = "test", memory: int = 10**7, **options: str):
    """The betas of sub-01, (stimuli, repetitions, voxels), and the names of the stimuli."""
    [file] = find_array_files(root, None, [region], ["sub-01"])
    file = replace(file, options=options)
    with open_betas(open_array_betas, file, memory=memory) as betas:
        blocks = [block.copy() for block in betas.blocks(split, 400)]
        stacked = np.concatenate(blocks)
        assert stacked.shape == betas.shape(split)
        assert len(blocks) > 1
        [at_once] = betas.blocks(split, 10**6)
        np.testing.assert_array_equal(at_once, stacked)
        return stacked, betas.raw.stimuli(split)


def expected(values: np.ndarray, of: Shown = SHOWN) -> tuple[np.ndarray, list[str]]:
    """The same betas by plain indexing: stimuli in the order of their first trials."""
    names = list(dict.fromkeys(of.names))
    rows = [[row for row, name in enumerate(of.names) if name == each] for each in names]
    return np.stack([values[each] for each in rows]), names


@pytest.fixture
def person(tmp_path: Path) -> Path:
    (tmp_path / "sub-01").mkdir()
    write_stimuli(tmp_path / "stimuli.csv", SHOWN)
    return tmp_path / "sub-01"


@pytest.fixture(params=[matrices.BAND_BYTES, 200], ids=["one band", "many bands"])
def bands(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (matrices, hdf5_matrix, tables, sessions):
        monkeypatch.setattr(module, "BAND_BYTES", request.param)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("axis", ["rows", "columns"])
@pytest.mark.usefixtures("bands")
def test_betas_of_every_format_are_grouped_by_stimulus(person: Path, form: str, axis: str) -> None:
    values = trials(VOXELS, len(SHOWN.stimulus), 1)
    write_array(person, "V1", values if axis == "rows" else values.T, form)
    for memory in (10**7, 1500):  # in memory, and from rows on disk
        if memory == 1500 and form in ("csv", "packed.npz", "v5.mat"):
            continue  # read whole
        betas, names = read(person.parent, axis=axis, memory=memory)
        want, want_names = expected(values)
        assert names == want_names
        np.testing.assert_array_equal(betas, want)


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "npy"])
def test_names_in_the_file_say_what_the_rows_are(tmp_path: Path, form: str) -> None:
    (tmp_path / "sub-01").mkdir()
    values = trials(VOXELS, len(SHOWN.stimulus), 1)
    write_array(tmp_path / "sub-01", "V1", values, form, stimuli=SHOWN.names)
    betas, names = read(tmp_path)
    np.testing.assert_array_equal(betas, expected(values)[0])
    assert names == expected(values)[1]


@pytest.mark.parametrize("form", ["npz", "packed.npz", "h5", "v5.mat", "v73.mat"])
def test_a_file_for_each_person_has_an_array_for_each_region(tmp_path: Path, form: str) -> None:
    values = {region: trials(VOXELS, len(SHOWN.stimulus), seed) for seed, region in enumerate(("V1", "IT"))}
    written = write_array(tmp_path, "sub-01", values["V1"], form, stimuli=SHOWN.names)
    write_people(written, values, form)
    assert [each.name for each in ARRAYS.regions("all", None, tmp_path)] == ["IT", "V1"]
    for region in values:
        np.testing.assert_array_equal(read(tmp_path, region)[0], expected(values[region])[0])


def write_people(path: Path, values: dict[str, np.ndarray], form: str) -> None:
    """Write the file of a person again, with an array for each region in place of `betas`."""
    if path.suffix == ".npz":
        save = np.savez_compressed if form == "packed.npz" else np.savez
        save(path, **values, stimuli=np.array(SHOWN.names))
    elif path.suffix == ".h5":
        with h5py.File(path, "a") as file:
            del file["betas"]
            for region, each in values.items():
                file[region] = each
    elif h5py.is_hdf5(path):
        write_matlab_73(path, **values, stimuli=SHOWN.names)
    else:
        savemat(path, {**values, "stimuli": np.array(SHOWN.names, dtype=object)})


@pytest.mark.usefixtures("bands")
@pytest.mark.parametrize("form", ["npy", "chunked.h5", "v73.mat"])
def test_z_scores_are_those_of_scipy_within_each_session(person: Path, form: str) -> None:
    values = trials(VOXELS, len(SHOWN.stimulus), 2)
    write_array(person, "V1", values, form)
    scaled = np.empty(values.shape)
    for session in np.unique(SHOWN.session):
        here = SHOWN.session == session
        scaled[here] = zscore(values[here].astype(np.float64), axis=0)
    for memory in (10**7, 1500):
        betas, _ = read(person.parent, zscore="session", memory=memory)
        np.testing.assert_allclose(betas, expected(scaled)[0], rtol=1e-5, atol=1e-6)


def test_a_voxel_that_is_constant_in_a_session_has_no_z_score(person: Path) -> None:
    values = trials(VOXELS, len(SHOWN.stimulus), 2)
    values[SHOWN.session == 1, 3] = 0.1
    write_array(person, "V1", values, "npy")
    with pytest.raises(BadInput, match="found 12 of 264 NaN or infinite"):
        read(person.parent, zscore="session")


def test_repetitions_are_averaged_or_cut_if_asked_for(tmp_path: Path) -> None:
    (tmp_path / "sub-01").mkdir()
    uneven = Shown(SHOWN.stimulus[1:], SHOWN.session[1:])
    write_stimuli(tmp_path / "stimuli.csv", uneven)
    values = trials(VOXELS, len(uneven.stimulus), 3)
    write_array(tmp_path / "sub-01", "V1", values, "npy")
    rare = NAMES[SHOWN.stimulus[0]]
    with pytest.raises(
        BadInput, match=rf"found 2 of {rare} and 3 of clip_\d+ .*brain\.repetitions"
    ) as caught:
        read(tmp_path)
    assert "repetitions of sub-01 in split test differ" in str(caught.value)
    betas, names = read(tmp_path, repetitions="mean")
    for name, mean in zip(names, betas, strict=True):
        rows = [row for row, each in enumerate(uneven.names) if each == name]
        np.testing.assert_allclose(mean, [values[rows].mean(axis=0, dtype=np.float64)], rtol=1e-6)
    betas, names = read(tmp_path, repetitions="first")
    for name, first in zip(names, betas, strict=True):
        rows = [row for row, each in enumerate(uneven.names) if each == name][:2]
        np.testing.assert_array_equal(first, values[rows])


def test_events_of_bids_name_trials_and_sessions(tmp_path: Path) -> None:
    values = trials(VOXELS, len(SHOWN.stimulus), 4)
    write_events(tmp_path / "sub-01", "sub-01", SHOWN)
    write_array(tmp_path / "sub-01", "V1", values, "npy")
    with pytest.raises(BadInput, match="found stim_file and trial_type"):
        read(tmp_path)
    betas, names = read(tmp_path, stimulus_column="stim_file")
    np.testing.assert_array_equal(betas, expected(values)[0])
    assert names == expected(values)[1]
    scaled, _ = read(tmp_path, stimulus_column="stim_file", zscore="session")
    here = SHOWN.session == 0
    first = expected(np.arange(len(SHOWN.stimulus))[:, None])[0]
    again = zscore(values[here].astype(np.float64), axis=0)
    for stimulus, repetition in np.argwhere(first[..., 0] < here.sum()):
        np.testing.assert_allclose(
            scaled[stimulus, repetition], again[first[stimulus, repetition, 0]], rtol=1e-5
        )


def test_stimuli_have_the_split_of_their_rows(person: Path) -> None:
    splits = ["train" if index < 5 else "test" for index in SHOWN.stimulus]
    write_stimuli(person.parent / "stimuli.csv", SHOWN, split=splits)
    values = trials(VOXELS, len(SHOWN.stimulus), 5)
    write_array(person, "V1", values, "h5")
    for split, count in (("train", 5), ("test", 3)):
        betas, names = read(person.parent, split=split)
        everything, order = expected(values)
        assert len(names) == count
        np.testing.assert_array_equal(betas, everything[[order.index(name) for name in names]])


@pytest.mark.parametrize("dtype", ["<f2", ">f4", ">f8", "<i2", ">i4", "u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_of_any_kind_and_order_of_bytes_are_read(person: Path, dtype: str, order: str) -> None:
    values = np.round(trials(VOXELS, len(SHOWN.stimulus), 6) * 10 + 100).astype(dtype)
    np.save(person / "V1.npy", np.asarray(values, order=order))  # type: ignore[call-overload]
    np.testing.assert_array_equal(read(person.parent)[0], expected(values)[0].astype(np.float32))


@pytest.mark.parametrize("unit", [1, 3])
@pytest.mark.parametrize("most", [None, 1, 4, 100])
def test_ranges_hold_all_rows_once_and_are_no_longer_than_asked(unit: int, most: int | None) -> None:
    rows = np.array([0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 30, 32, 33, 40])
    found = list(matrices.spans(rows, unit, most))
    np.testing.assert_array_equal(np.concatenate([inside for _, _, inside in found]), rows)
    for start, stop, inside in found:
        assert (start, stop) == (inside[0], inside[-1] + 1)
        assert most is None or stop - start <= max(unit, most)
    if unit == 1 and most is None:
        assert [(start, stop) for start, stop, _ in found] == [(0, 3), (5, 12), (30, 31), (32, 34), (40, 41)]
    assert list(matrices.spans(rows[:0], unit, most)) == []
