"""A copy of some rows of a matrix on disk, row by row: rows of it can be read in any order.

Files whose columns stand together, or whose chunks hold many rows, would be read once for every few rows.
"""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from alignhouse.ingest.arrays.matrices import FlatArray, InMemory, Matrix, Piece, take
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.sizes import size_in_words

# The share of the memory that copied rows may take.
_SHARE = 2


@contextmanager
def cheap_rows(
    matrix: Matrix, rows: np.ndarray, scratch: Path | None, memory: int, label: str
) -> Iterator[Matrix]:
    """The matrix if its rows can be read in any order; else a copy of `rows`, in memory or on disk.

    Parameters
    ----------
    rows : ascending indices. scratch : folder of the copy; None for the system's folder of temporary files.
    memory : bytes that may be used. A copy in memory takes at most half of them.

    Raises
    ------
    BadInput : there is too little room on the disk.
    """
    if matrix.has_cheap_rows:
        yield matrix
    elif len(rows) * matrix.shape[1] * matrix.dtype.itemsize > memory // _SHARE:
        with rows_on_disk(matrix, rows, scratch, label) as copy:
            yield copy
    else:
        whole: Matrix = InMemory(take(matrix, rows)).matrix(transposed=False)
        yield SomeRows(whole, rows, matrix.shape)


@contextmanager
def rows_on_disk(matrix: Matrix, rows: np.ndarray, scratch: Path | None, label: str) -> Iterator[Matrix]:
    """A copy of `rows` of a matrix in a file, which is removed at the end. Other rows cannot be read.

    Parameters
    ----------
    rows : ascending indices. scratch : folder of the file; None for the system's folder of temporary files.

    Raises
    ------
    BadInput : there is too little room.
    """
    place = Path(tempfile.gettempdir()) if scratch is None else scratch
    place.mkdir(parents=True, exist_ok=True)
    n_columns, item = matrix.shape[1], matrix.dtype.itemsize
    needed, free = len(rows) * n_columns * item, shutil.disk_usage(place).free
    if needed > free:
        raise BadInput(
            f"{label} do not fit into the memory, so they need room in {place}",
            expected=size_in_words(needed),
            found=f"{size_in_words(free)} free",
            hint="raise compute.memory, or free some disk",
        )
    with tempfile.TemporaryFile(dir=place, buffering=0) as file:
        _reserve(file, needed, label)
        with mmap.mmap(file.fileno(), needed) as mapped:
            copy = np.frombuffer(mapped, matrix.dtype).reshape(len(rows), n_columns)
            try:
                for row, column, values in matrix.pieces(rows):
                    copy[row : row + values.shape[0], column : column + values.shape[1]] = values
                    # Pages that were written stay with the system; they are no memory of this process.
                    mapped.madvise(mmap.MADV_DONTNEED)
            finally:
                del copy  # a mapping that an array uses cannot be closed
        stored = FlatArray(file, label, 0, (len(rows), n_columns), matrix.dtype, in_columns=False)
        yield SomeRows(stored.matrix(transposed=False), rows, matrix.shape)


def _reserve(file: BinaryIO, size: int, label: str) -> None:
    """Give a file its size. Its blocks are taken now: a full disk would end the process at a later write."""
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
    except OSError as error:
        raise BadInput(f"no room for {label}", found=error.strerror, hint="free some disk") from error


@dataclass(frozen=True)
class SomeRows:
    """The matrix `copy` under the indices that its rows had before. shape : of the whole matrix."""

    copy: Matrix
    rows: np.ndarray
    shape: tuple[int, int]

    @property
    def dtype(self) -> np.dtype:
        return self.copy.dtype

    @property
    def has_cheap_rows(self) -> bool:
        return True

    def pieces(self, rows: np.ndarray) -> Iterator[Piece]:
        return self.copy.pieces(np.searchsorted(self.rows, rows))
