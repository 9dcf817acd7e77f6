"""Matrices one below the other, such as those of the sessions of one person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from alignhouse.ingest.arrays.matrices import Matrix, Piece


@dataclass(frozen=True)
class JoinedRows:
    """The rows of several matrices with the same columns and dtype, in their order; see `Matrix`."""

    matrices: Sequence[Matrix]

    @property
    def shape(self) -> tuple[int, int]:
        return sum(each.shape[0] for each in self.matrices), self.matrices[0].shape[1]

    @property
    def dtype(self) -> np.dtype:
        return self.matrices[0].dtype

    @property
    def has_cheap_rows(self) -> bool:
        return all(each.has_cheap_rows for each in self.matrices)

    def pieces(self, rows: np.ndarray) -> Iterator[Piece]:
        first = 0
        for matrix in self.matrices:
            low, high = np.searchsorted(rows, [first, first + matrix.shape[0]])
            if low < high:
                for row, column, values in matrix.pieces(rows[low:high] - first):
                    yield Piece(int(low) + row, column, values)
            first += matrix.shape[0]
