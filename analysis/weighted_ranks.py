"""Rank correlations of RDMs whose pairs count several times or not at all, without sorting anything anew.

An RDM is sorted once. Under any weights of its pairs, the rank of a pair is then a running sum of weights
over the sorted pairs. Bootstraps, split halves and nulls whose entries repeat are all of this kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.similarity import FloatArray, row_name, sorting_order
from analysis.threads import slices
from warehouse.errors import BadInput

Int32Array = NDArray[np.int32]
Array = NDArray[Any]

# Pairs of all sets of weights that go through the ranks together: enough that Python's own time is small and
# the index of a sorted RDM is read once for several sets, few enough for the processor's cache (measured).
VALUES_A_BATCH = 80_000
FEWEST_SETS_A_BATCH = 4
# Layers whose ranks are held for one matrix product.
LAYERS_A_PRODUCT = 64


class Weights:
    """How often each pair counts, in b sets, and room to rank under them: for one thread.

    Parameters
    ----------
    weights : (b, P) int32, 0 or more; the sum of a set must be below 2^30.
    first : number of the first set. what : what errors call a set ("resample").
    dtype : of the ranks.

    Beside them it holds `total` (b, 1), their sums, and `cubes` (b,), the sums of their cubes.
    """

    def __init__(self, weights: Int32Array, first: int, what: str, dtype: np.dtype) -> None:
        n_sets, n_pairs = weights.shape
        self.weights, self.first, self.what = weights, first, what
        self.total: Int32Array = weights.sum(axis=1, dtype=np.int32, keepdims=True)
        self.cubes = np.einsum("ij,ij,ij->i", *[weights.astype(np.float64)] * 3)
        # Fresh memory for each RDM would take as long as its ranks.
        self.below = np.zeros((n_sets, n_pairs + 1), np.int32)
        self.sums = np.empty((n_sets, n_pairs), np.int32)
        self.of_value = np.empty((n_sets, n_pairs), dtype)


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
        self.ends: list[NDArray[np.intp] | None] = []
        for row, order, value in zip(rows, self.order, self.value, strict=True):
            places = sorting_order(row)
            ascending = row[places]
            is_new = np.concatenate(([True], ascending[1:] != ascending[:-1]))
            order[:] = places
            value[places] = np.cumsum(is_new) - 1
            tied = not is_new.all()
            self.ends.append(np.append(np.flatnonzero(is_new), n_pairs) if tied else None)

    def __len__(self) -> int:
        return len(self.order)

    def ranks(self, index: int, weights: Weights, out: Array) -> FloatArray:
        """Doubled centred weighted ranks of one RDM into `out` (b, P); gives their lengths (b,).

        A value's doubled tie-averaged rank, less the mean, is the weight below it, plus the weight up to it
        itself included, less the total. Their sum of squares is (W^3 - C) / 3, with W the total and C the sum
        of cubes of the values' weights. Raises BadInput where all that counts has one value.
        """
        below, sums, of_value = weights.below, weights.sums, weights.of_value
        np.take(weights.weights, self.order[index], axis=1, out=sums, mode="clip")
        # Whole numbers: a running sum of integers is several times as fast as one of floats.
        np.cumsum(sums, axis=1, dtype=np.int32, out=below[:, 1:])
        ends = self.ends[index]
        if ends is None:
            cubes = weights.cubes
            np.add(below[:, :-1], below[:, 1:], out=sums)
        else:
            edges = below[:, ends]
            cubes = np.einsum("ij,ij,ij->i", *[np.diff(edges).astype(np.float64)] * 3)
            sums, of_value = sums[:, : len(ends) - 1], of_value[:, : len(ends) - 1]
            np.add(edges[:, :-1], edges[:, 1:], out=sums)
        np.subtract(sums, weights.total, out=sums)
        np.copyto(of_value, sums)
        np.take(of_value, self.value[index], axis=1, out=out, mode="clip")
        sum_squares = (weights.total[:, 0].astype(np.float64) ** 3 - cubes) / 3
        if not (sum_squares > 0).all():
            raise BadInput(
                f"{self.names[index]}, {weights.what} {weights.first + int(np.argmin(sum_squares))}",
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
        for place, index in enumerate(range(some.start, some.stop)):
            lengths[place] = layers.ranks(index, weights, ranks[place])
        held = slice(0, some.stop - some.start)
        product = np.matmul(ranks[held].transpose(1, 0, 2), brains.transpose(0, 2, 1))
        found[some] = product.transpose(1, 2, 0) / lengths[held, None]
    return found


def sets_a_batch(n_pairs: int, bytes_a_set: int, memory: int) -> int:
    """How many sets of weights to rank under at a time, within `memory` bytes."""
    return max(1, min(memory // bytes_a_set, max(FEWEST_SETS_A_BATCH, VALUES_A_BATCH // n_pairs)))


def names_of(names: Sequence[str] | None, count: int, first: int = 0) -> list[str]:
    """What errors call `count` RDMs, from number `first` on."""
    return [row_name(names, index) for index in range(first, first + count)]
