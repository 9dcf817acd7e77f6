"""RDMs in MATLAB files, both in the formats that scipy reads (v4 to v7) and in HDF5 (v7.3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.sparse
from scipy.io import savemat

from alignhouse.ingest.datasets.rdms.files import RdmFile, read_rdm_file
from alignhouse.warehouse.errors import BadInput

NAMES = ["face", "house", "cat", "dog", "car"]
CLASSES = {"float64": "double", "float32": "single", "bool": "logical"}
Write = Callable[..., Path]


def squares(n_subjects: int = 3, n: int = 5) -> np.ndarray:
    half = np.triu(np.random.default_rng(2).random((n_subjects, n, n)), 1)
    return half + half.transpose(0, 2, 1)


def vectors(stack: np.ndarray) -> np.ndarray:
    n = stack.shape[1]
    return np.array([[square[i, j] for i in range(n) for j in range(i + 1, n)] for square in stack])


def cell(*strings: Any) -> np.ndarray:
    cells = np.empty(len(strings), dtype=object)
    cells[:] = strings
    return cells[None]


def structs(stack: np.ndarray, names: list[str]) -> np.ndarray:
    """RDMs(i).RDM and RDMs(i).name, like in the RSA toolbox for MATLAB."""
    array = np.empty((1, len(names)), dtype=[("RDM", object), ("name", object), ("color", object)])
    for index, name in enumerate(names):
        array[0, index] = (stack[index], name, np.array([0.0, 0.0, 1.0]))
    return array


class V73:
    """Writes HDF5 like MATLAB: reversed axes, UTF-16 text, cells as references, a header at the start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = h5py.File(path, "w", userblock_size=512)
        self.refs = self.file.create_group("#refs#")

    def save(self, variables: dict[str, Any]) -> None:
        for name, values in variables.items():
            self.put(self.file, name, values)
        self.file.close()
        header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64 HDF5 schema 1.00 .".ljust(116) + bytes(8)
        with self.path.open("r+b") as raw:
            raw.write(header + b"\x00\x02IM")

    def put(self, group: h5py.Group, name: str, values: Any) -> None:
        if isinstance(values, str | list):  # a row of text, or a char matrix
            rows = [values] if isinstance(values, str) else values
            text = np.array([[ord(each) for each in row] for row in rows], dtype=np.uint16)
            self.dataset(group, name, text, "char").attrs["MATLAB_int_decode"] = np.int32(2)
        elif isinstance(values, np.ndarray) and values.dtype.names:
            self.structs(group.create_group(name), values)
        elif scipy.sparse.issparse(values):
            made = group.create_group(name)
            made.attrs["MATLAB_class"] = np.bytes_("double")
            made.attrs["MATLAB_sparse"] = np.uint64(values.shape[0])
            made["data"] = values.data
        elif values.dtype == object:
            self.dataset(group, name, self.references(values), "cell")
        elif values.dtype.kind == "c":
            pair = np.empty(values.shape, [("real", "f8"), ("imag", "f8")])
            pair["real"], pair["imag"] = values.real, values.imag
            self.dataset(group, name, pair, "double")
        else:
            kind = CLASSES.get(values.dtype.name, values.dtype.name)
            self.dataset(group, name, values.astype(np.uint8) if kind == "logical" else values, kind)

    def dataset(self, group: h5py.Group, name: str, values: np.ndarray, kind: str | None) -> h5py.Dataset:
        if values.size == 0:  # MATLAB stores the shape instead of values
            made = group.create_dataset(name, data=np.array(values.shape, dtype=np.uint64))
            made.attrs["MATLAB_empty"] = np.uint8(1)
        else:
            made = group.create_dataset(name, data=np.atleast_2d(values).T)
        if kind:
            made.attrs["MATLAB_class"] = np.bytes_(kind)
        return made

    def references(self, items: np.ndarray) -> np.ndarray:
        made = np.empty(items.shape, dtype=h5py.ref_dtype)
        for place, item in np.ndenumerate(items):
            name = f"r{len(self.refs)}"
            self.put(self.refs, name, item)
            made[place] = self.refs[name].ref
        return made

    def structs(self, group: h5py.Group, values: np.ndarray) -> None:
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        for field in values.dtype.names:
            if values.size == 1:
                self.put(group, field, values[field].ravel()[0])
            else:
                self.dataset(group, field, self.references(values[field]), None)


