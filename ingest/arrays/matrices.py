"""Matrices whose values stay in a file: any rows of them are read, in bands that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, Protocol

import numpy as np

from alignhouse.warehouse.errors import BadInput

BAND_BYTES = 16 * 2**20
"""About how much of a file is read at once, to select from."""


class Matrix(Protocol):
    """Numbers (n_rows, n_columns) in a file.

    has_cheap_rows : a few rows can be read without reading the others.
    """

    @property
    def shape(self) -> tuple[int, int]: ...

    @property
    def dtype(self) -> np.dtype: ...

    @property
    def has_cheap_rows(self) -> bool: ...

    def pieces(self, rows: np.ndarray) -> Iterator[Piece]:
        """The rows with these ascending indices in pieces, each value once, in the stored dtype."""


class Piece(NamedTuple):
    """Values (k, m) of a matrix: those from `row`, counted among the rows asked for, and from `column` on."""

    row: int
    column: int
    values: np.ndarray


def take(matrix: Matrix, rows: np.ndarray) -> np.ndarray:
    """The rows with these ascending indices, (len(rows), n_columns), in the stored dtype."""
    taken = np.empty((len(rows), matrix.shape[1]), matrix.dtype)
    for row, column, values in matrix.pieces(rows):
        taken[row : row + values.shape[0], column : column + values.shape[1]] = values
    return taken


class StoredValues(Protocol):
    """An array in a file, with the axes in the order of the program that wrote it."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def matrix(self, *, transposed: bool) -> Matrix:
        """The array, which has two axes, as a matrix."""


@dataclass(frozen=True)
class InMemory:
    """An array that is read already; it is a matrix too if it has two axes."""

    values: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    @property
    def has_cheap_rows(self) -> bool:
        return True

    def matrix(self, *, transposed: bool) -> Matrix:
        return InMemory(self.values.T if transposed else self.values)  # type: ignore[return-value]

    def pieces(self, rows: np.ndarray) -> Iterator[Piece]:
        yield Piece(0, 0, self.values[rows])


@dataclass(frozen=True)
class WholeArray:
    """An array that can only be read whole; `read` does so, and checks that it fits into memory."""

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], np.ndarray]

    def matrix(self, *, transposed: bool) -> Matrix:
        return InMemory(self.read()).matrix(transposed=transposed)


@dataclass(frozen=True)
class FlatArray:
    """An array that stands uncompressed in a file.

    offset : of its first byte. in_columns : the first axis varies fastest (Fortran's order).
    """

    file: BinaryIO
    label: str
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype
    in_columns: bool

    def matrix(self, *, transposed: bool) -> Matrix:
        n_rows, n_columns = self.shape[::-1] if transposed else self.shape
        in_columns = self.in_columns != transposed
        return _FlatMatrix(self.file, self.label, self.offset, (n_rows, n_columns), self.dtype, in_columns)


@dataclass(frozen=True)
class _FlatMatrix:
    file: BinaryIO
    label: str
    offset: int
    shape: tuple[int, int]
    dtype: np.dtype
    in_columns: bool

    @property
    def has_cheap_rows(self) -> bool:
        return not self.in_columns

    def pieces(self, rows: np.ndarray) -> Iterator[Piece]:
        n_rows, n_columns = self.shape
        if self.in_columns:
            for start, stop in bands(n_columns, n_rows * self.dtype.itemsize):
                columns = np.empty((stop - start, n_rows), self.dtype)
                self._fill(columns, start * n_rows)
                yield Piece(0, start, columns[:, rows].T)
            return
        most = max(1, BAND_BYTES // max(1, n_columns * self.dtype.itemsize))
        done = 0
        for first, last, inside in spans(rows, most=most):
            values = np.empty((last - first, n_columns), self.dtype)
            self._fill(values, first * n_columns)
            yield Piece(done, 0, values)
            done += len(inside)

    def _fill(self, values: np.ndarray, start: int) -> None:
        """Read consecutive values; `values` is contiguous."""
        self.file.seek(self.offset + start * self.dtype.itemsize)
        view = values.reshape(-1).view(np.uint8).data
        while view:
            count = self.file.readinto(view)  # type: ignore[attr-defined]
            if not count:
                raise BadInput(f"{self.label} became shorter while it was read")
            view = view[count:]


def spans(rows: np.ndarray, unit: int = 1, most: int | None = None) -> Iterator[tuple[int, int, np.ndarray]]:
    """Ranges of a file that hold the ascending `rows`: (start, stop, the rows in it).

    Parameters
    ----------
    unit : rows that are stored together; rows of one unit, or of adjacent ones, are in one range.
    most : longest range, unless one unit is longer.
    """
    gaps = np.flatnonzero(np.diff(rows // unit) > 1) + 1
    for run in np.split(rows, gaps) if len(rows) else ():
        longest = run[-1] - run[0] + 1 if most is None else max(unit, most)
        if run[-1] - run[0] < longest:
            yield int(run[0]), int(run[-1]) + 1, run
            continue
        for part in np.split(run, np.searchsorted(run, np.arange(run[0] + longest, run[-1] + 1, longest))):
            if len(part):
                yield int(part[0]), int(part[-1]) + 1, part


def bands(length: int, item_bytes: int, unit: int = 1) -> Iterator[tuple[int, int]]:
    """Ranges of an axis whose items of `item_bytes` take about BAND_BYTES together, multiples of `unit`."""
    step = max(1, BAND_BYTES // max(1, item_bytes))
    step = max(unit, step // unit * unit)
    for start in range(0, length, step):
        yield start, min(length, start + step)


def real_numbers(dtype: np.dtype) -> bool:
    """Whether a dtype is of integers or floats."""
    return dtype.kind in "fiu"


def shape_in_words(shape: Sequence[int]) -> str:
    """A shape as people write it: 20 x 190."""
    return " x ".join(map(str, shape)) or "a single value"
