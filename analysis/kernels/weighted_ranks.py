"""Rank correlations of RDMs whose pairs count several times or not at all, without sorting anything anew.

An RDM is sorted once. Under any weights of its pairs, the rank of a pair is then a running sum of weights
over the sorted pairs. Bootstraps, split halves and nulls whose entries repeat are all of this kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.similarity import FloatArray, row_name
from alignhouse.analysis.kernels.sorting import ascending, blocks_to_sort
from alignhouse.analysis.kernels.threads import in_threads, slices
from alignhouse.warehouse.errors import BadInput

Int32Array = NDArray[np.int32]
Array = NDArray[Any]

# Pairs of all sets of weights that go through the ranks together: enough that Python's own time is small and
# the index of a sorted RDM is read once for several sets, few enough for the processor's cache (measured).
VALUES_A_BATCH = 84_000
FEWEST_SETS_A_BATCH = 4
# RDMs ranked at a time, for the same reasons.
MOST_RDMS_AT_A_TIME = 4
VALUES_AT_A_TIME = MOST_RDMS_AT_A_TIME * VALUES_A_BATCH
# Layers whose ranks are held for one matrix product.
LAYERS_A_PRODUCT = 64
# Up to here, OpenBLAS multiplies matrices as they lie, without a copy first: faster where they are narrow.
VALUES_OF_A_SMALL_PRODUCT = 900_000


class Weights:
    """How often each pair counts, in b sets, and room to rank under them: for one thread.

    Parameters
    ----------
    weights : (b, P) int32, 0 or more; the sum of a set must be below 2^30.
    first : number of the first set. what : what errors call a set ("resample").

    Beside them it holds `total` (b, 1), their sums, and `cubes` (b,), the sums of their cubes.
    """

    def __init__(self, weights: Int32Array, first: int, what: str) -> None:
        n_pairs = weights.shape[1]
        self.weights, self.first, self.what = weights, first, what
        self.total: Int32Array = weights.sum(axis=1, dtype=np.int32, keepdims=True)
        self.cubes = np.einsum("ij,ij,ij->i", *[weights.astype(np.float64)] * 3)
        self.lanes = _Lanes(2 * int(self.total.max()))
        self.packed = self.lanes.pack(weights)
        # Fresh memory for each RDM would take as long as its ranks.
        self.at_a_time = max(1, min(MOST_RDMS_AT_A_TIME, VALUES_AT_A_TIME // weights.size))
        several = (len(self.packed), self.at_a_time, n_pairs)
        self.below = np.zeros((*several[:2], n_pairs + 1), np.uint64)
        self.sums, self.ranks = np.empty(several, np.uint64), np.empty(several, np.uint64)


class _Lanes:
    """Whole numbers of several sets side by side in one of 64 bits, which is moved and added like one number.

    As no number in a lane ever exceeds `largest`, none spills into the next.
    """

    def __init__(self, largest: int) -> None:
        self.kind = np.dtype(np.uint16 if largest < 2**16 else np.uint32)
        self.count = 8 // self.kind.itemsize

    def pack(self, numbers: Int32Array) -> NDArray[np.uint64]:
        """(b, P) -> (b / lanes, P), rounded up."""
        n_sets, n_pairs = numbers.shape
        side_by_side = np.zeros((-(-n_sets // self.count), n_pairs, self.count), self.kind)
        for lane in range(self.count):
            of_lane = numbers[lane :: self.count]
            side_by_side[: len(of_lane), :, lane] = of_lane
        return side_by_side.view(np.uint64)[:, :, 0]

    def unpack(self, packed: NDArray[np.uint64], out: Array) -> None:
        """(b / lanes, L, P) into `out` (L, b, P), any numbers."""
        lanes = np.ascontiguousarray(packed).view(self.kind)
        side_by_side = lanes.reshape(*packed.shape, self.count).swapaxes(0, 1)
        for lane in range(self.count):
            of_lane = out[:, lane :: self.count]
            np.copyto(of_lane, side_by_side[:, : of_lane.shape[1], :, lane])


class SortedRdms:
    """RDMs (m, P) in sorted order, each as two lists of places of four bytes a pair.

    `names` (m) are what errors call them.
    """

    def __init__(self, rows: Array, names: Sequence[str]) -> None:
        self.names = names
        n_rows, n_pairs = rows.shape
        self.order = np.empty((n_rows, n_pairs), np.int32)
        # The place of each pair's value among the distinct ones, and where those end; None where none tie.
        self.value = np.empty((n_rows, n_pairs), np.int32)
        self.ends: list[NDArray[np.intp] | None] = [None] * n_rows

        def sort(some: slice) -> None:
            places, _, is_new = ascending(rows[some])
            number = np.cumsum(is_new, axis=1, dtype=np.int32)
            number -= 1
            self.value[some].reshape(-1)[places] = number
            self.order[some] = places % n_pairs
            for row in np.flatnonzero(~is_new.all(axis=1)):
                self.ends[some.start + row] = np.append(np.flatnonzero(is_new[row]), n_pairs)

        in_threads(sort, blocks_to_sort(n_rows, n_pairs))

    def __len__(self) -> int:
        return len(self.order)

    def ranks(self, some: slice, weights: Weights, out: Array) -> FloatArray:
        """Doubled centred weighted ranks of L RDMs into `out` (L, b, P); gives their lengths (L, b).

        A value's doubled tie-averaged rank, less the mean, is the weight below it, plus the weight up to it
        itself included, less the total. Their sum of squares is (W^3 - C) / 3, with W the total and C the sum
        of cubes of the values' weights. Raises BadInput where all that counts has one value.
        """
        lengths = np.empty(out.shape[:2])
        for few in slices(len(out), weights.at_a_time):
            rdms = slice(some.start + few.start, some.start + few.stop)
            lengths[few] = self._ranks_of_few(rdms, weights, out[few])
        return lengths

    def _ranks_of_few(self, some: slice, weights: Weights, out: Array) -> FloatArray:
        n_rdms, _, n_pairs = out.shape
        below, sums, ranks = (each[:, :n_rdms] for each in (weights.below, weights.sums, weights.ranks))
        # All places are within bounds: "clip" only spares numpy a buffered copy.
        np.take(weights.packed, self.order[some], axis=1, out=sums, mode="clip")
        # Whole numbers: a running sum of integers is several times as fast as one of floats.
        np.cumsum(sums, axis=2, out=below[:, :, 1:])
        np.add(below[:, :, :-1], below[:, :, 1:], out=sums)
        cubes = np.tile(weights.cubes, (n_rdms, 1))
        for index, ends in enumerate(self.ends[some]):
            if ends is not None:
                edges = below[:, index, ends]
                of_values = np.empty((1, out.shape[1], len(ends) - 1))
                weights.lanes.unpack(np.diff(edges)[:, None], of_values)
                cubes[index] = np.einsum("ij,ij,ij->i", *[of_values[0]] * 3)
                np.add(edges[:, :-1], edges[:, 1:], out=sums[:, index, : len(ends) - 1])
        value = self.value[some] + n_pairs * np.arange(n_rdms)[:, None]
        np.take(sums.reshape(len(sums), -1), value, axis=1, out=ranks, mode="clip")
        weights.lanes.unpack(ranks, out)
        out -= weights.total.astype(out.dtype)
        sum_squares = (weights.total[:, 0].astype(np.float64) ** 3 - cubes) / 3
        if not (sum_squares > 0).all():
            rdm, of_set = np.unravel_index(np.argmin(sum_squares), sum_squares.shape)
            raise BadInput(
                f"{self.names[some.start + int(rdm)]}, {weights.what} {weights.first + int(of_set)}",
                expected="stimuli among which its dissimilarities differ",
                found="one value only",
                hint="too few stimuli, or too many ties",
            )
        return np.sqrt(sum_squares)


def weighted_products(layers: SortedRdms, weights: Weights, brains: Array, *, memory: int) -> Array:
    """Dot products of layers' unit weighted ranks with `brains` (b, C, P): (L, C, b) in their precision.

    `brains` hold what the ranks under each set of weights are multiplied with, the weights themselves among
    it. `memory` is bytes for the layers' ranks. Raises BadInput as `SortedRdms.ranks` does.
    """
    n_sets, n_columns, n_pairs = brains.shape
    most = max(1, memory // (n_sets * n_pairs * brains.itemsize))
    a_product = min(LAYERS_A_PRODUCT, most, len(layers))
    found = np.empty((len(layers), n_columns, n_sets), brains.dtype)
    # Whole layers one below the other: ranks are written, and multiplied, without a copy.
    ranks = np.empty((a_product, n_sets, n_pairs), brains.dtype)
    lengths = np.empty((a_product, n_sets))
    for some in slices(len(layers), a_product):
        held = slice(0, some.stop - some.start)
        lengths[held] = layers.ranks(some, weights, ranks[held])
        found[some] = _products(ranks[held], brains) / lengths[held, None]
    return found


def _products(ranks: Array, brains: Array) -> Array:
    """Dot products of (L, b, P) with (b, C, P), set by set: (L, C, b)."""
    n_layers, n_sets, n_pairs = ranks.shape
    n_columns = brains.shape[1]
    product = np.zeros((n_sets, n_layers, n_columns), ranks.dtype)
    for some in slices(n_pairs, max(1, VALUES_OF_A_SMALL_PRODUCT // (n_layers * n_columns))):
        product += np.matmul(ranks[:, :, some].transpose(1, 0, 2), brains[:, :, some].transpose(0, 2, 1))
    return product.transpose(1, 2, 0)


def bytes_to_rank(n_pairs: int) -> int:
    """What `Weights` hold a set, at most."""
    largest_lane = np.dtype(np.uint32).itemsize
    return n_pairs * (np.dtype(np.int32).itemsize + largest_lane * (1 + 3 * MOST_RDMS_AT_A_TIME))


def sets_a_batch(n_pairs: int, bytes_a_set: int, memory: int) -> int:
    """How many sets of weights to rank under at a time, within `memory` bytes."""
    return max(1, min(memory // bytes_a_set, max(FEWEST_SETS_A_BATCH, VALUES_A_BATCH // n_pairs)))


def names_of(names: Sequence[str] | None, count: int, first: int = 0) -> list[str]:
    """What errors call `count` RDMs, from number `first` on."""
    return [row_name(names, index) for index in range(first, first + count)]
