"""Rank correlations of RDMs under many sets of whole weights of the pairs, without sorting again.

Each RDM is sorted once. The rank of a pair under a set of weights is then a running sum of the weights over
the sorted pairs. Bootstraps, split halves and nulls with repeated entries all work this way.
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

# Weights that are ranked together: enough to amortise Python's overhead and the reading of a sorted RDM's
# index, few enough for the CPU cache (measured).
VALUES_A_BATCH = 84_000
FEWEST_SETS_A_BATCH = 4
# RDMs ranked at a time, for the same reasons.
MOST_RDMS_AT_A_TIME = 4
VALUES_AT_A_TIME = MOST_RDMS_AT_A_TIME * VALUES_A_BATCH


class Weights:
    """Whole weights of the pairs, in b sets, with the buffers that one thread needs to rank under them.

    Parameters
    ----------
    weights : (b, P) int32, 0 or more; the sum of a set must be below 2^30.
    first : number of the first set, for errors. what : the word for a set in errors ("resample").

    `total` (b, 1) are the sums of the weights, `cubes` (b,) the sums of their cubes.
    """

    def __init__(self, weights: Int32Array, first: int, what: str) -> None:
        n_pairs = weights.shape[1]
        self.weights, self.first, self.what = weights, first, what
        self.total: Int32Array = weights.sum(axis=1, dtype=np.int32, keepdims=True)
        self.cubes = np.einsum("ij,ij,ij->i", *[weights.astype(np.float64)] * 3)
        self.lanes = _Lanes(2 * int(self.total.max()))
        self.packed = self.lanes.pack(weights)
        # Allocating memory for each RDM would take as long as ranking it.
        self.at_a_time = max(1, min(MOST_RDMS_AT_A_TIME, VALUES_AT_A_TIME // weights.size))
        several = (len(self.packed), self.at_a_time, n_pairs)
        self.below = np.zeros((*several[:2], n_pairs + 1), np.uint64)
        self.sums, self.ranks = np.empty(several, np.uint64), np.empty(several, np.uint64)


class _Lanes:
    """Pack whole numbers of several sets into 64-bit integers, so that one operation moves or adds them all.

    No number may exceed `largest`, so that none overflows into the next lane.
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
    """The sorted order of RDMs (m, P), in two int32 indices a pair. Errors use `names` (m).

    may_be_constant : an RDM with a single weighted value has ranks and length 0, instead of an error.
    ties_at_random : lengths are those of ranks without ties, as for rho-a (see `measures.similarity`).
    """

    def __init__(
        self,
        rows: Array,
        names: Sequence[str],
        *,
        may_be_constant: bool = False,
        ties_at_random: bool = False,
    ) -> None:
        self.names, self.may_be_constant = names, may_be_constant
        self.ties_at_random = ties_at_random
        n_rows, n_pairs = rows.shape
        self.order = np.empty((n_rows, n_pairs), np.int32)
        # The index of each pair's value among the distinct values, and where those end; None without ties.
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

    def vectors(self, some: slice, weights: Weights, out: Array) -> FloatArray:
        """Write doubled centred weighted ranks of L RDMs to `out` (L, b, P); return their lengths (L, b).

        The doubled, tie-averaged, centred rank of a value is (weight below it) + (weight up to and including
        it) - (total weight). The sum of squares is (W^3 - C) / 3, where W is the total weight and C the sum
        of the cubed weights of the distinct values. Raises BadInput if only one value has weight, unless
        RDMs may be constant.
        """
        lengths = np.empty(out.shape[:2])
        for few in slices(len(out), weights.at_a_time):
            rdms = slice(some.start + few.start, some.start + few.stop)
            lengths[few] = self._ranks_of_few(rdms, weights, out[few])
        return lengths

    def _ranks_of_few(self, some: slice, weights: Weights, out: Array) -> FloatArray:
        n_rdms, _, n_pairs = out.shape
        below, sums, ranks = (each[:, :n_rdms] for each in (weights.below, weights.sums, weights.ranks))
        # All indices are valid: "clip" only avoids a buffered copy in numpy.
        np.take(weights.packed, self.order[some], axis=1, out=sums, mode="clip")
        # numpy sums integers several times as fast as floats.
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
        total = weights.total[:, 0].astype(np.float64)
        sum_squares = (total**3 - cubes) / 3
        if not (self.may_be_constant or (sum_squares > 0).all()):
            rdm, of_set = np.unravel_index(np.argmin(sum_squares), sum_squares.shape)
            raise BadInput(
                f"{self.names[some.start + int(rdm)]}, {weights.what} {weights.first + int(of_set)}",
                expected="stimuli among which its dissimilarities differ",
                found="one value only",
                hint="too few stimuli, or too many ties",
            )
        if self.ties_at_random:
            sum_squares = np.tile((total**3 - total) / 3, (n_rdms, 1))
        return np.sqrt(sum_squares)


def bytes_to_rank(n_pairs: int) -> int:
    """The most bytes that `Weights` uses for one set."""
    largest_lane = np.dtype(np.uint32).itemsize
    return n_pairs * (np.dtype(np.int32).itemsize + largest_lane * (1 + 3 * MOST_RDMS_AT_A_TIME))


def sets_a_batch(n_pairs: int, bytes_a_set: int, memory: int) -> int:
    """How many sets of weights to process together within `memory` bytes."""
    return max(1, min(memory // bytes_a_set, max(FEWEST_SETS_A_BATCH, VALUES_A_BATCH // n_pairs)))


def names_of(names: Sequence[str] | None, count: int, first: int = 0) -> list[str]:
    """Names for errors of `count` RDMs, starting at index `first`."""
    return [row_name(names, index) for index in range(first, first + count)]
