"""A condensed array is taken for RDMs only if the user or a name says so: it could as well be betas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from scipy.spatial.distance import squareform

from alignhouse.ingest.datasets.rdms.apart import read_rdm_file_apart
from alignhouse.ingest.datasets.rdms.files import read_rdm_file
from alignhouse.warehouse.errors import BadInput

VALUES = np.random.default_rng(0).normal(size=(20, 190))  # 190 = 20 x 19 / 2
NAMES = np.array([f"clip_{number:02d}" for number in range(20)])


def saved(path: Path, name: str, **more: Any) -> Path:
    values = VALUES[: more.pop("rows", 20)]
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        np.savez(path, **{name: values, **more})
    elif path.suffix == ".mat":
        savemat(path, {name: values, **{key: np.array(each, dtype=object) for key, each in more.items()}})
    else:
        with h5py.File(path, "w") as file:
            file[name] = values
            for key, each in more.items():
                file[key] = each.tolist()
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5", ".mat"])
def test_twenty_rows_of_190_values_are_not_taken_for_rdms(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path / f"V1{suffix}", "responses")
    with pytest.raises(BadInput, match="does not say that it holds RDMs") as caught:
        read_rdm_file(path, 20)
    line = str(caught.value)
    assert "brain.rdm_form" in line
    assert r"(20, 190): condensed RDMs of 20 conditions, or 20 rows of 190 values" in line
    said = read_rdm_file_apart(path, 20, rdm_form="condensed")
    np.testing.assert_array_equal(said.rdms, VALUES)


@pytest.mark.parametrize(
    ("file", "array"),
    [("fmri_V1_RDMs.npy", ""), ("V1.npz", "rdm"), ("V1.h5", "group_RDMs"), ("V1.mat", "dissimilarities")],
)
def test_a_name_says_that_they_are_rdms(tmp_path: Path, file: str, array: str) -> None:
    np.testing.assert_array_equal(read_rdm_file(saved(tmp_path / file, array), 20).rdms, VALUES)


def test_names_that_rows_cannot_be_say_it_too(tmp_path: Path) -> None:
    conditions = saved(tmp_path / "a.npz", "values", rows=15, conditions=NAMES)
    assert read_rdm_file(conditions).conditions == tuple(NAMES)
    subjects = saved(tmp_path / "b.npz", "values", subjects=NAMES)
    assert read_rdm_file(subjects).subjects == tuple(NAMES)


def test_names_of_as_many_conditions_as_rows_say_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not say that it holds RDMs"):
        read_rdm_file(saved(tmp_path / "a.npz", "values", conditions=NAMES))


def test_square_rdms_are_recognised_by_their_values(tmp_path: Path) -> None:
    square = squareform(np.abs(VALUES[0]))
    np.save(tmp_path / "V1.npy", square)
    np.testing.assert_array_equal(read_rdm_file(tmp_path / "V1.npy").rdms[0], np.abs(VALUES[0]))
    with pytest.raises(
        BadInput, match=r"expected condensed RDMs, .* found 1 square arrays of shape \(20, 20\)"
    ):
        read_rdm_file(tmp_path / "V1.npy", rdm_form="condensed")
    np.save(tmp_path / "V1.npy", VALUES[:, :20])
    with pytest.raises(BadInput, match="expected zero on the diagonal"):
        read_rdm_file(tmp_path / "V1.npy")
