"""RDMs in HDF5: files of rsatoolbox, and plain arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from alignhouse.ingest.datasets.rdms.files import read_rdm_file
from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    from rsatoolbox.rdm import RDMs

NAMES = ["face", "house", "cat", "dog", "car"]


def squares(n_subjects: int = 3, n: int = 5) -> np.ndarray:
    half = np.triu(np.random.default_rng(1).random((n_subjects, n, n)), 1)
    return half + half.transpose(0, 2, 1)


def assert_holds(rdms: np.ndarray, stack: np.ndarray) -> None:
    """Check that condensed `rdms` have exactly the pairs of `stack`, row by row."""
    n = stack.shape[1]
    pairs = [(row, column) for row in range(n) for column in range(row + 1, n)]
    assert rdms.dtype == np.float64
    assert rdms.tolist() == [[float(square[pair]) for pair in pairs] for square in stack]


def save(path: Path, stack: np.ndarray, subjects: Any = None, conditions: Any = None) -> RDMs:
    """Save RDMs with rsatoolbox; `subjects` and `conditions` are descriptors."""
    # Not at the top: every test process loads this file, and rsatoolbox takes seconds.
    from rsatoolbox.rdm import RDMs

    rdms = RDMs(stack, "correlation", rdm_descriptors=subjects, pattern_descriptors=conditions)
    rdms.save(str(path), file_type="hdf5")
    return rdms


def write(path: Path, **datasets: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return path


@pytest.mark.parametrize("suffix", [".h5", ".hdf5"])
def test_rdms_of_rsatoolbox_are_its_own_matrices(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"V1{suffix}"
    saved = save(path, squares(), {"subject": ["ann", "bob", "cem"]}, {"stim": NAMES})
    read = read_rdm_file(path)
    assert_holds(read.rdms, saved.get_matrices())
    np.testing.assert_array_equal(read.rdms, saved.get_vectors())
    assert (read.conditions, read.subjects) == (tuple(NAMES), ("ann", "bob", "cem"))


@pytest.mark.parametrize(("n_subjects", "n"), [(10, 5), (3, 3), (6, 4), (1, 5), (5, 5)])
def test_condensed_rdms_of_rsatoolbox_are_never_taken_for_square_ones(
    tmp_path: Path, n_subjects: int, n: int
) -> None:
    stack = squares(n_subjects, n)
    save(tmp_path / "a.h5", stack)
    assert_holds(read_rdm_file(tmp_path / "a.h5").rdms, stack)


@pytest.mark.parametrize(
    ("descriptors", "expected"),
    [
        ({}, None),
        ({"index": [0, 1, 2, 3, 4]}, None),
        ({"stimulus": [4, 5, 6, 7, 8]}, None),
        ({"what": NAMES}, tuple(NAMES)),
        ({"Conditions": NAMES, "label": list("abcde")}, tuple(NAMES)),
        ({"pattern": list("abcde"), "condition": NAMES}, tuple(NAMES)),
        ({"category": ["animate", "inanimate", "animate", "animate", "inanimate"]}, None),
        (
            {"category": ["animate", "inanimate", "animate", "animate", "inanimate"], "what": NAMES},
            tuple(NAMES),
        ),
        ({"stim": np.array(NAMES, dtype=object)}, tuple(NAMES)),
        ({"stim": tuple(NAMES)}, tuple(NAMES)),
        ({"stim": np.array(NAMES)}, tuple(NAMES)),
    ],
)
def test_conditions_are_named_by_the_descriptor_that_is_of_strings(
    tmp_path: Path, descriptors: dict[str, Any], expected: tuple[str, ...] | None
) -> None:
    save(tmp_path / "a.h5", squares(), conditions=descriptors)
    assert read_rdm_file(tmp_path / "a.h5").conditions == expected


def test_several_descriptors_of_which_none_has_a_usual_name_are_listed(tmp_path: Path) -> None:
    save(tmp_path / "a.h5", squares(), conditions={"label": NAMES, "file": list("abcde")})
    with pytest.raises(BadInput, match="which descriptor names the conditions.*found file, label"):
        read_rdm_file(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("descriptors", "expected"),
    [
        ({}, None),
        ({"subj": [4, 5, 6]}, ("4", "5", "6")),
        ({"participant": ["p1", "p2", "p3"], "name": ["x", "y", "z"]}, ("p1", "p2", "p3")),
        ({"age": [30, 31, 32]}, None),
        ({"name": ("x", "y", "z")}, ("x", "y", "z")),
    ],
)
def test_subjects_are_named_by_their_descriptor(
    tmp_path: Path, descriptors: dict[str, Any], expected: tuple[str, ...] | None
) -> None:
    save(tmp_path / "a.h5", squares(), subjects=descriptors)
    assert read_rdm_file(tmp_path / "a.h5").subjects == expected


def test_descriptors_that_rsatoolbox_keeps_item_by_item_are_read_in_their_order(tmp_path: Path) -> None:
    stack = squares(1, 12)
    save(tmp_path / "a.h5", stack)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        group = file["pattern_descriptors"].create_group("stim")
        for index in range(12):
            group[str(index)] = f"clip {index}"
    assert read_rdm_file(tmp_path / "a.h5").conditions == tuple(f"clip {index}" for index in range(12))


@pytest.mark.parametrize(
    ("subjects", "conditions", "message"),
    [
        ({"subject": ["a", "b", "a"]}, None, "names of the subjects in .*'a' 2 times"),
        (None, {"stim": ["a", "b", "c", "d", "a"]}, "names of the conditions in .*'a' 2 times"),
    ],
)
def test_names_that_repeat_are_refused(tmp_path: Path, subjects: Any, conditions: Any, message: str) -> None:
    save(tmp_path / "a.h5", squares(), subjects, conditions)
    with pytest.raises(BadInput, match=message):
        read_rdm_file(tmp_path / "a.h5")


def test_a_missing_value_of_rsatoolbox_is_located_by_name(tmp_path: Path) -> None:
    stack = squares()
    stack[1, 0, 2] = stack[1, 2, 0] = np.nan
    save(tmp_path / "a.h5", stack, {"subject": ["ann", "bob", "cem"]}, {"stim": NAMES})
    with pytest.raises(
        BadInput, match=r"a\.h5, subject bob, row 1 \(face\), column 3 \(cat\): expected finite"
    ):
        read_rdm_file(tmp_path / "a.h5")


@pytest.mark.parametrize("form", ["stack", "square", "condensed stack", "condensed"])
def test_a_plain_array_is_read_in_every_form(tmp_path: Path, form: str) -> None:
    stack = squares()
    vectors = np.stack([square[np.triu_indices(5, 1)] for square in stack])
    stored = {"stack": stack, "square": stack[0], "condensed stack": vectors, "condensed": vectors[0]}[form]
    read = read_rdm_file(write(tmp_path / "a_RDM.h5", anything=stored))
    assert_holds(read.rdms, stack if "stack" in form else stack[:1])
    assert (read.conditions, read.subjects) == (None, None)


@pytest.mark.parametrize("key", ["conditions", "condition_names"])
@pytest.mark.parametrize("dtype", ["S", object, h5py.string_dtype(length=10)])
def test_names_beside_a_plain_array_are_read(tmp_path: Path, key: str, dtype: Any) -> None:
    names = np.array(NAMES, dtype=dtype)
    path = write(tmp_path / "a.h5", rdms=squares(), subjects=[11, 12, 13], **{key: names}, remark="ours", n=5)
    read = read_rdm_file(path)
    assert (read.conditions, read.subjects) == (tuple(NAMES), ("11", "12", "13"))


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({"a": squares(), "b": squares()[0]}, "which array is the RDM: .*found a, b"),
        ({"a": np.zeros((4, 3, 2)), "b": np.zeros(7)}, r"found a \(4, 3, 2\), b \(7,\)"),
        ({"inner/rdms": squares()}, r"found inner \(a group\)"),
        ({}, "found none"),
        ({"a": np.zeros((4, 3, 2))}, r"a in .*found shape \(4, 3, 2\)"),
        ({"a": squares().astype(complex)}, "real numbers, found dtype complex128"),
        ({"a": squares() > 0.5}, "real numbers, found dtype bool"),
        ({"a": np.full((5, 5), b"x")}, "real numbers, found dtype"),
        ({"a": np.zeros((0, 5, 5))}, r"found shape \(0, 5, 5\)"),
        ({"a": h5py.Empty("f8")}, "which array is the RDM"),
        ({"a": squares(), "conditions": NAMES[:4]}, "names of the conditions in .*found 4 entries"),
        ({"a": squares(), "conditions": [1, 2, 3, 4, 5]}, "names of the conditions in .*'1'"),
        ({"a": squares(), "subjects": [b"x", b"y", b"x"]}, "names of the subjects in .*'x' 2 times"),
        ({"a": squares(), "conditions": NAMES, "condition_names": NAMES}, "names its conditions twice"),
        ({"a": squares(), "conditions/x": 1}, "conditions in .*found a group"),
        ({"a": squares(), "conditions": [b"\xff", b"b", b"c", b"d", b"e"]}, "cannot be read.*utf-8"),
    ],
)
def test_invalid_rdms_and_names_are_refused(tmp_path: Path, datasets: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "a.h5", **datasets)
    with pytest.raises(BadInput, match=message) as caught:
        read_rdm_file(path)
    assert "a.h5" in str(caught.value)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((1, 2, 3), np.inf, "subject 2, row 3, column 4: expected finite"),
        ((2, 1, 1), 0.5, "subject 3, row 2, column 2: expected zero on the diagonal"),
        ((0, 0, 4), 7.0, "subject 1, row 1, column 5: expected a symmetric"),
    ],
)
def test_a_broken_rdm_is_located_by_position(
    tmp_path: Path, place: tuple[int, ...], value: float, message: str
) -> None:
    stack = squares()
    stack[place] = value
    with pytest.raises(BadInput, match=rf"a\.h5, {message}"):
        read_rdm_file(write(tmp_path / "a.h5", rdms=stack))


def soft(file: h5py.File, secret: Path) -> None:
    file["inside"] = squares()
    file["rdms"] = h5py.SoftLink("/inside")


def linked(file: h5py.File, secret: Path) -> None:
    file["rdms"] = h5py.ExternalLink(str(secret), "/rdms")


def linked_names(file: h5py.File, secret: Path) -> None:
    file["rdms"] = squares()
    file["conditions"] = h5py.ExternalLink(str(secret), "/rdms")


def linked_descriptor(file: h5py.File, secret: Path) -> None:
    file["dissimilarities"] = np.ones((3, 10))
    file.create_group("rdm_descriptors")
    file.create_group("pattern_descriptors")["stim"] = h5py.ExternalLink(str(secret), "/rdms")


def stored_elsewhere(file: h5py.File, secret: Path) -> None:
    file.create_dataset("rdms", (5, 5), "f8", external=[(str(secret), 0, 200)])


def virtual(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout((3, 5, 5), "f8")
    layout[:] = h5py.VirtualSource(str(secret), "rdms", (3, 5, 5))
    file.create_virtual_dataset("rdms", layout)


@pytest.mark.parametrize(
    ("point", "message"),
    [
        (soft, "a soft link"),
        (linked, "a link to another file"),
        (linked_names, "a link to another file"),
        (linked_descriptor, "a link to another file"),
        (stored_elsewhere, "data in other files"),
        (virtual, "a virtual dataset"),
    ],
)
def test_a_file_never_makes_another_be_read(
    tmp_path: Path, point: Callable[[h5py.File, Path], None], message: str
) -> None:
    secret = write(tmp_path / "secret.h5", rdms=squares())
    for name in ("a.h5", "a.mat"):
        with h5py.File(tmp_path / name, "w") as file:
            point(file, secret)
        with pytest.raises(BadInput, match=f"expected data in the file itself, found {message}"):
            read_rdm_file(tmp_path / name)


def test_declared_sizes_are_checked_before_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("rdms", (1000, 30000, 30000), "f8", chunks=(1, 100, 100))
    assert path.stat().st_size < 10_000
    with pytest.raises(BadInput, match="rdms in .* too large .*which needs 7,200,000,000,000"):
        read_rdm_file(path)
    write(path, rdms=squares())
    with pytest.raises(BadInput, match="at most 599 bytes.*needs 600"):
        read_rdm_file(path, most_bytes=599)
    assert read_rdm_file(path, most_bytes=600).rdms.shape == (3, 10)


def test_a_chunk_that_is_larger_than_its_array_counts_in_full(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("rdms", data=squares(), chunks=(100, 100, 100), maxshape=(None, None, None))
    with pytest.raises(BadInput, match="a chunk of rdms in .*needs 8,000,000"):
        read_rdm_file(tmp_path / "a.h5", most_bytes=10**6)


def test_damaged_files_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    save(path, squares(20, 30), conditions={"stim": [f"clip {index}" for index in range(30)]})
    data = path.read_bytes()
    for content in (b"", b"text" * 500, data[:40], data[: len(data) // 2], bytes(600) + data[600:]):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=r"a\.h5 cannot be read: expected HDF5"):
            read_rdm_file(path)
    with pytest.raises(BadInput, match="there is no file"):
        read_rdm_file(tmp_path / "b.h5")