@pytest.fixture(params=["v5", "v7", "v7.3"])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    """Writes variables to a .mat file, in each format; a list of strings becomes a char matrix."""

    def to_file(**variables: Any) -> Path:
        path = tmp_path / "fmri_EVC_RDMs.mat"
        if request.param == "v7.3":
            V73(path).save(variables)
        else:
            plain = {
                name: np.array(each) if isinstance(each, list) else each for name, each in variables.items()
            }
            savemat(path, plain, do_compression=request.param == "v7")
        return path

    return to_file


def assert_is(read: RdmFile, stack: np.ndarray) -> None:
    assert read.rdms.dtype == np.float64
    assert read.rdms.tolist() == vectors(stack).tolist()


@pytest.mark.parametrize(
    "lay_out",
    [
        lambda stack: stack,
        lambda stack: stack.transpose(1, 2, 0),
        vectors,
        lambda stack: vectors(stack).T,
    ],
    ids=["(S, n, n)", "(n, n, S)", "(S, P)", "(P, S)"],
)
@pytest.mark.parametrize("n_subjects", [2, 7])
def test_subjects_may_come_first_or_last(write: Write, lay_out: Any, n_subjects: int) -> None:
    stack = squares(n_subjects)
    assert_is(read_rdm_file(write(rdm=lay_out(stack))), stack)


@pytest.mark.parametrize("shape", [(5, 5), (1, 5, 5), (5, 5, 1), (1, 10), (10, 1)])
def test_one_rdm_may_be_square_a_row_or_a_column(write: Write, shape: tuple[int, ...]) -> None:
    stack = squares(1)
    stored = stack.reshape(shape) if 5 in shape else vectors(stack).reshape(shape)
    assert_is(read_rdm_file(write(rdm=stored)), stack)


def test_the_axis_of_subjects_is_found_from_slices_if_sizes_are_equal(write: Write) -> None:
    stack = squares(5, 5)
    assert_is(read_rdm_file(write(rdm=stack)), stack)
    assert_is(read_rdm_file(write(rdm=stack.transpose(1, 2, 0))), stack)


def test_a_cube_that_fits_both_ways_or_neither_is_refused(write: Write) -> None:
    square = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    both = square[:, :, None] * square[:, None, :] * square[None, :, :]
    with pytest.raises(BadInput, match="does not say which axis.*along the first axis and along the last"):
        read_rdm_file(write(rdm=both))
    neither = squares(5, 5)
    neither[1, 2, 3] = 9
    with pytest.raises(
        BadInput, match="subjects first, subject 2, row 3, column 4: .*; with subjects last, "
    ):
        read_rdm_file(write(rdm=neither))


def test_ambiguous_condensed_rdms_are_resolved_by_names_or_a_known_size(write: Write) -> None:
    stack = squares(3, 5)  # 3 subjects, 10 pairs; or 10 subjects of 3 conditions
    stored = vectors(stack)
    path = write(rdm=stored)
    with pytest.raises(
        BadInput, match="two ways: .*3 subjects and 5 conditions or 10 subjects and 3 conditions"
    ):
        read_rdm_file(path)
    assert_is(read_rdm_file(path, n=5), stack)
    assert read_rdm_file(path, n=3).rdms.tolist() == stored.T.tolist()
    with pytest.raises(BadInput, match="RDMs that fit the numbers of conditions"):
        read_rdm_file(path, n=4)
    assert_is(read_rdm_file(write(rdm=stored.T, conditions=cell(*NAMES)), n=3), stack)
    assert_is(read_rdm_file(write(rdm=stored.T, subjects=cell("a", "b", "c"))), stack)


