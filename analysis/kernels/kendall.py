"""Kendall's tau-a of many RDMs at once, from exact matrix products of signs.

tau-a is the mean, over every two of P places, of the product of two signs: of the differences of both RDMs.
So it is an inner product of vectors with P (P - 1) / 2 entries. These are made in blocks of rows of the upper
triangle: the differences between places q of the block and all places r from the block's first one on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.devices import times, to_device, to_numpy
from alignhouse.analysis.kernels.threads import slices

# The sums of a block are multiples of 1/2 up to this size, which single precision holds exactly.
MOST_COLUMNS = 2**23
# Wider blocks are no faster (measured on 5,151 pairs).
ENOUGH_COLUMNS = 8192
# Differences whose signs are taken while they are in the cache of a core.
CACHED = 2**16


def tau_a(a: NDArray[Any], b: NDArray[Any], *, memory: int, device: str | None = None) -> NDArray[np.float64]:
    """Kendall's tau-a of every row of `a` (m, P) with every row of `b` (k, P): (m, k) float64.

    tau-a = sum over q < r of sign(a_q - a_r) sign(b_q - b_r), over P (P - 1) / 2 (Kendall 1938;
    ties count 0 in the numerator and 1 in the denominator). The sum is a matrix product of signs, computed in
    blocks of about `memory` bytes, plus a copy of the inputs; one row of signs is needed whatever the limit.
    Single precision holds the sum of each block exactly, so only the final division rounds, on every device.
    Time grows with m k P^2: use a GPU for many stimuli.
    """
    n_pairs = a.shape[1]
    numbers_a, numbers_b = (to_device(numbered(each), device, "float32") for each in (a, b))
    total = np.zeros((len(a), len(b)))
    for rows in sign_rows(n_pairs, memory // (4 * (len(a) + len(b)))):
        total += to_numpy(times(signs(numbers_a, rows), signs(numbers_b, rows, once=True).T))
    return total / sign_count(n_pairs)


def tau_a_within(ranks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Kendall's tau-a of every two of S rows (..., S, P): (..., S, S) float64.

    ranks : numbers whose differences are 0 or at least 1. Memory is needed for `ENOUGH_COLUMNS` signs a row.
    """
    n_pairs = ranks.shape[-1]
    total = np.zeros((*ranks.shape[:-1], ranks.shape[-2]))
    flat = ranks.reshape(-1, n_pairs)
    for rows in sign_rows(n_pairs, ENOUGH_COLUMNS):
        height = rows.stop - rows.start
        found = signs(flat, rows).reshape(*ranks.shape[:-1], -1)
        twice = found.reshape(*ranks.shape[:-1], height, -1)[..., :height].reshape(*ranks.shape[:-1], -1)
        total += np.matmul(found, found.swapaxes(-1, -2)) - np.matmul(twice, twice.swapaxes(-1, -2)) / 2
    return np.asarray(total / sign_count(n_pairs))


def sign_count(n_pairs: Any) -> Any:
    """The number of pairs of `n_pairs` places."""
    return n_pairs * (n_pairs - 1) / 2


def sign_rows(n_pairs: int, columns: int) -> Iterator[slice]:
    """Blocks of rows whose signs take at most about `columns` entries, at least one row a block."""
    most = min(columns, ENOUGH_COLUMNS, MOST_COLUMNS)
    start = 0
    while start < n_pairs - 1:
        stop = min(n_pairs, start + max(1, most // (n_pairs - start)))
        yield slice(start, stop)
        start = stop


def signs(
    numbers: Any,
    rows: slice,
    *,
    once: bool = False,
    out: NDArray[Any] | None = None,
) -> Any:
    """Signs of the differences of a block, -1, 0 or 1: (m, columns of the block), on the device of `numbers`.

    numbers : (m, P) float32, a numpy array or torch tensor whose differences are 0 or at least 1.
    once : the places of the block meet one another twice, so their signs are halved; of two vectors that are
        multiplied, one must be of this kind.
    out : for the result of numpy arrays; by default it is a new array.
    """
    height, width = rows.stop - rows.start, numbers.shape[1] - rows.start
    # Clipping whole numbers to [-1, 1] gives their signs.
    if not isinstance(numbers, np.ndarray):
        found = (numbers[:, rows, None] - numbers[:, None, rows.start :]).clip(-1, 1)
    else:
        room = np.empty((len(numbers), height * width), np.float32) if out is None else out
        found = room.reshape(len(numbers), height, width)
        for some in slices(len(numbers), max(1, CACHED // (height * width))):
            few = np.subtract(numbers[some, rows, None], numbers[some, None, rows.start :], out=found[some])
            np.clip(few, -1, 1, out=few)
    if once:
        found[:, :, :height] *= 0.5
    return found.reshape(len(numbers), -1)


def numbered(rows: NDArray[Any]) -> NDArray[np.float32]:
    """Each value's index among the sorted distinct values of its row (m, P); keeps order and ties."""
    return np.stack([np.unique(row, return_inverse=True)[1].astype(np.float32) for row in rows])
