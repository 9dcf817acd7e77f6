"""Kendall's tau-a of many RDMs at once, from exact matrix products of signs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.devices import times, to_device, to_numpy

# The sums of a block are whole numbers up to this size, which single precision holds exactly.
MOST_COLUMNS = 2**24
# Wider blocks do not fit the cache and are no faster (measured on 5,151 pairs).
ENOUGH_COLUMNS = 2048


class _Piece(NamedTuple):
    """Differences between values start .. stop-1 and the values `shift` places later, with wraparound."""

    shift: int
    start: int
    stop: int


def tau_a(a: NDArray[Any], b: NDArray[Any], *, memory: int, device: str | None = None) -> NDArray[np.float64]:
    """Kendall's tau-a of every row of `a` (m, P) with every row of `b` (k, P): (m, k) float64.

    tau-a = sum over q < r of sign(a_q - a_r) sign(b_q - b_r), over P (P - 1) / 2 (Kendall 1938;
    ties count 0 in the numerator and 1 in the denominator). The sum is a matrix product of signs, computed in
    blocks of about `memory` bytes, plus a copy of the inputs. Single precision holds the sum of each block
    exactly, so only the final division rounds, on every device. Time grows with m k P^2: use a GPU for many
    stimuli.
    """
    n_pairs = a.shape[1]
    numbers_a, numbers_b = (_twice(_numbered(each), device) for each in (a, b))
    total = np.zeros((len(a), len(b)))
    # Signs and the differences that they come from, four bytes each.
    columns = min(max(1, memory // (8 * (len(a) + len(b)))), ENOUGH_COLUMNS, MOST_COLUMNS)
    for block in _blocks(n_pairs, columns):
        total += to_numpy(times(_signs(numbers_a, block, device), _signs(numbers_b, block, device).T))
    return total / (n_pairs * (n_pairs - 1) / 2)


def _blocks(n_pairs: int, columns: int) -> Iterator[list[_Piece]]:
    """Blocks of at most `columns` differences; together they compare every two of `n_pairs` places once.

    With wraparound, shifts 1 to P / 2 cover all pairs of places. If P is even, half of the last shift
    suffices.
    """
    block: list[_Piece] = []
    room = columns
    for shift in range(1, n_pairs // 2 + 1):
        length = n_pairs // 2 if 2 * shift == n_pairs else n_pairs
        start = 0
        while start < length:
            stop = min(length, start + room)
            block.append(_Piece(shift, start, stop))
            room -= stop - start
            start = stop
            if room == 0:
                yield block
                block, room = [], columns
    if block:
        yield block


def _numbered(rows: NDArray[Any]) -> NDArray[np.float32]:
    """Each value's index among the sorted distinct values of its row; keeps order and ties."""
    return np.stack([np.unique(row, return_inverse=True)[1].astype(np.float32) for row in rows])


def _twice(numbers: NDArray[np.float32], device: str | None) -> Any:
    return to_device(np.concatenate([numbers, numbers], axis=1), device, "float32")


def _signs(numbers: Any, block: list[_Piece], device: str | None) -> Any:
    """Signs of the differences of a block, -1, 0 or 1: (m, columns of the block)."""
    columns = sum(piece.stop - piece.start for piece in block)
    signs = to_device(np.empty((len(numbers), columns), np.float32), device, "float32")
    end = 0
    for shift, start, stop in block:
        further = numbers[:, start + shift : stop + shift]
        # Clipping whole numbers to [-1, 1] gives their signs.
        signs[:, end : end + stop - start] = (further - numbers[:, start:stop]).clip(-1, 1)
        end += stop - start
    return signs