@pytest.mark.parametrize("key", ["conditions", "condition_names"])
@pytest.mark.parametrize(
    "names", [cell(*NAMES), cell(*NAMES).T, ["face ", "house", "cat  ", "dog  ", "car  "]]
)
def test_names_are_read_from_cells_and_char_matrices(write: Write, key: str, names: Any) -> None:
    read = read_rdm_file(write(rdm=squares(), subject_names=cell("ann", "bøb", "c"), **{key: names}))
    assert read.conditions == tuple(NAMES)
    assert read.subjects == ("ann", "bøb", "c")


def test_numbers_name_subjects_but_not_conditions(write: Write) -> None:
    assert read_rdm_file(write(rdm=squares(), subjects=np.array([[4.0, 5.0, 6.0]]))).subjects == (
        "4",
        "5",
        "6",
    )
    with pytest.raises(BadInput, match="names of the conditions in .*one of them"):
        read_rdm_file(write(rdm=squares(), conditions=np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])))


def test_other_arrays_may_be_in_the_same_file(write: Write) -> None:
    settings = np.empty((1, 1), dtype=[("distance", object)])
    settings[0, 0] = ("correlation",)
    beside = {"remark": "ours", "n": np.array([[5.0]]), "settings": settings, "nothing": np.zeros((0, 0))}
    assert_is(read_rdm_file(write(rdm=squares(), **beside)), squares())


@pytest.mark.parametrize("dtype", ["f4", "i2", "u1"])
def test_numbers_of_every_class_are_kept_exactly(write: Write, dtype: str) -> None:
    stack = np.rint(squares() * 100).astype(dtype)
    assert_is(read_rdm_file(write(rdm=stack)), stack.astype(float))


@pytest.mark.parametrize("form", ["square", "vector"])
@pytest.mark.parametrize("n_subjects", [1, 4])
def test_structs_of_the_rsa_toolbox_are_one_subject_each(write: Write, form: str, n_subjects: int) -> None:
    stack = squares(n_subjects)
    names = ["EVC | BE", "EVC | KO", "EVC | SN", "EVC | TI"][:n_subjects]
    stored = stack if form == "square" else vectors(stack)[:, None]
    read = read_rdm_file(write(RDMs=structs(stored, names), conditions=cell(*NAMES)))
    assert_is(read, stack)
    assert (read.subjects, read.conditions) == (tuple(names), tuple(NAMES))


def test_structs_without_names_are_numbered(write: Write) -> None:
    stack = squares()
    assert read_rdm_file(write(RDMs=structs(stack, ["", "", ""]))).subjects is None
    stack[2, 0, 1] = 9
    with pytest.raises(BadInput, match="RDMs in .*, subject 3, row 1, column 2: expected a symmetric"):
        read_rdm_file(write(RDMs=structs(stack, ["", "", ""])))


