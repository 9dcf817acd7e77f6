"""Matrices in HDF5, also of some voxels of a volume, read in bands along the chunks of the file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from alignhouse.ingest.arrays.matrices import BAND_BYTES, Matrix, Piece, bands, spans


@dataclass(frozen=True)
class Hdf5Array:
    """A dataset of an open file. is_reversed : MATLAB wrote it, whose order of axes is the reverse."""

    dataset: Any
    is_reversed: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.dataset.shape[::-1] if self.is_reversed else self.dataset.shape)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.dataset.dtype)

    def matrix(self, *, transposed: bool) -> Matrix:
        return _Hdf5Matrix(self.dataset, rows_last=transposed != self.is_reversed)

    def of_voxels(self, mask: np.ndarray) -> Matrix:
        """The matrix (n_trials, n_voxels) of an array (X, Y, Z, n_trials).

        Parameters
        ----------
        mask : which voxels, bool, with the shape of all axes but the last. They are in the order of the file.
        """
        mask = mask.T if self.is_reversed else mask
        return _Hdf5Matrix(self.dataset, rows_last=not self.is_reversed, voxels=np.flatnonzero(mask))


@dataclass(frozen=True)
class _Hdf5Matrix:
    """Rows are the first or the last axis of a dataset; columns are all other axes, flattened.

    voxels : flat indices of the columns, ascending; None for all.
    """

    dataset: Any
    rows_last: bool
    voxels: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        n_rows = self.dataset.shape[-1 if self.rows_last else 0]
        return n_rows, math.prod(self._space) if self.voxels is None else len(self.voxels)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.dataset.dtype)

    @property
    def has_cheap_rows(self) -> bool:
        return not self.rows_last and self.dataset.chunks is None

    @property
    def _space(self) -> tuple[int, ...]:
        return tuple(self.dataset.shape[:-1] if self.rows_last else self.dataset.shape[1:])

    def pieces(self, rows: np.ndarray) -> Iterator[Piece]:
        if len(rows) and self.shape[1]:
            yield from (self._pieces_of_last if self.rows_last else self._pieces_of_first)(rows)

    def _pieces_of_first(self, rows: np.ndarray) -> Iterator[Piece]:
        box, inside = self._box()
        first, *rest = box
        layer = math.prod(each.stop - each.start for each in rest)
        size, item = (first.stop - first.start) * layer, self.dtype.itemsize
        row_unit, column_unit = self.dataset.chunks[:2] if self.dataset.chunks else (1, 1)
        done = 0
        for start, stop, wanted in spans(rows, row_unit, max(1, BAND_BYTES // max(1, size * item))):
            for begin, end in bands(first.stop - first.start, layer * (stop - start) * item, column_unit):
                low, high = begin * layer, end * layer
                if inside is not None:
                    low, high = np.searchsorted(inside, [low, high])
                if low == high:
                    continue
                band = slice(first.start + begin, first.start + end)
                slab = self.dataset[(slice(start, stop), band, *rest)].reshape(stop - start, -1)
                chosen = slab[wanted - start]
                if inside is not None:
                    chosen = chosen[:, inside[low:high] - begin * layer]
                yield Piece(done, int(low), chosen)
            done += len(wanted)

    def _pieces_of_last(self, rows: np.ndarray) -> Iterator[Piece]:
        box, inside = self._box()
        along = slice(int(rows[0]), int(rows[-1]) + 1)
        first, *rest = box
        layer = math.prod(each.stop - each.start for each in rest)
        n_rows = along.stop - along.start
        unit = self.dataset.chunks[0] if self.dataset.chunks else 1
        columns = np.arange(self.shape[1]) if inside is None else inside
        most = max(1, BAND_BYTES // max(1, layer * n_rows * self.dtype.itemsize))
        # Voxels of a region may be far apart in the file: what is between them is not read.
        for start, stop, _ in spans(np.unique(columns // layer), unit, most):
            low, high = np.searchsorted(columns, [start * layer, stop * layer])
            band = slice(first.start + start, first.start + stop)
            slab = self.dataset[(band, *rest, along)].reshape(-1, n_rows)
            chosen = slab[columns[low:high] - start * layer]
            yield Piece(0, int(low), chosen[:, rows - along.start].T)

    def _box(self) -> tuple[list[slice], np.ndarray | None]:
        """The smallest box of the space with all columns, and their ascending places in it; None for all."""
        if self.voxels is None:
            return [slice(0, length) for length in self._space], None
        places = np.unravel_index(self.voxels, self._space)
        box = [slice(int(each.min()), int(each.max()) + 1) for each in places]
        moved = tuple(each - side.start for each, side in zip(places, box, strict=True))
        return box, np.ravel_multi_index(moved, tuple(side.stop - side.start for side in box))
