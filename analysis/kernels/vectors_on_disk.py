"""Vectors of RDMs in temporary files, for more pairs of stimuli than memory holds.

n stimuli, P = n (n - 1) / 2 pairs. The vector of an RDM has an entry for each pair, and for some measures
then one for each stimulus (see `measures.prepared`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.long_ranks import long_ranks
from alignhouse.analysis.kernels.measure_names import RANK_MEASURES, SIGN_MEASURES, Measure
from alignhouse.analysis.kernels.measures import prepared, sum_squares_without_ties
from alignhouse.analysis.kernels.similarity import pair_count
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.faults import faults_at
from alignhouse.warehouse.files import read_exactly

Array = NDArray[Any]
# Rows of a square matrix that are in memory while it is written.
ROWS_WRITTEN = 256


@dataclass(frozen=True)
class LongVector:
    """The vector of one RDM, before its division by its length.

    values : (M,), int32 for measures of ranks, which are whole numbers, else float64. length : its length.
    """

    values: Array
    length: float

    @classmethod
    def of(cls, rdm: Array, measure: Measure, name: str) -> LongVector:
        """As `measures.prepared`, for one RDM (P,) with its name for errors."""
        if measure not in RANK_MEASURES:
            whole = prepared(rdm[None], measure, [name])
            return cls(whole.centred[0], float(np.sqrt(whole.sum_squares[0])))
        ranks, sum_squares = long_ranks(rdm, [name])
        if measure == "rho_a":
            sum_squares = sum_squares_without_ties(len(rdm))
        return cls(ranks, float(np.sqrt(sum_squares)))

    def unit(self, entries: slice = slice(None)) -> Array:
        """Some entries of the vector of length 1, in float64."""
        return np.asarray(self.values[entries] / self.length)


def stored_type(measure: Measure) -> np.dtype[Any]:
    """The type of the values of a `LongVector`.

    Raises BadInput for a measure of signs, whose vectors are too long to be stored.
    """
    if measure in SIGN_MEASURES:
        raise BadInput(
            "measure of RDMs in blocks", expected="a measure with one vector per RDM", found=measure
        )
    return np.dtype(np.int32 if measure in RANK_MEASURES else np.float64)


class _OnDisk:
    """A temporary file in a temporary folder; a context manager, which removes both.

    Parameters
    ----------
    folder : an existing folder for it.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=f"{name}-", dir=folder)
        self._path = Path(self._folder.name) / name
        self._file = self._path.open("w+b", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._folder.cleanup()

    def _write(self, values: Array) -> None:
        """Write all bytes; unlike `ndarray.tofile`, an error says why, and names the file."""
        target = np.ascontiguousarray(values).data.cast("B")
        with faults_at(self._path):
            while len(target):
                # The system writes at most 2 GiB at a time.
                target = target[self._file.write(target) :]

    def _read(self, place: int, out: Array) -> None:
        """Fill a contiguous array from its `place`-th number on."""
        read_exactly(self._file.fileno(), out, place * out.itemsize)


class VectorsOnDisk(_OnDisk):
    """Vectors (m, M) in a temporary file: appended one by one, read some entries of all of them at a time.

    Parameters
    ----------
    folder : see `_OnDisk`. n_entries : M. dtype : of the values on disk.
    """

    def __init__(self, folder: Path, n_entries: int, dtype: np.dtype[Any]) -> None:
        super().__init__(folder, "vectors")
        self.n_entries, self.dtype = n_entries, dtype
        self._lengths: list[float] = []

    def __len__(self) -> int:
        return len(self._lengths)

    @property
    def lengths(self) -> NDArray[np.float64]:
        """The length of each vector, (m,)."""
        return np.array(self._lengths)

    def append(self, values: Array, length: float = 1.0) -> None:
        """Append a vector (M,)."""
        self._write(values.astype(self.dtype, copy=False))
        self._lengths.append(length)

    def read(self, entries: slice) -> Array:
        """Entries `start` to `stop` of all vectors, (m, stop - start), as they were appended."""
        found = np.empty((len(self), entries.stop - entries.start), self.dtype)
        for index, row in enumerate(found):
            self._read(index * self.n_entries + entries.start, row)
        return found

    def unit(self, entries: slice) -> NDArray[np.float32]:
        """As `read`, of the vectors divided by their lengths, in single precision."""
        found = self.read(entries)
        if self.dtype == np.float32 and all(each == 1 for each in self._lengths):
            return found
        scaled = np.empty(found.shape, np.float32)
        return np.divide(found, self.lengths[:, None], out=scaled, casting="same_kind", dtype=np.float64)


class SquaresOnDisk(_OnDisk):
    """Vectors of RDMs as symmetric matrices (m, n, n) in a temporary file, float32.

    A row of a square holds the pairs of one stimulus side by side. The pairs of a permuted RDM are gathered
    from whole rows. A few rows fit in the processor's cache; in a triangle, the pairs are far apart.

    Parameters
    ----------
    folder : see `_OnDisk`. n_stimuli : n.
    """

    def __init__(self, folder: Path, n_stimuli: int) -> None:
        super().__init__(folder, "squares")
        self.n_stimuli = n_stimuli
        self.diagonals: list[NDArray[np.float32]] = []

    def __len__(self) -> int:
        return len(self.diagonals)

    def append(self, vector: Array, length: float = 1.0) -> None:
        """Append the square of a vector (P,) or (P + n,), divided by `length`."""
        n = self.n_stimuli
        # The pair (i, j), i < j, is at `before[i] + j`.
        before = first_pairs(n) - np.arange(n) - 1
        for start in range(0, n, ROWS_WRITTEN):
            stop = min(n, start + ROWS_WRITTEN)
            rows = np.zeros((stop - start, n), np.float32)
            above = vector[before[:start, None] + np.arange(start, stop)] / length
            rows[:, :start] = above.T
            for row in range(start, stop):
                own = vector[before[row] + row + 1 : before[row] + n] / length
                rows[row - start, row + 1 :] = own
                rows[row + 1 - start :, row] = own[: stop - row - 1]
            self._write(rows)
        self.diagonals.append((vector[pair_count(n) :] / length).astype(np.float32))

    def read_rows(self, index: int, rows: NDArray[np.intp], out: NDArray[np.float32]) -> None:
        """Rows (k,) of the square `index` into `out` (k, n)."""
        n = self.n_stimuli
        for place, row in enumerate(rows):
            self._read((index * n + int(row)) * n, out[place])


def first_pairs(n_stimuli: int) -> NDArray[np.intp]:
    """The place of the first pair (i, i + 1) of each stimulus i in a vector, (n,); that of the last is P."""
    rows = np.arange(n_stimuli)
    return rows * n_stimuli - rows * (rows + 1) // 2


def tiles(n_stimuli: int, most_pairs: int) -> Iterator[slice]:
    """Slices of the rows of the upper triangle that have at most `most_pairs` pairs, or are one row."""
    starts = first_pairs(n_stimuli)
    start = 0
    while start < n_stimuli - 1:
        stop = int(np.searchsorted(starts, starts[start] + most_pairs, side="right")) - 1
        yield slice(start, max(stop, start + 1))
        start = max(stop, start + 1)