def odd_structs(place: int, rdm: Any) -> np.ndarray:
    array = structs(squares(), ["a", "b", "c"])
    array["RDM"][0, place] = rdm
    return array


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"a": squares(), "b": squares()[0]}, "which array is the RDM: .*found a, b"),
        ({"a": squares(), "RDMs": structs(squares(), ["a", "b", "c"])}, "found a, RDMs"),
        ({"a": np.zeros((4, 3, 2)), "b": np.zeros((7, 8))}, "found a .4x3x2 double., b .7x8 double."),
        ({"a": np.zeros((4, 3, 2))}, r"a in .*found shape \(4, 3, 2\)"),
        ({"a": np.zeros((5, 3, 5))}, r"found shape \(5, 3, 5\)"),
        ({"a": np.zeros((0, 0))}, r"found shape \(0, 0\)"),
        ({"a": "text"}, "found a .*char"),
        ({"a": squares().astype(complex)}, "real numbers, found dtype complex128"),
        ({"a": squares() > 0.5}, "real numbers, found class logical"),
        ({"a": squares(), "conditions": cell(*NAMES[:4])}, "names of the conditions in .*found 4 entries"),
        (
            {"a": squares(), "conditions": cell(*NAMES[:4], "cat")},
            "names of the conditions in .*'cat' 2 times",
        ),
        ({"a": squares(), "conditions": cell(*NAMES[:4], "")}, "names of the conditions in .*''"),
        (
            {"a": squares(), "conditions": cell(*NAMES[:4], np.eye(2))},
            "names of the conditions in .*one of them",
        ),
        ({"a": squares(), "subjects": cell("x", "y", "x")}, "names of the subjects in .*'x' 2 times"),
        ({"a": squares(), "subjects": np.array([[3.0]])}, "names of the subjects in .*found 1 entries"),
        ({"a": squares(), "conditions": "x", "condition_names": "x"}, "names its conditions twice"),
        ({"RDMs": structs(squares(), ["a", "b", "a"])}, "names of the subjects in .*'a' 2 times"),
        (
            {"RDMs": structs(squares(), ["a", "b", "c"]), "subjects": cell("x", "y", "z")},
            "names its subjects twice",
        ),
        ({"RDMs": odd_structs(1, squares())}, r"RDMs\(2\)\.RDM in .*expected shape \(5, 5\), as RDMs\(1\)"),
        ({"RDMs": odd_structs(0, squares())}, r"RDMs\(1\)\.RDM in .*one RDM, \(n, n\) or a vector"),
        ({"RDMs": odd_structs(2, np.eye(6))}, r"RDMs\(3\)\.RDM in .*found shape \(6, 6\)"),
        ({"RDMs": odd_structs(1, "ten of them")}, r"RDMs\(2\)\.RDM in .*found (char|dtype <U)"),
        ({"RDMs": odd_structs(1, "ten of it.")}, r"RDMs\(2\)\.RDM in .*found (char|dtype <U)"),
        ({"RDMs": odd_structs(1, squares()[0] * 1j)}, r"RDMs\(2\)\.RDM in .*complex128"),
        ({"RDMs": structs(squares(4) > 0.5, list("abcd"))}, r"RDMs\(1\)\.RDM in .*found dtype bool"),
        ({"RDMs": odd_structs(1, scipy.sparse.csc_matrix(squares()[0]))}, "RDMs.2..RDM in .*full matrix"),
        ({"RDMs": structs(squares(4), list("abcd")).reshape(2, 2)}, "one region and session"),
    ],
)
def test_invalid_rdms_and_names_are_refused(write: Write, variables: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        read_rdm_file(write(**variables))
    assert "fmri_EVC_RDMs.mat" in str(caught.value)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((1, 2, 3), np.nan, r"subject bob, row 3 \(cat\), column 4 \(dog\): expected finite"),
        ((2, 1, 1), 0.5, r"subject cem, row 2 \(house\), column 2 \(house\): expected zero on the diagonal"),
        ((0, 0, 4), 7.0, r"subject ann, row 1 \(face\), column 5 \(car\): expected a symmetric .*7 against"),
    ],
)
def test_a_broken_rdm_is_located_by_name(
    write: Write, place: tuple[int, ...], value: float, message: str
) -> None:
    stack = squares()
    stack[place] = value
    names = {"conditions": cell(*NAMES), "subjects": cell("ann", "bob", "cem")}
    for stored in (stack, np.moveaxis(stack, 0, 2)):
        with pytest.raises(BadInput, match=rf"rdm in .*\.mat, {message}"):
            read_rdm_file(write(rdm=stored, **names))


def test_files_that_need_too_much_are_refused_before_they_are_read(write: Write) -> None:
    path = write(rdm=squares(30, 10))
    with pytest.raises(BadInput, match="too large to read: expected at most 20,000 bytes"):
        read_rdm_file(path, most_bytes=20_000)
    assert read_rdm_file(path, most_bytes=40_000).rdms.shape == (30, 45)
