"""Cross-validated distances between brain patterns, from the repetitions of each stimulus."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alignhouse.warehouse.errors import BadInput

ReadResponses = Callable[[int, int], np.ndarray]
"""(start, stop) -> responses to the stimuli from start to before stop, (stop - start, R, V)."""


class NoiseVariance:
    """The variance of each voxel over the repetitions of a stimulus (ddof 1), averaged over stimuli."""

    def __init__(self) -> None:
        self._sum: np.ndarray | float = 0.0
        self._stimuli = 0

    def add(self, responses: np.ndarray) -> None:
        """Add stimuli, (k, R, V), R at least 2."""
        self._sum = self._sum + responses.var(axis=1, ddof=1, dtype=np.float64).sum(axis=0)
        self._stimuli += len(responses)

    def variance(self, whose: str = "") -> np.ndarray:
        """(V,) float64.

        Raises
        ------
        BadInput : the repetitions of a voxel never differ, so that nothing can be divided by its noise.
        """
        variance = np.asarray(self._sum) / self._stimuli
        without = int(np.count_nonzero(~(variance > 0)))
        if without:
            raise BadInput(
                f"noise of the voxels of {whose or 'a region'}",
                expected="repetitions that differ",
                found=f"{without:,} of {variance.size:,} voxels whose repetitions are equal",
                hint="voxels that never respond are left out by brain.min_ncsnr = 0.01",
            )
        return variance


def cross_gram(read: ReadResponses, n: int, stimuli_at_once: int) -> np.ndarray:
    """Inner products of the patterns of n stimuli in different repetitions, (n, n) float64.

    C[i, j] is the mean over all ordered pairs of repetitions r != s of x_ir . x_js. With R repetitions the
    sum is that of all pairs minus that of equal ones. It is the mean over folds that leave one repetition out
    and compare it with the mean of the others.

    Parameters
    ----------
    read : gives responses (k, R, V), R at least 2. stimuli_at_once : at most twice as many are in memory.
    """
    found = np.empty((n, n))
    starts = range(0, n, stimuli_at_once)
    for start in starts:
        stop = min(n, start + stimuli_at_once)
        rows = read(start, stop)
        for later in range(start, n, stimuli_at_once):
            end = min(n, later + stimuli_at_once)
            columns = rows if later == start else read(later, end)
            products = _between_repetitions(rows, columns)
            found[start:stop, later:end] = products
            found[later:end, start:stop] = products.T
    return found


def crossnobis_rdm(cross: np.ndarray, n_voxels: int) -> np.ndarray:
    """Cross-validated squared distances between stimuli, divided by the number of voxels, (P,) float64.

    d[i, j] = (C[i, i] + C[j, j] - 2 C[i, j]) / V. Noise is independent between repetitions, so that d is
    unbiased, and may be negative (Walther et al. 2016; Diedrichsen et al. 2021).

    Parameters
    ----------
    cross : (n, n), of `cross_gram`, of responses divided by the standard deviation of the voxels' noise.
    """
    rows, columns = np.triu_indices(len(cross), 1)
    squares = np.diagonal(cross)
    return (squares[rows] + squares[columns] - 2 * cross[rows, columns]) / n_voxels


def _between_repetitions(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    repetitions = one.shape[1]
    every = one.sum(axis=1) @ other.sum(axis=1).T
    same = sum(one[:, each] @ other[:, each].T for each in range(repetitions))
    products: np.ndarray = (every - same) / (repetitions * (repetitions - 1))
    return products
