"""Any measure of similarity under many sets of copies of the conditions: bootstraps, halves, partial nulls.

An RDM with c_i copies of condition i has c_i c_j copies of the pair (i, j). Pairs of a condition with its own
copies are left out, because their dissimilarity is 0 by definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from alignhouse.analysis.kernels.centring import centred_gram, pair_places, u_centred
from alignhouse.analysis.kernels.measure_names import GRAM_MEASURES, RANK_MEASURES, VectorMeasure
from alignhouse.analysis.kernels.measures import scaled, vector_length
from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.kernels.threads import slices
from alignhouse.analysis.kernels.weighted_ranks import (
    Array,
    Int32Array,
    SortedRdms,
    Weights,
    bytes_to_rank,
)
from alignhouse.warehouse.errors import BadInput

# Layers whose vectors are in memory for one matrix product.
LAYERS_A_PRODUCT = 64
# Up to this size OpenBLAS multiplies without copying first, which is faster for narrow matrices.
VALUES_OF_A_SMALL_PRODUCT = 900_000
# A vector this much shorter than its RDM, for each copy of a pair, is a rounding error.
_ROUNDING = 1e-12


class WeightedRdms(Protocol):
    """RDMs (m) that become vectors under sets of copies; `SortedRdms` and `VectorRdms` are of this kind."""

    def __len__(self) -> int: ...

    def vectors(self, some: slice, weights: Any, out: Array) -> FloatArray:
        """Write the vectors of L RDMs under b sets to `out` (L, b, entries); return their lengths (L, b)."""


class CopyWeights:
    """The weights of the entries of vectors, for measures that do not rank.

    Parameters
    ----------
    counts : (b, n), copies of each condition in each set. first, what : see `Weights`.

    `weights` (b, entries) are the copies of each pair and, for measures of inner products, twice those and
    then the copies of each condition.
    """

    def __init__(self, counts: Int32Array, first: int, what: str, measure: VectorMeasure) -> None:
        self.counts, self.first, self.what = counts.astype(np.float64), first, what
        pairs = copies_of_pairs(counts).astype(np.float64)
        self.pairs = pairs
        self.weights = np.hstack([2 * pairs, self.counts]) if measure in GRAM_MEASURES else pairs

    @cached_property
    def gram_of_ones(self) -> FloatArray:
        """The inner products of an RDM of ones: (b, entries)."""
        return centred_gram(np.ones(self.pairs.shape[1]), self.counts)


class VectorRdms:
    """RDMs (m, P) for measures that do not rank. Errors use `names` (m)."""

    def __init__(self, rows: Array, names: Sequence[str], measure: VectorMeasure) -> None:
        self.names, self.measure = names, measure
        self._rows = np.stack([scaled(row, names, index) for index, row in enumerate(rows)])

    def __len__(self) -> int:
        return len(self._rows)

    def vectors(self, some: slice, weights: CopyWeights, out: Array) -> FloatArray:
        """As `WeightedRdms.vectors`.

        Raises
        ------
        BadInput : among the conditions of a set, an RDM is constant, or only effects of single conditions.
        """
        lengths = np.empty(out.shape[:2])
        for index, rdm in enumerate(self._rows[some]):
            vector = self._vector(rdm, weights)
            squares = np.einsum("ij,ij,ij->i", weights.weights, vector, vector)
            if not (squares > _ROUNDING**2 * weights.pairs.sum(axis=1)).all():
                of_set = int(np.argmin(squares / np.maximum(weights.pairs.sum(axis=1), 1)))
                raise BadInput(
                    f"{self.names[some.start + index]}, {weights.what} {weights.first + of_set}",
                    expected="stimuli among which its dissimilarities differ",
                    found="one value only",
                    hint="too few stimuli",
                )
            lengths[index], out[index] = np.sqrt(squares), vector
        return lengths

    def _vector(self, rdm: FloatArray, weights: CopyWeights) -> FloatArray:
        if self.measure == "cosine":
            return np.broadcast_to(rdm, weights.pairs.shape)
        if self.measure == "cka_debiased":
            return u_centred(rdm, weights.counts)
        if self.measure in ("whitened_cosine", "cka"):
            return centred_gram(rdm, weights.counts)
        means = weights.pairs @ rdm / weights.pairs.sum(axis=1)
        if self.measure == "pearson":
            return np.asarray(rdm - means[:, None])
        # Inner products are linear in the distances, so that the mean is subtracted last.
        return centred_gram(rdm, weights.counts) - weights.gram_of_ones * means[:, None]


def weighted_rdms(rows: Array, names: Sequence[str], measure: VectorMeasure) -> WeightedRdms:
    """RDMs (m, P), ready to be compared by `measure` under sets of copies."""
    if measure in RANK_MEASURES:
        return SortedRdms(rows, names, ties_at_random=measure == "rho_a")
    return VectorRdms(rows, names, measure)


def weights_of_copies(
    counts: Int32Array, first: int, what: str, measure: VectorMeasure
) -> Weights | CopyWeights:
    """The weights of sets of copies (b, n) of the conditions; first, what : see `Weights`."""
    if measure in RANK_MEASURES:
        return Weights(copies_of_pairs(counts), first, what)
    return CopyWeights(counts, first, what, measure)


def weighted_products(
    layers: WeightedRdms, weights: Weights | CopyWeights, brains: Array, *, memory: int
) -> Array:
    """Dot products of the layers' unit vectors with `brains` (b, C, entries): (L, C, b), in its precision.

    `brains` already includes the weights of each set. `memory` is bytes for the layers' vectors. Raises
    BadInput as `WeightedRdms.vectors` does.
    """
    n_sets, n_columns, n_entries = brains.shape
    most = max(1, memory // (n_sets * n_entries * brains.itemsize))
    a_product = min(LAYERS_A_PRODUCT, most, len(layers))
    found = np.empty((len(layers), n_columns, n_sets), brains.dtype)
    # One buffer for several layers: vectors are written and multiplied without a copy.
    vectors = np.empty((a_product, n_sets, n_entries), brains.dtype)
    lengths = np.empty((a_product, n_sets))
    for some in slices(len(layers), a_product):
        held = slice(0, some.stop - some.start)
        lengths[held] = layers.vectors(some, weights, vectors[held])
        found[some] = _products(vectors[held], brains) / lengths[held, None]
    return found


def _products(vectors: Array, brains: Array) -> Array:
    """Dot products of (L, b, entries) with (b, C, entries) for each set: (L, C, b)."""
    n_layers, n_sets, n_entries = vectors.shape
    n_columns = brains.shape[1]
    product = np.zeros((n_sets, n_layers, n_columns), vectors.dtype)
    for some in slices(n_entries, max(1, VALUES_OF_A_SMALL_PRODUCT // (n_layers * n_columns))):
        product += np.matmul(vectors[:, :, some].transpose(1, 0, 2), brains[:, :, some].transpose(0, 2, 1))
    return product.transpose(1, 2, 0)


def copies_of_pairs(counts: Int32Array) -> Int32Array:
    """Number of copies of each pair of conditions in sets (b, n): (b, P)."""
    row, column = pair_places(counts.shape[1])
    return np.asarray(counts[:, row] * counts[:, column])


def bytes_of_a_set(n_pairs: int, measure: VectorMeasure) -> int:
    """The most bytes that the weights and vectors of one set use while RDMs are prepared."""
    if measure in RANK_MEASURES:
        return bytes_to_rank(n_pairs)
    # Weights of pairs and entries, and vectors with their intermediate values, eight bytes each.
    return 8 * 6 * vector_length(n_pairs, measure)
