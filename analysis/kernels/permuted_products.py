"""Products of vectors on disk, as they are or with permuted stimuli, in blocks of pairs of stimuli."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.threads import Tick, in_threads, slices, untold
from alignhouse.analysis.kernels.vectors_on_disk import SquaresOnDisk, VectorsOnDisk, first_pairs, tiles
from alignhouse.warehouse.cores import cores

# Entries of each vector in one matrix product, at most.
MOST_PAIRS_A_TILE = 2**17
# More permutations in one matrix product are not faster.
MOST_PERMUTATIONS_A_PRODUCT = 32
# Rows of a square that are gathered at a time; they stay in the processor's cache (4 to 8 are fastest).
ROWS_GATHERED = 8

# A buffer of gathered rows, as (permutations, vectors, pairs).
Gathered = NDArray[np.float32]


def cosines_with(
    one: VectorsOnDisk, other: NDArray[Any], other_lengths: NDArray[np.float64], *, memory: int
) -> NDArray[np.float64]:
    """Cosines of the vectors `one` (m, M) with those in memory, `other` (k, M): (m, k), in double precision.

    Blocks of entries are multiplied on their own, and their products summed in order, so that the result does
    not depend on the number of threads.
    """
    count, n_entries = other.shape
    bytes_of_an_entry = (one.dtype.itemsize + 8) * len(one) + 8 * count
    a_block = max(1, min(MOST_PAIRS_A_TILE, memory // cores() // bytes_of_an_entry))
    blocks = slices(n_entries, a_block)
    total = np.zeros((len(one), count))
    for some in slices(len(blocks), cores()):
        found = np.empty((some.stop - some.start, *total.shape))

        def multiply(place: int, some: slice = some, found: NDArray[np.float64] = found) -> None:
            entries = blocks[some.start + place]
            rows = one.read(entries).astype(np.float64, copy=False)
            found[place] = rows @ other[:, entries].T.astype(np.float64, copy=False)

        in_threads(multiply, range(len(found)))
        for each in found:
            total += each
    total /= one.lengths[:, None] * other_lengths
    return np.clip(total, -1, 1, out=total)


def permuted_products(
    still: VectorsOnDisk,
    moved: SquaresOnDisk,
    orders: NDArray[np.intp],
    *,
    memory: int,
    tick: Tick = untold,
) -> NDArray[np.float32]:
    """Dot products of unit vectors with others whose stimuli are permuted: (m, k, K) float32.

    Entry (i, j) of a `still` vector meets entry (p(i), p(j)) of a `moved` one, for each p of `orders` (K, n).
    Products of a block of pairs are in single precision, their sums over blocks in double. `memory` is bytes
    for buffers, beside the result in double precision.
    """
    total = np.zeros((len(still), len(orders), len(moved)))

    def multiply(rows: NDArray[np.float32], some: slice, gathered: Gathered) -> None:
        found = rows @ gathered.reshape(-1, rows.shape[1]).T
        total[:, some] += found.reshape(len(rows), -1, len(moved))

    a_pair = len(still) * (still.dtype.itemsize + np.dtype(np.float64).itemsize + 4)
    _over_blocks(
        moved,
        orders[:, None],
        still.unit,
        multiply,
        most_pairs=memory // 3 // a_pair,
        memory=memory,
        tick=tick,
    )
    return np.clip(total, -1, 1, out=total).swapaxes(1, 2).astype(np.float32)


def products_among(moved: SquaresOnDisk, orders: NDArray[np.intp], *, memory: int) -> NDArray[np.float64]:
    """Dot products of unit vectors with each other, each with an order of its own: (K, k, k).

    orders : (K, k, n). Precision and `memory` are as in `permuted_products`.
    """
    total = np.zeros((len(orders), len(moved), len(moved)))

    def multiply(_: None, some: slice, gathered: Gathered) -> None:
        total[some] += gathered @ gathered.swapaxes(1, 2)

    _over_blocks(moved, orders, lambda entries: None, multiply, most_pairs=MOST_PAIRS_A_TILE, memory=memory)
    return total


def _over_blocks(
    moved: SquaresOnDisk,
    orders: NDArray[np.intp],
    read: Callable[[slice], Any],
    multiply: Callable[[Any, slice, Gathered], None],
    *,
    most_pairs: int,
    memory: int,
    tick: Tick = untold,
) -> None:
    """Call `multiply` with each block of entries of the moved vectors, for some permutations at a time.

    Its arguments are what `read` gave for the block's entries, the permutations (a slice), and the gathered
    entries. Threads call it with different permutations. orders : (K, k, n), or (K, 1, n) for all vectors.
    """
    starts = first_pairs(moved.n_stimuli)
    blocks = list(tiles(moved.n_stimuli, min(MOST_PAIRS_A_TILE, most_pairs)))
    widest = max(int(starts[block.stop] - starts[block.start]) for block in blocks)
    workers = min(cores(), len(orders))
    a_product = min(
        MOST_PERMUTATIONS_A_PRODUCT,
        -(-len(orders) // workers),
        max(1, memory // 3 // workers // (np.dtype(np.float32).itemsize * widest * len(moved))),
    )
    buffers: SimpleQueue[_Gatherer] = SimpleQueue()
    for _ in range(workers):
        buffers.put(_Gatherer(moved, a_product, widest))
    parts = slices(len(orders), a_product)
    for done, block in enumerate(blocks, 1):
        met = read(slice(int(starts[block.start]), int(starts[block.stop])))

        def gather_and_multiply(some: slice, block: slice = block, met: Any = met) -> None:
            own = buffers.get()
            try:
                multiply(met, some, own.gather(orders[some], block))
            finally:
                buffers.put(own)

        in_threads(gather_and_multiply, parts)
        tick(done * len(orders) // len(blocks), len(orders))
    if moved.diagonals[0].size:
        met = read(slice(int(starts[-1]), int(starts[-1]) + moved.n_stimuli))
        for some in parts:
            places = np.broadcast_to(orders[some], (some.stop - some.start, len(moved), moved.n_stimuli))
            multiply(met, some, np.take_along_axis(np.stack(moved.diagonals)[None], places, axis=2))


class _Gatherer:
    """Gathers permuted vectors into the buffer of one thread, `n_orders` and `n_pairs` at a time at most."""

    def __init__(self, moved: SquaresOnDisk, n_orders: int, n_pairs: int) -> None:
        self._moved = moved
        self._rows = np.empty((ROWS_GATHERED, moved.n_stimuli), np.float32)
        self._places = np.empty(ROWS_GATHERED * moved.n_stimuli, np.intp)
        self._gathered = np.empty(n_orders * len(moved) * n_pairs, np.float32)

    def gather(self, orders: NDArray[np.intp], block: slice) -> Gathered:
        """Some rows of the upper triangle of each moved vector under each order: (K, k, pairs)."""
        n_pairs = sum(self._moved.n_stimuli - 1 - row for row in range(block.start, block.stop))
        gathered = self._gathered[: len(orders) * len(self._moved) * n_pairs]
        gathered = gathered.reshape(len(orders), len(self._moved), n_pairs)
        for order, of_order in zip(orders, gathered, strict=True):
            filled = 0
            for first in range(block.start, block.stop, ROWS_GATHERED):
                rows = range(first, min(first + ROWS_GATHERED, block.stop))
                places = self._places[:0]
                for vector, out in enumerate(of_order):
                    # Vectors with the same order share the index of its pairs.
                    if vector < len(order):
                        places = self._places_of(order[vector], rows)
                    own = order[min(vector, len(order) - 1)]
                    self._moved.read_rows(vector, own[rows.start : rows.stop], self._rows)
                    to = out[filled : filled + places.size]
                    # All indices are valid: "clip" only avoids a buffered copy in numpy.
                    np.take(self._rows.ravel(), places, out=to, mode="clip")
                filled += places.size
        return gathered

    def _places_of(self, order: NDArray[np.intp], rows: range) -> NDArray[np.intp]:
        """The index, into the rows that were read, of the pairs of some rows of the triangle."""
        n, filled = self._moved.n_stimuli, 0
        for place, row in enumerate(rows):
            width = n - 1 - row
            np.add(order[row + 1 :], place * n, out=self._places[filled : filled + width])
            filled += width
        return self._places[:filled]
