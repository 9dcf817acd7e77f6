"""Null distributions of Kendall's tau-a under permutation of the stimuli."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.kendall import ENOUGH_COLUMNS, sign_count, sign_rows, signs
from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, condition_count
from alignhouse.analysis.kernels.threads import Tick, in_threads, product, slices, untold
from alignhouse.analysis.statistics.permutation import (
    MOST_PERMUTATIONS_A_BLOCK,
    checked_permutations,
    permute_condensed,
)
from alignhouse.warehouse.cores import cores

FloatArray = NDArray[np.float64]


def null_of_signs(
    models: NDArray[np.float32],
    brain: Sequence[NDArray[np.float32]],
    permutations: ArrayLike,
    *,
    memory: int = DEFAULT_MEMORY,
    tick: Tick = untold,
) -> NDArray[np.float32]:
    """Null of Kendall's tau-a of many layers in many regions, averaged over subjects: (L, R, K) float32.

    Rows and columns are permuted together, as in `permutation.null_rows_and_columns`. One matrix of the sums
    of signs replaces all subjects of a region. A permutation moves its rows and columns. Where `memory` is
    too small for the matrix of one region, signs are made again in each permutation.

    Parameters
    ----------
    models : (L, P), ranks of each layer (see `measures.prepared`). brain : of each region, (S, P).
    permutations : (K, n) int.
    memory : bytes for working buffers; a row of signs of each layer is needed whatever the limit.
    tick : called as permutations are done.

    All sums are exact; the result is rounded to single precision. Time grows with L R K P^2. Raises BadInput
    as `permutation.checked_permutations` does.
    """
    n_layers, n_pairs = models.shape
    inverse = np.argsort(checked_permutations(permutations, condition_count(n_pairs)), axis=1)
    n_permutations = len(inverse)
    null = np.empty((n_layers, len(brain), n_permutations), np.float32)
    a_region = n_pairs**2 * max(_kind(len(each)).itemsize for each in brain)
    together = memory // 2 // a_region
    blocks = slices(len(brain), together or len(brain))
    for done, some in enumerate(blocks):
        regions = brain[some]
        sums = [_SumsOfSigns(each, kept=together > 0) for each in regions]
        scale = np.array([len(each) for each in regions]) * sign_count(n_pairs)
        # The moved signs and the sums of products, for each permutation.
        a_permutation = len(regions) * (4 * max(n_pairs, ENOUGH_COLUMNS) + 8 * n_layers) + 24 * n_pairs
        a_block = min(MOST_PERMUTATIONS_A_BLOCK, max(1, memory // 4 // a_permutation))
        for block in slices(n_permutations, a_block):
            total = _products(models, sums, permute_condensed(inverse[block]), memory // 4)
            null[:, some, block] = np.clip(total / scale[:, None], -1, 1)
            tick(done * n_permutations + block.stop, len(blocks) * n_permutations)
    return null


def _products(
    models: NDArray[np.float32], sums: Sequence[_SumsOfSigns], index: NDArray[np.intp], memory: int
) -> FloatArray:
    """Sums over q < r of the models' signs times the `sums` moved by `index` (b, P): (L, R, b)."""
    n_pairs = models.shape[1]
    total = np.zeros((len(models), len(sums) * len(index)))
    for rows in sign_rows(n_pairs, memory // (4 * len(models))):
        moved = np.empty((len(sums), len(index), rows.stop - rows.start, n_pairs - rows.start), np.float32)

        def move(some: slice, rows: slice = rows, moved: NDArray[np.float32] = moved) -> None:
            for number in range(some.start, some.stop):
                for region, each in enumerate(sums):
                    each.moved(index[number], rows, moved[region, number])

        in_threads(move, slices(len(index), -(-len(index) // cores())))
        total += product(signs(models, rows, once=True), moved.reshape(total.shape[1], -1).T)
    return total.reshape(len(models), len(sums), len(index))


class _SumsOfSigns:
    """Sums over the subjects (S, P) of a region of the signs of all differences: (P, P) whole numbers.

    kept : whether the sums are kept, not made again whenever they are moved.
    """

    def __init__(self, ranks: NDArray[np.float32], *, kept: bool) -> None:
        self._ranks = ranks
        self._sums: NDArray[Any] | None = None
        if kept:
            n_pairs = ranks.shape[1]
            self._sums = np.empty((n_pairs, n_pairs), _kind(len(ranks)))
            for rows in slices(n_pairs, max(1, ENOUGH_COLUMNS // n_pairs)):
                self._sums[rows] = _sum(ranks, rows, slice(None))

    def moved(self, index: NDArray[np.intp], rows: slice, out: NDArray[np.float32]) -> None:
        """Write the block of `rows`, from column `rows.start` on, after places are moved by `index` (P,)."""
        if self._sums is None:
            out[:] = _sum(self._ranks[:, index], rows, slice(rows.start, None))
        else:
            # All indices are valid: "clip" only avoids a buffered copy in numpy.
            out[:] = np.take(self._sums[index[rows]], index[rows.start :], axis=1, mode="clip")


def _sum(ranks: NDArray[np.float32], rows: slice, columns: slice) -> NDArray[np.float32]:
    found = np.zeros_like(ranks[0, rows, None] - ranks[0, columns])
    for each in ranks:
        found += (each[rows, None] - each[columns]).clip(-1, 1)
    return found


def _kind(n_subjects: int) -> np.dtype[Any]:
    """The smallest type of whole numbers up to `n_subjects`, of either sign."""
    return np.dtype(np.min_scalar_type(-n_subjects - 1))
