"""Files of RDMs from other labs."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from alignhouse.ingest.datasets.rdms.files import (
    find_rdm_files,
    read_rdm_file,
)
from alignhouse.warehouse.errors import BadInput


def squares(n_subjects: int = 3, n: int = 5) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([squareform(pdist(rng.normal(size=(n, 8)), "correlation")) for _ in range(n_subjects)])


def condensed(stack: np.ndarray) -> np.ndarray:
    return np.stack([squareform(square, checks=False) for square in stack])


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
@pytest.mark.parametrize("form", ["stack", "square", "condensed stack", "condensed"])
def test_every_form_gives_subjects_by_pairs(tmp_path, suffix, form):
    stack = squares()
    stored = {
        "stack": stack,
        "square": stack[0],
        "condensed stack": condensed(stack),
        "condensed": condensed(stack)[0],
    }[form]
    path = tmp_path / f"fmri_V1_RDMs{suffix}"
    (np.savez if suffix == ".npz" else np.save)(path, stored)
    read = read_rdm_file(path)
    np.testing.assert_array_equal(read.rdms, condensed(stack) if "stack" in form else condensed(stack)[:1])
    assert read.rdms.dtype == np.float64
    assert read.conditions is None


@pytest.mark.parametrize("key", ["conditions", "condition_names"])
def test_names_of_conditions_come_with_the_rdms(tmp_path, key):
    names = ["face", "house", "cat", "dog", "car"]
    np.savez(tmp_path / "a.npz", rdms=squares(), **{key: np.array(names)})
    assert read_rdm_file(tmp_path / "a.npz").conditions == tuple(names)


@pytest.mark.parametrize(
    ("subjects", "expected"),
    [
        (["ann", "bob", "cem"], ("ann", "bob", "cem")),
        ([3, 1, 2], ("3", "1", "2")),
        ([7.0, 8.0, 9.0], ("7", "8", "9")),
    ],
)
def test_subjects_are_named_by_strings_or_whole_numbers(tmp_path, subjects, expected):
    np.savez(tmp_path / "a.npz", rdms=squares(), subjects=np.array(subjects))
    assert read_rdm_file(tmp_path / "a.npz").subjects == expected
    np.savez(tmp_path / "b.npz", rdms=squares())
    assert read_rdm_file(tmp_path / "b.npz").subjects is None


@pytest.mark.parametrize(
    ("subjects", "message"),
    [
        (["ann", "bob"], "expected 3 different names, found 2 entries"),
        (["ann", "bob", "ann"], "'ann' 2 times"),
        (["ann", "bob", " "], r"one of them ' ' \(str\)"),
        ([1.5, 2.0, 3.0], r"one of them '1\.5' \(float\)"),
        ([True, False, True], r"one of them 'True' \(bool\)"),
        (3, "a list of names"),
    ],
)
def test_subjects_that_do_not_fit_the_rdms_are_refused(tmp_path, subjects, message):
    np.savez(tmp_path / "a.npz", rdms=squares(), subjects=np.array(subjects))
    with pytest.raises(BadInput, match=rf"subjects (in|of) .*a\.npz: .*{message}"):
        read_rdm_file(tmp_path / "a.npz")


def test_a_broken_rdm_is_located_by_the_known_names(tmp_path):
    stack = squares()
    stack[1, 2, 3] = np.inf
    names = {
        "conditions": np.array(["face", "house", "cat", "dog", "car"]),
        "subjects": np.array(["x", "y", "z"]),
    }
    for stored in (stack, condensed(np.triu(stack, 1) + np.triu(stack, 1).transpose(0, 2, 1))):
        np.savez(tmp_path / "a.npz", stored, **names)
        with pytest.raises(
            BadInput, match=r"a\.npz, subject y, row 3 \(cat\), column 4 \(dog\): expected finite"
        ):
            read_rdm_file(tmp_path / "a.npz")


def test_a_file_that_needs_too_much_is_refused_before_it_is_read(tmp_path):
    np.save(tmp_path / "a.npy", squares())
    with pytest.raises(BadInput, match="at most 599 bytes, found .*which needs 600"):
        read_rdm_file(tmp_path / "a.npy", most_bytes=599)
    assert read_rdm_file(tmp_path / "a.npy", most_bytes=600).rdms.shape == (3, 10)
    np.savez_compressed(tmp_path / "a.npz", squares())
    with pytest.raises(BadInput, match=r"arr_0 in .*a\.npz is too large"):
        read_rdm_file(tmp_path / "a.npz", most_bytes=599)


def test_a_small_file_that_claims_terabytes_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
    )
    (tmp_path / "a.npy").write_bytes(header.getvalue())
    with pytest.raises(BadInput, match="needs 8,000,000,000,000"):
        read_rdm_file(tmp_path / "a.npy")


@pytest.mark.parametrize("names", [["a", "b"], ["a", "a", "b", "c", "d"], [1, 2, 3, 4, 5]])
def test_names_that_do_not_fit_the_rdms_are_refused(tmp_path, names):
    np.savez(tmp_path / "a.npz", rdms=squares(), conditions=np.array(names))
    with pytest.raises(BadInput, match=r"names of the conditions in .*a\.npz: expected 5 different"):
        read_rdm_file(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((1, 2, 3), np.nan, r"a\.npy, subject 2, row 3, column 4: expected finite"),
        ((2, 1, 1), 0.5, r"a\.npy, subject 3, row 2, column 2: expected zero on the diagonal"),
        ((0, 0, 4), 7.0, r"a\.npy, subject 1, row 1, column 5: expected a symmetric"),
    ],
)
def test_a_broken_rdm_names_file_subject_and_pair(tmp_path, place, value, message):
    stack = squares()
    stack[place] = value
    np.save(tmp_path / "a.npy", stack)
    with pytest.raises(BadInput, match=message):
        read_rdm_file(tmp_path / "a.npy")


def test_nan_in_a_condensed_rdm_names_subject_and_pair(tmp_path):
    stack = condensed(squares())
    stack[1, 4] = np.nan  # pairs of 5 conditions: 12 13 14 15 23
    np.save(tmp_path / "a_rdm.npy", stack)
    with pytest.raises(BadInput, match="subject 2, row 2, column 3: expected finite"):
        read_rdm_file(tmp_path / "a_rdm.npy")


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (np.zeros((3, 4, 5)), r"found shape \(3, 4, 5\)"),
        (np.zeros(7), r"n\(n-1\)/2 pairs, found shape \(7,\)"),
        (np.zeros((2, 2, 2, 2)), "found shape"),
        (np.zeros((0, 10)), "found shape"),
        (np.array(1.0), "found shape"),
        (np.array(["a", "b"]), "real numbers"),
        (squares().astype(complex), "real numbers"),
        (np.array([None]), "cannot be read.*objects"),
    ],
)
def test_an_array_that_is_not_an_rdm_is_refused(tmp_path, stored, message):
    np.save(tmp_path / "a.npy", stored)
    with pytest.raises(BadInput, match=message) as caught:
        read_rdm_file(tmp_path / "a.npy")
    assert "a.npy" in str(caught.value)


def test_two_arrays_leave_open_which_is_the_rdm(tmp_path):
    np.savez(tmp_path / "a.npz", first=squares(), second=squares())
    with pytest.raises(BadInput, match=r"which array is the RDM.*first, second"):
        read_rdm_file(tmp_path / "a.npz")


def test_damaged_files_are_refused_by_name_and_nothing_is_unpickled(tmp_path):
    whole = io.BytesIO()
    np.savez_compressed(whole, squares(20, 30))
    data = whole.getvalue()
    flag = tmp_path / "flag"

    class Runs:
        def __reduce__(self):
            return os.system, (f"touch {flag}",)

    holed = data[:2000] + bytes(400) + data[2400:]
    for content in (b"", b"text", data[: len(data) // 2], data[:40], holed, pickle.dumps(Runs())):
        for suffix in (".npz", ".npy"):
            path = tmp_path / f"a{suffix}"
            path.write_bytes(content)
            with pytest.raises(BadInput, match=rf"a\{suffix} cannot be read"):
                read_rdm_file(path)
    assert not flag.exists()
    with pytest.raises(BadInput, match="no file"):
        read_rdm_file(tmp_path / "b.npz")


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_regions_are_named_by_their_files_in_natural_order(tmp_path):
    touch(tmp_path, "fmri_V10.npz", "fmri_V2_RDMs.npz", "MT.npy", "IPS1-2-3_rdm.npz", "notes.txt", "._V1.npz")
    found = find_rdm_files(tmp_path)
    assert list(found) == ["IPS1-2-3", "MT", "V2", "V10"]
    assert found["V2"] == tmp_path / "fmri_V2_RDMs.npz"


def test_two_files_of_one_region_are_refused(tmp_path):
    touch(tmp_path, "fmri_V1.npz", "V1_RDMs.npy")
    with pytest.raises(BadInput, match=r"region V1 .*V1_RDMs\.npy and fmri_V1\.npz"):
        find_rdm_files(tmp_path)


def test_regions_are_found_in_every_format(tmp_path):
    names = ["fmri_EVC_RDMs.mat", "V1.h5", "V2_RDM.hdf5", "V3.npz", "V4.npy", "MT.MAT", "read.me"]
    touch(tmp_path, *names)
    found = {roi: path.name for roi, path in find_rdm_files(tmp_path).items()}
    regions = ["EVC", "MT", "V1", "V2", "V3", "V4"]
    assert found == dict(zip(regions, [names[0], names[5], *names[1:5]], strict=True))


def test_one_region_in_two_formats_names_both_files(tmp_path):
    touch(tmp_path, "V1.npz", "fmri_V1_RDMs.mat")
    with pytest.raises(BadInput, match=r"region V1 .*found V1\.npz and fmri_V1_RDMs\.mat"):
        find_rdm_files(tmp_path)


def test_pickles_are_refused_with_the_way_to_save_them(tmp_path):
    path = tmp_path / "V1.pkl"
    path.write_bytes(pickle.dumps({"dissimilarities": squares()}))
    with pytest.raises(BadInput, match=r'V1\.pkl cannot be read: .*found a pickle .*file_type="hdf5"'):
        read_rdm_file(path)
    with pytest.raises(BadInput, match=r'found V1\.pkl .*file_type="hdf5"'):
        find_rdm_files(tmp_path)
    touch(tmp_path, "V1.hdf5")  # saved again
    assert list(find_rdm_files(tmp_path)) == ["V1"]
    touch(tmp_path, "V2.pickle")
    with pytest.raises(BadInput, match=r"found V2\.pickle"):
        find_rdm_files(tmp_path)


def test_a_file_of_another_kind_lists_those_that_are_read(tmp_path):
    touch(tmp_path, "V1.csv")
    with pytest.raises(BadInput, match=r"expected RDMs as \.npz, \.npy, \.h5, \.hdf5 or \.mat, found \.csv"):
        read_rdm_file(tmp_path / "V1.csv")


def test_neither_h5py_nor_scipy_io_is_loaded_before_a_file_needs_it():
    code = (
        "import sys, alignhouse.ingest.datasets.rdms.files; "
        "print(sorted({'h5py', 'scipy.io'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_missing_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(BadInput, match="there is no folder"):
        find_rdm_files(tmp_path / "nowhere")
    with pytest.raises(BadInput, match=str(tmp_path)):
        find_rdm_files(tmp_path)


def test_the_cichy_rdms_have_15_subjects_and_78_conditions(test_data):
    found = find_rdm_files(test_data / "cichy78")
    assert list(found) == ["EVC", "IT"]
    for roi, path in found.items():
        rdms = read_rdm_file(path).rdms
        assert rdms.shape == (15, 78 * 77 // 2), roi
        with np.load(path) as stored:
            np.testing.assert_array_equal(rdms, condensed(stored["arr_0"]))


def test_the_published_brain_rdms_are_read(test_data):
    expected = test_data / "paper_parity/expected"
    assert list(find_rdm_files(expected / "brain_rdms")) == ["EBA", "V1", "hV4"]
    assert read_rdm_file(expected / "brain_rdms/fmri_V1.npz").rdms.shape == (10, 276)
