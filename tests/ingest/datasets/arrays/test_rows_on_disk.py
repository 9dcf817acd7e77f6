"""Rows that do not fit into memory are copied to disk, once; what goes wrong there is one line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from alignhouse.ingest.arrays.matrices import FlatArray, InMemory, Matrix, Piece, take
from alignhouse.ingest.arrays.on_disk import rows_on_disk
from alignhouse.warehouse.errors import BadInput

VALUES = np.random.default_rng(0).normal(size=(9, 5))
ROWS = np.array([1, 2, 4, 8])


def matrix() -> Matrix:
    return InMemory(VALUES).matrix(transposed=False)


def test_any_of_the_rows_can_be_read_and_no_file_is_left(tmp_path: Path) -> None:
    with rows_on_disk(matrix(), ROWS, tmp_path / "scratch", "betas") as copy:
        assert copy.shape == VALUES.shape
        for rows in (ROWS, ROWS[2:], ROWS[1:2]):
            np.testing.assert_array_equal(take(copy, rows), VALUES[rows])
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_file_that_ends_too_early_is_said_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(VALUES.T.tobytes()[:-8])
    with path.open("rb", buffering=0) as file:
        cut = FlatArray(file, "V1", 0, VALUES.shape, VALUES.dtype, in_columns=True).matrix(transposed=False)
        with pytest.raises(BadInput, match="V1 became shorter"), rows_on_disk(cut, ROWS, tmp_path, "betas"):
            pass


class OneBadPiece(InMemory):
    def pieces(self, rows: np.ndarray) -> Iterator[Piece]:
        yield Piece(0, 0, self.values[rows][:1])
        raise BadInput("the second piece is damaged")


def test_an_error_after_the_first_piece_is_not_hidden(tmp_path: Path) -> None:
    bad: Matrix = OneBadPiece(VALUES)  # type: ignore[assignment]
    with pytest.raises(BadInput, match="second piece is damaged"), rows_on_disk(bad, ROWS, tmp_path, "betas"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_too_little_room_is_said_before_anything_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=100))
    expected = (
        r"betas do not fit .* need room in .*: expected 160 bytes, found 100 bytes free .*free some disk"
    )
    with pytest.raises(BadInput, match=expected), rows_on_disk(matrix(), ROWS, tmp_path, "betas"):
        pass
