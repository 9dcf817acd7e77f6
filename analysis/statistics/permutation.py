"""Null distributions of RDM correlations under permutation of the stimuli, and their p-values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, FloatArray, Ranks, condition_count
from alignhouse.analysis.kernels.threads import in_threads, product, slices
from alignhouse.analysis.kernels.weighted_ranks import (
    SortedRdms,
    Weights,
    bytes_to_rank,
    names_of,
    sets_a_batch,
    weighted_products,
)
from alignhouse.analysis.statistics.settings import BestLayerNull, PValueMethod
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import BadInput

IntArray = NDArray[np.intp]


# Wider blocks of permutations make the matrix product no faster, only larger (measured on 5,151 pairs).
MOST_PERMUTATIONS_A_BLOCK = 128
# A null value this close to the observed one counts as equal to it: the null is summed in single precision,
# and is stored so; two scores that differ at all rarely differ by less.
TIE_TOLERANCE = 1e-7


def stimulus_permutations(n_stimuli: int, count: int, seed: int) -> IntArray:
    """`count` random orders of `n_stimuli` stimuli: (count, n_stimuli) int, each row a permutation of 0..n-1.

    They depend on the arguments alone, and the first k are the same for every count: a resumed or a chunked
    run meets the ones that it would have met. Sorted raw draws of PCG64 are used because numpy promises that
    those never change between its versions, which it does not of `Generator.permutation`. The identity may
    occur.

    Raises BadInput for fewer than 4 stimuli, no permutations, or a negative seed.
    """
    for what, least, found in (("stimuli", 4, n_stimuli), ("permutations", 1, count), ("seed", 0, seed)):
        if found < least:
            raise BadInput(f"random permutations: {what}", expected=f"at least {least}", found=found)
    draws = np.random.PCG64(seed).random_raw(count * n_stimuli).reshape(count, n_stimuli)
    return np.argsort(draws, axis=1, kind="stable").astype(np.intp, copy=False)


def permute_condensed(permutations: ArrayLike) -> IntArray:
    """Where each pair of permuted RDMs is found in the condensed original: (K, n) -> (K, P) int.

    `rdm[permute_condensed(p[None])[0]]` equals `squareform(squareform(rdm)[p][:, p])`.
    """
    orders = np.asarray(permutations, dtype=np.intp)
    n = orders.shape[1]
    row, column = np.triu_indices(n, 1)
    place = np.zeros((n, n), dtype=np.intp)
    place[row, column] = place[column, row] = np.arange(row.size)
    flat = orders[:, row]
    flat *= n
    flat += orders[:, column]
    return np.take(place.ravel(), flat)


def mean_unit_ranks(brain: Ranks) -> FloatArray:
    """The mean over subjects (S, P) of their unit rank vectors: (P,).

    Its dot product with a model's unit ranks is the mean over subjects of rho: correlation is linear here, so
    one vector stands for all subjects of a region, whatever their number.
    """
    return brain.unit().mean(axis=0)


def null_rows_and_columns(
    models: NDArray[np.float32],
    brains: FloatArray,
    permutations: ArrayLike,
    *,
    memory: int = DEFAULT_MEMORY,
) -> NDArray[np.float32]:
    """Null of many layers in many regions, rows and columns permuted together: (L, R, K) float32.

    `models` are (L, P) unit ranks, `brains` (R, P) the `mean_unit_ranks` of each region, `permutations`
    (K, n). Permuting rows and columns moves ranks without changing them, so nothing is ranked again; and
    permuting a model by p is permuting the brain by the inverse of p, which is done once for all layers.
    """
    n_layers, n_pairs = models.shape
    inverse = np.argsort(checked_permutations(permutations, n_pairs, brains), axis=1)
    n_regions, n_permutations = len(brains), len(inverse)
    brains32 = brains.astype(np.float32)
    # Building the index of a permutation holds three integers a pair.
    a_permutation = n_pairs * (brains32.itemsize * n_regions + 3 * inverse.itemsize)
    a_block = min(MOST_PERMUTATIONS_A_BLOCK, max(1, memory // a_permutation))
    null = np.empty((n_layers, n_regions, n_permutations), np.float32)
    permuted = np.empty((n_regions, a_block, n_pairs), np.float32)
    for block in slices(n_permutations, a_block):
        orders = inverse[block]

        def permute(some: slice, orders: IntArray = orders) -> None:
            index = permute_condensed(orders[some])
            for values, out in zip(brains32, permuted, strict=True):
                # The index was made here, within bounds: "clip" only spares numpy a buffered copy.
                np.take(values, index, out=out[some], mode="clip")

        in_threads(permute, slices(len(orders), -(-len(orders) // cores())))
        rho = product(models, permuted[:, : len(orders)].reshape(-1, n_pairs).T)
        null[:, :, block] = np.clip(rho, -1, 1, out=rho).reshape(n_layers, n_regions, -1)
    return null


def null_rows_only(
    model_rdms: NDArray[np.generic],
    brains: FloatArray,
    permutations: ArrayLike,
    *,
    memory: int = DEFAULT_MEMORY,
    names: Sequence[str] | None = None,
) -> NDArray[np.float32]:
    """Null of many layers in many regions, only the rows of the model RDM permuted: (L, R, K) float32.

    Shapes are those of `null_rows_and_columns`, but `model_rdms` (L, P) are the dissimilarities themselves,
    because the diagonal's zeros must find their place among them; `names` (L) are what errors call them. A
    permutation only changes how often each dissimilarity occurs, never, once or twice, and which
    dissimilarities of the brain it then meets, the same for all layers: see `weighted_ranks`. Beside
    `memory`, the sorted RDMs are held in as many bytes as the RDMs.

    Raises BadInput where a permutation leaves one value only (possible with few stimuli and many ties).
    """
    n_layers, n_pairs = model_rdms.shape
    inverse = np.argsort(checked_permutations(permutations, n_pairs, brains), axis=1)
    # The diagonal is one more entry of the condensed RDM.
    with_diagonal = np.column_stack([model_rdms, np.zeros(n_layers, model_rdms.dtype)])
    layers = SortedRdms(with_diagonal, names_of(names, n_layers))
    met = _UpperTriangles(brains)
    memory_a_thread = memory // cores()
    single = np.dtype(np.float32)
    # What the brains' entries become, the index of either triangle, and room to rank.
    a_permutation = n_pairs * (single.itemsize * (len(brains) + 2) + 2 * inverse.itemsize)
    a_permutation += bytes_to_rank(n_pairs)
    a_block = sets_a_batch(n_pairs, a_permutation, memory_a_thread // 2)
    null = np.empty((n_layers, len(brains), len(inverse)), np.float32)

    def correlate_with(block: slice) -> None:
        moved = met.under(inverse[block])
        weights = Weights(moved[:, -1].astype(np.int32), block.start, "permutation")
        rho = weighted_products(layers, weights, moved[:, :-1], memory=memory_a_thread // 2)
        null[:, :, block] = np.clip(rho, -1, 1, out=rho)

    in_threads(correlate_with, slices(len(inverse), a_block))
    return null


class _UpperTriangles:
    """Which entries of a brain RDM's upper triangle the entries of a model RDM meet once its rows move.

    Row p(i) of the model moves to row i, so its entry {a, b} meets those of the brain at (inverse of a, b)
    and (inverse of b, a), as far as these lie above the diagonal; and (a, a) that at (inverse of a, a).
    """

    def __init__(self, brains: FloatArray) -> None:
        n = condition_count(brains.shape[1])
        self._row, self._column = np.triu_indices(n, 1)
        # Zero elsewhere; and of the last, which tells how many are met, one.
        self._squares = np.zeros((len(brains) + 1, n, n), np.float32)
        self._squares[:-1, self._row, self._column] = brains
        self._squares[-1, self._row, self._column] = 1

    def under(self, inverse: IntArray) -> NDArray[np.float32]:
        """Sums of what each entry and, last, the diagonal meet: (b, R + 1, P + 1), of which row R counts."""
        n = inverse.shape[1]
        flat = self._squares.reshape(len(self._squares), n * n)
        found = np.empty((len(inverse), len(flat), self._row.size + 1), np.float32)
        one = inverse[:, self._row] * n + self._column
        other = inverse[:, self._column] * n + self._row
        diagonal = inverse * n + np.arange(n)
        for index, values in enumerate(flat):
            # The indices were made here, within bounds: "clip" only spares numpy looking.
            found[:, index, :-1] = np.take(values, one, mode="clip")
            found[:, index, :-1] += np.take(values, other, mode="clip")
            found[:, index, -1] = np.take(values, diagonal, mode="clip").sum(axis=1)
        return found


def checked_permutations(permutations: ArrayLike, n_pairs: int, brains: FloatArray) -> IntArray:
    """`permutations` as (K, n) int that fit RDMs of `n_pairs`; BadInput where they or `brains` do not."""
    n = condition_count(n_pairs)
    if brains.shape[1] != n_pairs:
        raise BadInput("brain RDMs", expected=f"{n_pairs} pairs, as the models", found=brains.shape[1])
    orders = np.asarray(permutations)
    if orders.ndim != 2 or orders.dtype.kind not in "iu" or orders.shape[0] == 0 or orders.shape[1] != n:
        raise BadInput(
            "permutations of the stimuli",
            expected=f"whole numbers, at least one row of {n}",
            found=f"{orders.dtype} of shape {orders.shape}",
        )
    wrong = np.flatnonzero((np.sort(orders, axis=1) != np.arange(n)).any(axis=1))
    if wrong.size:
        raise BadInput(
            f"permutation {wrong[0]}", expected=f"each of 0..{n - 1} once", found=orders[wrong[0]].tolist()
        )
    return orders.astype(np.intp, copy=False)


def p_value(observed: ArrayLike, null: ArrayLike, method: PValueMethod = "plus_one") -> FloatArray:
    """Two-sided p of `observed` (...) under its `null` (..., K), by absolute value: (...) float64.

    "plus_one" is (1 + count) / (1 + K), with count the null values at least as far from 0 as the observed
    (Phipson & Smyth 2010: the observed order is one of the possible ones, so p is never 0); "share" is
    count / K. Values within `TIE_TOLERANCE` are equal. Raises BadInput for NaN, for K = 0 and for shapes
    that do not fit.
    """
    score, values = np.asarray(observed, dtype=np.float64), np.asarray(null)
    _check_null(score, values)
    return _p(np.abs(values) >= np.abs(score)[..., None] - TIE_TOLERANCE, method)


def p_value_greater(observed: ArrayLike, null: ArrayLike, method: PValueMethod = "plus_one") -> FloatArray:
    """One-sided p: null values at least as high as the observed, sign included. Else as `p_value`."""
    score, values = np.asarray(observed, dtype=np.float64), np.asarray(null)
    _check_null(score, values)
    return _p(values >= score[..., None] - TIE_TOLERANCE, method)


def max_statistic_p(observed_best: float, nulls: ArrayLike, method: PValueMethod = "plus_one") -> float:
    """p of the highest of L scores, against the highest of each permutation (Nichols & Holmes 2002).

    `nulls` is (L, K), every layer under the same permutations. One-sided with the sign kept: the best layer
    is the one with the highest score, so under the null the highest competes, not the one furthest from 0.
    """
    return float(p_value_greater(observed_best, np.max(np.asarray(nulls), axis=0), method))


def best_layer_null(nulls: NDArray[np.generic], best_layer: int, kind: BestLayerNull) -> FloatArray:
    """The null (K,) that a best layer is held against, from the nulls (L, K) of all layers of its network."""
    chosen = nulls.max(axis=0) if kind == "max_over_layers" else nulls[best_layer]
    return chosen.astype(np.float64)


def _check_null(score: FloatArray, values: NDArray[np.generic]) -> None:
    if values.ndim != score.ndim + 1 or values.shape[:-1] != score.shape or values.shape[-1] == 0:
        raise BadInput(
            "p-value",
            expected=f"a null of shape {score.shape} + (permutations,)",
            found=f"shape {values.shape}",
        )
    if np.isnan(score).any() or np.isnan(values).any():
        raise BadInput("p-value", expected="finite scores and nulls", found="NaN")


def _p(at_least: NDArray[np.bool_], method: PValueMethod) -> FloatArray:
    count, total = np.count_nonzero(at_least, axis=-1), at_least.shape[-1]
    return np.asarray((1 + count) / (1 + total) if method == "plus_one" else count / total, dtype=np.float64)
