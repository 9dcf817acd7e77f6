"""Null distributions of RDM correlations under permutation of the stimuli, and their p-values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.similarity import (
    DEFAULT_MEMORY,
    FloatArray,
    Ranks,
    condition_count,
    pair_count,
)
from alignhouse.analysis.kernels.threads import Tick, in_threads, product, slices, untold
from alignhouse.analysis.kernels.weighted_ranks import (
    SortedRdms,
    Weights,
    bytes_to_rank,
    names_of,
    sets_a_batch,
)
from alignhouse.analysis.kernels.weighted_vectors import weighted_products
from alignhouse.analysis.statistics.settings import BestLayerNull, PValueMethod
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import BadInput

IntArray = NDArray[np.intp]


# Wider blocks of permutations do not speed up the matrix product (measured on 5,151 pairs).
MOST_PERMUTATIONS_A_BLOCK = 128
# Values this close count as equal, because nulls are summed and stored in single precision. Scores that truly
# differ rarely differ by less.
TIE_TOLERANCE = 1e-7


def stimulus_permutations(n_stimuli: int, count: int, seed: int) -> IntArray:
    """`count` random orders of `n_stimuli` stimuli: (count, n_stimuli) int, each row a permutation of 0..n-1.

    They depend only on the arguments, and the first k are the same for every count, so that resumed and
    chunked runs use the same permutations. They are sorted raw draws of PCG64, which numpy keeps stable
    between versions; it does not promise that for `Generator.permutation`. The identity may occur.

    Raises BadInput for fewer than 4 stimuli, no permutations, or a negative seed.
    """
    for what, least, found in (("stimuli", 4, n_stimuli), ("permutations", 1, count), ("seed", 0, seed)):
        if found < least:
            raise BadInput(f"random permutations: {what}", expected=f"at least {least}", found=found)
    draws = np.random.PCG64(seed).random_raw(count * n_stimuli).reshape(count, n_stimuli)
    return np.argsort(draws, axis=1, kind="stable").astype(np.intp, copy=False)


def permute_condensed(permutations: ArrayLike) -> IntArray:
    """Index into the condensed RDM of each pair of the permuted RDM: (K, n) -> (K, P) int.

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


def permuted_entries(permutations: IntArray, n_entries: int) -> IntArray:
    """Index into a vector of each entry of the vector of the permuted RDM: (K, n) -> (K, n_entries) int.

    The vector has an entry for each pair, and, if it is longer, then one for each condition (see
    `measures.prepared`).
    """
    index = permute_condensed(permutations)
    n_pairs = index.shape[1]
    return index if n_entries == n_pairs else np.hstack([index, n_pairs + permutations])


def mean_unit_vectors(brain: Ranks) -> FloatArray:
    """The mean over subjects (S, M) of their unit vectors: (M,).

    Its dot product with a model's unit vector is the mean over subjects of their similarity. One vector
    therefore replaces all subjects of a region.
    """
    return brain.unit().mean(axis=0)


