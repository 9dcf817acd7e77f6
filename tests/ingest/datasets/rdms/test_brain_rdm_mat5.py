"""Content and faults that only MATLAB files before v7.3 can have."""

from __future__ import annotations

import contextlib
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from scipy.io import savemat

from alignhouse.ingest.arrays.mat5 import Mat5File
from alignhouse.ingest.datasets.rdms.files import read_rdm_file
from alignhouse.warehouse.errors import BadInput

SCIPYS_FILES = Path(scipy.io.__file__).parent / "matlab" / "tests" / "data"
# Deliberately damaged files or files of other kinds, according to their names and scipy's own tests.
NOT_TO_BE_READ = {
    "bad_miuint32",
    "bad_miutf8_array_name",
    "corrupted_zlib_checksum",
    "corrupted_zlib_data",
    "malformed1",
    "testhdf5_7.4_GLNX86",
}


def squares(n_subjects: int = 3, n: int = 5) -> np.ndarray:
    half = np.triu(np.random.default_rng(3).random((n_subjects, n, n)), 1)
    return half + half.transpose(0, 2, 1)


def element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def array(kind: int, shape: tuple[int, ...], *content: bytes, name: bytes = b"") -> bytes:
    flags = element(6, struct.pack("<II", kind, 0))
    lengths = element(5, struct.pack(f"<{len(shape)}i", *shape))
    return element(14, flags + lengths + element(1, name) + b"".join(content))


def mat5(*elements: bytes) -> bytes:
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"".join(elements)


def test_v4_files_are_read(tmp_path: Path) -> None:
    square = squares()[0]
    path = tmp_path / "a.mat"
    savemat(path, {"rdm": square, "conditions": np.array(["face", "cat", "dog", "car", "hat"])}, format="4")
    read = read_rdm_file(path)
    assert read.rdms[0].tolist() == [square[i, j] for i in range(5) for j in range(i + 1, 5)]
    assert read.conditions == ("face", "cat", "dog", "car", "hat")
    savemat(path, {"rdm": square + 1j}, format="4")
    with pytest.raises(BadInput, match="found dtype complex128"):
        read_rdm_file(path)


def test_sparse_rdms_are_refused_with_the_way_to_save_them(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"rdm": scipy.sparse.csc_matrix(squares()[0])})
    with pytest.raises(BadInput, match=r"found class sparse .save full\(rdm\)"):
        read_rdm_file(tmp_path / "a.mat")


@pytest.mark.skipif(not SCIPYS_FILES.is_dir(), reason="scipy was installed without its tests")
@pytest.mark.parametrize("name", ["some_functions", "testobject_7.4_GLNX86"])
def test_objects_and_function_handles_are_refused_by_name(name: str) -> None:
    with pytest.raises(
        BadInput, match=r"(sqr|testobject) in .*an object of class (function|object).*cellstr"
    ):
        read_rdm_file(SCIPYS_FILES / f"{name}.mat")


@pytest.mark.skipif(not SCIPYS_FILES.is_dir(), reason="scipy was installed without its tests")
def test_every_file_from_matlab_passes_the_size_checks() -> None:
    paths = {path.stem: path for path in SCIPYS_FILES.glob("*.mat")}
    assert paths.keys() > NOT_TO_BE_READ
    for name in paths.keys() - NOT_TO_BE_READ:
        assert Mat5File(paths[name]).variables(), name
    for name in NOT_TO_BE_READ:
        with pytest.raises(BadInput, match="cannot be read"):
            Mat5File(paths[name])


RDM = array(6, (3, 3), element(9, np.zeros(9).tobytes()), name=b"rdm")
CELL = (1, (1, 2**30))


@pytest.mark.parametrize(
    "elements",
    [
        [array(*CELL, name=b"conditions"), RDM],
        [array(1, (1, 1), array(*CELL), name=b"conditions"), RDM],
        [array(2, (1, 1), element(5, struct.pack("<i", 4)), element(1, b"RDM\x00"), array(*CELL), name=b"s")],
        [array(6, (2**20, 2**20), element(9, bytes(72)), name=b"rdm")],
        [array(4, (5, 2**30), element(4, b""), name=b"conditions"), RDM],
    ],
    ids=["cells", "cells in a cell", "cells in a struct", "numbers", "text"],
)
def test_arrays_that_declare_more_values_than_they_contain_are_refused(
    tmp_path: Path, elements: list[bytes]
) -> None:
    packed = [element(15, zlib.compress(each))[: 8 + len(zlib.compress(each))] for each in elements]
    for content in (mat5(*elements), mat5(*packed)):
        (tmp_path / "a.mat").write_bytes(content)
        with pytest.raises(BadInput, match=r"a\.mat cannot be read: .*found an array of shape"):
            read_rdm_file(tmp_path / "a.mat")


def test_a_compressed_variable_with_too_large_content_is_refused(tmp_path: Path) -> None:
    swollen = array(6, (1, 10**6), element(9, bytes(8 * 10**6)), name=b"x")
    (tmp_path / "a.mat").write_bytes(mat5(element(15, zlib.compress(swollen))))
    assert (tmp_path / "a.mat").stat().st_size < 10_000
    with pytest.raises(BadInput, match=r"a\.mat is too large to read: expected at most 1,000,000 bytes"):
        read_rdm_file(tmp_path / "a.mat", most_bytes=10**6)


def deep(levels: int) -> bytes:
    inner = array(6, (0, 0), element(9, b""))
    for _ in range(levels):
        inner = array(1, (1, 1), inner)
    return array(1, (1, 1), inner, name=b"conditions")


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ([deep(500), RDM], "16 deep"),
        ([array(6, (3, 3), element(99, bytes(72)), name=b"rdm")], "values of type 99"),
        ([array(4, (1, 4), element(14, b"text"), name=b"conditions")], "values of type 14"),
        ([array(4, (1, 4), name=b"conditions"), RDM], "ends early"),
        ([array(6, (3, 3), element(9, bytes(72)), element(9, bytes(72)), name=b"rdm")], "goes on after"),
        (
            [array(1, (1, 1), array(16, (1, 1)), name=b"conditions"), RDM],
            "function handle in a struct or cell",
        ),
        ([array(1, (1, 1), element(9, bytes(8)), name=b"x")], "type 9 in place of an array"),
        ([element(9, bytes(72))], "type 9 in place of an array"),
        ([element(14, element(6, b""))], "without a class"),
        ([RDM, RDM], "two variables of one name: found rdm"),
    ],
)
def test_files_that_scipy_would_misread_are_refused(
    tmp_path: Path, elements: list[bytes], message: str
) -> None:
    (tmp_path / "a.mat").write_bytes(mat5(*elements))
    with pytest.raises(BadInput, match=message):
        read_rdm_file(tmp_path / "a.mat")


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_files_raise_nothing_but_bad_input(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "a.mat"
    names: Any = np.array(["a", "b", "c", "dd", "e"], dtype=object)
    savemat(path, {"rdm": squares(), "conditions": names}, do_compression=compressed)
    data = path.read_bytes()
    rng = np.random.default_rng(4)
    cut = [data[:length] for length in (0, 3, 60, 127, 132, len(data) // 2, len(data) - 9)]
    for content in (*cut, b"text" * 200, bytes(500)):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=r"a\.mat"):
            read_rdm_file(path)
    for _ in range(300):
        holed = bytearray(data)
        holed[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(holed)
        with contextlib.suppress(BadInput):
            assert read_rdm_file(path).rdms.size
