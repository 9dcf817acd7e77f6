"""Content and faults that only MATLAB v7.3 files can have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

from alignhouse.ingest.arrays.hdf5 import members, opened_hdf5
from alignhouse.ingest.arrays.mat73 import Mat73File
from alignhouse.ingest.datasets.rdms.files import read_rdm_file
from alignhouse.warehouse.errors import BadInput

MATLABS_OWN = Path(scipy.io.__file__).parent / "matlab" / "tests" / "data" / "testhdf5_7.4_GLNX86.mat"


def squares(n_subjects: int = 3, n: int = 5) -> np.ndarray:
    half = np.triu(np.random.default_rng(5).random((n_subjects, n, n)), 1)
    return half + half.transpose(0, 2, 1)


def put(file: h5py.File, name: str, values: Any, kind: str) -> h5py.Dataset:
    file[name] = values
    file[name].attrs["MATLAB_class"] = np.bytes_(kind)
    return file[name]


@pytest.mark.skipif(not MATLABS_OWN.is_file(), reason="scipy was installed without its tests")
def test_files_that_matlab_wrote_are_read_correctly() -> None:
    with opened_hdf5(MATLABS_OWN) as file:
        read = Mat73File(file, members(file, MATLABS_OWN), MATLABS_OWN)
        assert [str(variable) for variable in read.variables()] == ["testdouble (1x9 double)"]
        np.testing.assert_allclose(read.numbers("testdouble"), np.arange(9)[None] * np.pi / 4)
    with pytest.raises(BadInput, match=r"testdouble in .*found shape \(9,\)"):
        read_rdm_file(MATLABS_OWN)


@pytest.mark.parametrize("suffix", [".h5", ".mat"])
def test_matlabs_layout_is_known_under_any_name(tmp_path: Path, suffix: str) -> None:
    stack = squares(2)
    path = tmp_path / f"a{suffix}"
    with h5py.File(path, "w") as file:
        put(file, "rdm", stack.transpose(0, 2, 1), "double")  # (n, n, S) to MATLAB
        put(file, "conditions", np.array([[ord(letter) for letter in "abcde"]], dtype=np.uint16), "char")
    read = read_rdm_file(path)
    assert read.rdms.tolist() == [
        [square[i, j] for i in range(5) for j in range(i + 1, 5)] for square in stack
    ]
    assert read.conditions == tuple("abcde")


def test_a_file_that_another_library_wrote_as_matlabs_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["rdm"] = squares(2)
    assert read_rdm_file(tmp_path / "a.mat").rdms.shape == (2, 10)


@pytest.mark.parametrize("kind", ["string", "function_handle", "containers.Map"])
def test_objects_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        put(file, "rdm", squares(), "double")
        put(file, "conditions", np.zeros((1, 6), dtype=np.uint32), kind)
    with pytest.raises(BadInput, match=f"conditions in .*an object of class {kind}.*cellstr"):
        read_rdm_file(tmp_path / "a.mat")


def test_sparse_rdms_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_group("rdm").attrs["MATLAB_sparse"] = np.uint64(5)
    with pytest.raises(BadInput, match=r"rdm in .*found class sparse .save full\(rdm\)"):
        read_rdm_file(tmp_path / "a.mat")


def references(file: h5py.File, *targets: str) -> np.ndarray:
    made = np.empty((len(targets), 1), dtype=h5py.ref_dtype)
    made[:, 0] = [file[target].ref for target in targets]
    return made


def test_cells_do_not_lead_out_of_the_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["text"] = np.array([[ord("x")]], dtype=np.uint16)
    with h5py.File(tmp_path / "a.mat", "w") as file:
        put(file, "rdm", squares(), "double")
        layout = h5py.VirtualLayout((1, 1), np.uint16)
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "text", (1, 1))
        refs = file.create_group("#refs#")
        refs.create_virtual_dataset("a", layout)
        put(file, "conditions", references(file, *["#refs#/a"] * 5), "cell")
    with pytest.raises(BadInput, match="conditions in .*found a virtual dataset"):
        read_rdm_file(tmp_path / "a.mat")


def test_cells_that_share_one_long_text_count_it_each_time(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        put(file, "rdm", squares(), "double")
        put(file, "#refs#/a", np.full((10_000, 1), 97, dtype=np.uint16), "char")
        put(file, "conditions", references(file, *["#refs#/a"] * 5), "cell")
    with pytest.raises(BadInput, match="conditions in .*too large to read"):
        read_rdm_file(tmp_path / "a.mat", most_bytes=50_000)
    with pytest.raises(BadInput, match="5 times"):
        read_rdm_file(tmp_path / "a.mat")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.array([[0xD800]], dtype=np.uint16), "cannot be read.*utf-16"),
        (np.zeros((2, 2, 2), dtype=np.uint16), "expected text"),
        (np.array([[97.0]]), "expected text"),
    ],
)
def test_invalid_text_is_refused(tmp_path: Path, content: np.ndarray, message: str) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        put(file, "rdm", squares(), "double")
        put(file, "#refs#/a", content, "char")
        put(file, "conditions", references(file, *["#refs#/a"] * 5), "cell")
    with pytest.raises(BadInput, match=message):
        read_rdm_file(tmp_path / "a.mat")


def test_dangling_references_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        put(file, "rdm", squares(), "double")
        made = file.create_dataset("conditions", (5, 1), h5py.ref_dtype)
        made.attrs["MATLAB_class"] = np.bytes_("cell")
    with pytest.raises(BadInput, match=r"a\.mat cannot be read"):
        read_rdm_file(tmp_path / "a.mat")


def test_structs_whose_fields_differ_in_number_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["#refs#/a"] = squares()[0]
        file["RDMs/RDM"] = references(file, *["#refs#/a"] * 3)
        file["RDMs/name"] = references(file, *["#refs#/a"] * 2)
    with pytest.raises(BadInput, match="expected 2 of them, as names, found 3"):
        read_rdm_file(tmp_path / "a.mat")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        put(file, "rdm", squares(20, 30), "double")
    data = path.read_bytes()
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + data[128 : len(data) // 2])
    with pytest.raises(BadInput, match=r"a\.mat cannot be read"):
        read_rdm_file(path)