def null_rows_and_columns(
    models: NDArray[np.float32],
    brains: FloatArray,
    permutations: ArrayLike,
    *,
    memory: int = DEFAULT_MEMORY,
    tick: Tick = untold,
) -> NDArray[np.float32]:
    """Null of many layers in many regions, rows and columns permuted together: (L, R, K) float32.

    With D the square model RDM and p a permutation, this is the score of D[p][:, p], a relabelling of the
    stimuli (Kriegeskorte et al. 2008). `models` are (L, M) unit vectors of a measure (see
    `measures.prepared`), `brains` (R, M) the `mean_unit_vectors` of each region, `permutations` (K, n). The
    permutation only moves entries, so nothing is ranked or centred again.
    Permuting a model by p equals permuting the brain by the inverse of p, which is done once for all layers.
    Single precision is accurate to about 2e-8; the last bits may depend on the block size.
    """
    n_layers, n_entries = models.shape
    check_same_length(n_entries, brains)
    n_stimuli = np.shape(permutations)[-1]
    n_pairs = pair_count(n_stimuli)
    if n_entries not in (n_pairs, n_pairs + n_stimuli):
        # Then the vectors are of another number of stimuli than the permutations, which the check says.
        n_stimuli = condition_count(n_entries)
    inverse = np.argsort(checked_permutations(permutations, n_stimuli), axis=1)
    n_regions, n_permutations = len(brains), len(inverse)
    brains32 = brains.astype(np.float32)
    # Building the index of a permutation takes three integers an entry.
    a_permutation = n_entries * (brains32.itemsize * n_regions + 3 * inverse.itemsize)
    a_block = min(MOST_PERMUTATIONS_A_BLOCK, max(1, memory // a_permutation))
    null = np.empty((n_layers, n_regions, n_permutations), np.float32)
    permuted = np.empty((n_regions, a_block, n_entries), np.float32)
    for block in slices(n_permutations, a_block):
        orders = inverse[block]

        def permute(some: slice, orders: IntArray = orders) -> None:
            index = permuted_entries(orders[some], n_entries)
            for values, out in zip(brains32, permuted, strict=True):
                # All indices are valid: "clip" only avoids a buffered copy in numpy.
                np.take(values, index, out=out[some], mode="clip")

        in_threads(permute, slices(len(orders), -(-len(orders) // cores())))
        rho = product(models, permuted[:, : len(orders)].reshape(-1, n_entries).T)
        null[:, :, block] = np.clip(rho, -1, 1, out=rho).reshape(n_layers, n_regions, -1)
        tick(block.stop, n_permutations)
    return null


def null_rows_only(
    model_rdms: NDArray[np.generic],
    brains: FloatArray,
    permutations: ArrayLike,
    *,
    memory: int = DEFAULT_MEMORY,
    names: Sequence[str] | None = None,
    tick: Tick = untold,
) -> NDArray[np.float32]:
    """Null of many layers in many regions, only the rows of the model RDM permuted: (L, R, K) float32.

    With D the square model RDM and p a permutation, this is the score of the upper triangle of D[p, :], as in
    the published code of Sartzetaki et al. (2025). Entries repeat and zeros of the diagonal enter, so values
    are ranked again. It has too many false positives if stimuli have main effects.

    Shapes are as in `null_rows_and_columns`, but `model_rdms` (L, P) are dissimilarities, because the zeros
    of the diagonal must be ranked among them. Errors use `names` (L). A permutation changes how often each
    dissimilarity occurs (0, 1 or 2 times) and which brain dissimilarities it is paired with, equally for all
    layers: see `weighted_ranks`. The sorted RDMs take as many bytes as the RDMs, in addition to `memory`.

    Raises BadInput if a permutation leaves a single value (possible with few stimuli and many ties).
    """
    n_layers, n_pairs = model_rdms.shape
    check_same_length(n_pairs, brains)
    inverse = np.argsort(checked_permutations(permutations, condition_count(n_pairs)), axis=1)
    # The diagonal is appended as one more entry of the condensed RDM.
    with_diagonal = np.column_stack([model_rdms, np.zeros(n_layers, model_rdms.dtype)])
    layers = SortedRdms(with_diagonal, names_of(names, n_layers))
    met = _UpperTriangles(brains)
    memory_a_thread = memory // cores()
    single = np.dtype(np.float32)
    # Permuted brain entries, the indices of both triangles, and ranking buffers.
    a_permutation = n_pairs * (single.itemsize * (len(brains) + 2) + 2 * inverse.itemsize)
    a_permutation += bytes_to_rank(n_pairs)
    a_block = sets_a_batch(n_pairs, a_permutation, memory_a_thread // 2)
    null = np.empty((n_layers, len(brains), len(inverse)), np.float32)

    def correlate_with(block: slice) -> None:
        moved = met.under(inverse[block])
        weights = Weights(moved[:, -1].astype(np.int32), block.start, "permutation")
        rho = weighted_products(layers, weights, moved[:, :-1], memory=memory_a_thread // 2)
        null[:, :, block] = np.clip(rho, -1, 1, out=rho)

    in_threads(correlate_with, slices(len(inverse), a_block), tick)
    return null


class _UpperTriangles:
    """Pair entries of a model RDM whose rows are permuted with entries of the brains' upper triangles.

    Row p(i) of the model moves to row i. Its entry {a, b} is paired with the brain's entries at (inverse of
    a, b) and (inverse of b, a), if they lie above the diagonal; entry (a, a) with that at (inverse of a, a).
    """

    def __init__(self, brains: FloatArray) -> None:
        n = condition_count(brains.shape[1])
        self._row, self._column = np.triu_indices(n, 1)
        # Zero on and below the diagonal. The last square holds ones above it, to count the paired entries.
        self._squares = np.zeros((len(brains) + 1, n, n), np.float32)
        self._squares[:-1, self._row, self._column] = brains
        self._squares[-1, self._row, self._column] = 1

    def under(self, inverse: IntArray) -> NDArray[np.float32]:
        """Sums of the paired brain entries, the diagonal last: (b, R + 1, P + 1); row R counts them."""
        n = inverse.shape[1]
        flat = self._squares.reshape(len(self._squares), n * n)
        found = np.empty((len(inverse), len(flat), self._row.size + 1), np.float32)
        one = inverse[:, self._row] * n + self._column
        other = inverse[:, self._column] * n + self._row
        diagonal = inverse * n + np.arange(n)
        for index, values in enumerate(flat):
            # All indices are valid: "clip" only skips numpy's bounds check.
            found[:, index, :-1] = np.take(values, one, mode="clip")
            found[:, index, :-1] += np.take(values, other, mode="clip")
            found[:, index, -1] = np.take(values, diagonal, mode="clip").sum(axis=1)
        return found


def checked_permutations(permutations: ArrayLike, n_stimuli: int) -> IntArray:
    """`permutations` as (K, n) int; BadInput if they are not orders of `n_stimuli` = n stimuli."""
    orders = np.asarray(permutations)
    if orders.ndim != 2 or orders.dtype.kind not in "iu" or not len(orders) or orders.shape[1] != n_stimuli:
        raise BadInput(
            "permutations of the stimuli",
            expected=f"whole numbers, at least one row of {n_stimuli}",
            found=f"{orders.dtype} of shape {orders.shape}",
        )
    wrong = np.flatnonzero((np.sort(orders, axis=1) != np.arange(n_stimuli)).any(axis=1))
    if wrong.size:
        raise BadInput(
            f"permutation {wrong[0]}",
            expected=f"each of 0..{n_stimuli - 1} once",
            found=orders[wrong[0]].tolist(),
        )
    return orders.astype(np.intp, copy=False)


def check_same_length(n_entries: int, brains: FloatArray) -> None:
    """BadInput if vectors of `brains` (R, M) do not have the length of the models'."""
    if brains.shape[1] != n_entries:
        raise BadInput("brain RDMs", expected=f"{n_entries} pairs, as the models", found=brains.shape[1])


def p_value(observed: ArrayLike, null: ArrayLike, method: PValueMethod = "plus_one") -> FloatArray:
    """Two-sided p of `observed` (...) under its `null` (..., K), by absolute value: (...) float64.

    "plus_one" is (1 + count) / (1 + K), where count is the number of null values at least as far from 0 as
    the observed one. The observed order is itself a permutation, so p is never 0 (Phipson & Smyth 2010).
    "share" is count / K. Values within `TIE_TOLERANCE` are equal. Raises BadInput for NaN, K = 0 and wrong
    shapes.
    """
    score, values = np.asarray(observed, dtype=np.float64), np.asarray(null)
    _check_null(score, values)
    return _p(np.abs(values) >= np.abs(score)[..., None] - TIE_TOLERANCE, method)


def p_value_greater(observed: ArrayLike, null: ArrayLike, method: PValueMethod = "plus_one") -> FloatArray:
    """One-sided p, from the null values at least as high as the observed one; otherwise as `p_value`."""
    score, values = np.asarray(observed, dtype=np.float64), np.asarray(null)
    _check_null(score, values)
    return _p(values >= score[..., None] - TIE_TOLERANCE, method)


def max_statistic_p(observed_best: float, nulls: ArrayLike, method: PValueMethod = "plus_one") -> float:
    """p of the highest of L scores against the highest score of each permutation (Nichols & Holmes 2002).

    `nulls` is (L, K), every layer under the same permutations. The test is one-sided, because the best layer
    is the one with the highest score, not the one furthest from 0.
    """
    return float(p_value_greater(observed_best, np.max(np.asarray(nulls), axis=0), method))


def best_layer_null(nulls: NDArray[np.generic], best_layer: int, kind: BestLayerNull) -> FloatArray:
    """The null (K,) of the best layer, from the nulls (L, K) of all layers of its network."""
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
