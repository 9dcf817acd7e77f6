"""Any measure of similarity under many sets of copies of the conditions: bootstraps, halves, partial nulls.

An RDM with c_i copies of condition i has c_i c_j copies of the pair (i, j). Pairs of a condition with its own
copies are left out, because their dissimilarity is 0 by definition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.centring import centred_gram, pair_places, u_centred
from alignhouse.analysis.kernels.kendall import ENOUGH_COLUMNS, numbered, sign_count, sign_rows, signs
from alignhouse.analysis.kernels.measure_names import GRAM_MEASURES, RANK_MEASURES, SIGN_MEASURES, Measure
from alignhouse.analysis.kernels.measures import scaled, vector_length
from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.kernels.threads import slices
from alignhouse.analysis.kernels.weighted_ranks import (
    Array,
    Int32Array,
    SortedRdms,
    Weights,
    bytes_to_rank,
    sets_a_batch,
)
from alignhouse.warehouse.errors import BadInput

# Layers whose vectors are in memory for one matrix product.
LAYERS_A_PRODUCT = 64
# Up to this size OpenBLAS multiplies without copying first, which is faster for narrow matrices.
VALUES_OF_A_SMALL_PRODUCT = 900_000
# A vector this much shorter than its RDM, for each copy of a pair, is a rounding error.
_ROUNDING = 1e-12


class WeightedRdms(Protocol):
    """RDMs (m) that become vectors under sets of copies.

    `SortedRdms`, `VectorRdms` and `SignRdms` are of this kind.
    """

    def __len__(self) -> int: ...

    def vectors(self, some: slice, weights: Any, out: Array) -> FloatArray:
        """Write the vectors of L RDMs under b sets to `out` (L, b, entries); return their lengths (L, b).

        `weights` are a part of `weights_of_copies`: `out` has the entries of that part.
        """


class CopyWeights:
    """The weights of the entries of vectors, for measures that do not rank.

    Parameters
    ----------
    counts : (b, n), copies of each condition in each set. first, what : see `Weights`.

    `weights` (b, entries) are the copies of each pair and, for measures of inner products, twice those and
    then the copies of each condition.
    """

    def __init__(self, counts: Int32Array, first: int, what: str, measure: Measure) -> None:
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

    def __init__(self, rows: Array, names: Sequence[str], measure: Measure) -> None:
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
                raise _one_value(
                    self.names[some.start + index], weights.what, weights.first + of_set, "too few stimuli"
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


@dataclass(frozen=True)
class SignWeights:
    """The weights of a block of signs in one set of copies, for Kendall's tau-a.

    The RDM has W pairs, copies included. Copies of a pair are tied, so their sign is 0. A sign of two others
    has the product of their copies as its weight.

    pairs : indices of the pairs that the set holds. rows : the block of signs (see `kendall.sign_rows`).
    weights : (1, entries), of the signs of the block. length : root of W (W - 1) / 2, of the whole vector.
    first, what : for errors, see `Weights`.
    """

    pairs: NDArray[np.intp]
    rows: slice
    weights: FloatArray
    length: float
    first: int
    what: str

    def signs_of(self, ranks: NDArray[np.float32], out: Array | None = None) -> Array:
        """The signs of the block, of ranks (m, P): (m, entries), in `out` if given."""
        return np.asarray(signs(ranks[:, self.pairs], self.rows, out=out))


def _sign_weights(counts: Int32Array, first: int, what: str) -> Iterator[SignWeights]:
    """The blocks of signs of one set of copies (1, n)."""
    [copies] = copies_of_pairs(counts)
    pairs = np.flatnonzero(copies)
    kept = copies[pairs].astype(np.float64)
    length = float(np.sqrt(sign_count(kept.sum())))
    for rows in sign_rows(len(pairs), ENOUGH_COLUMNS):
        weights = kept[rows, None] * kept[rows.start :]
        # The pairs of the block meet one another twice.
        weights[:, : rows.stop - rows.start] /= 2
        yield SignWeights(pairs, rows, weights.reshape(1, -1), length, first, what)


class SignRdms:
    """RDMs (m, P) for Kendall's tau-a, as ranks. Errors use `names` (m)."""

    def __init__(self, rows: Array, names: Sequence[str]) -> None:
        self.names = names
        self.ranks = numbered(rows)

    def __len__(self) -> int:
        return len(self.ranks)

    def vectors(self, some: slice, weights: SignWeights, out: Array) -> FloatArray:
        """As `WeightedRdms.vectors`.

        Raises
        ------
        BadInput : among the conditions of a set, an RDM is constant.
        """
        ranks = self.ranks[some]
        if weights.rows.start == 0:
            kept = ranks[:, weights.pairs]
            constant = np.flatnonzero(kept.min(axis=1) == kept.max(axis=1))
            if constant.size:
                raise _one_value(
                    self.names[some.start + int(constant[0])],
                    weights.what,
                    weights.first,
                    "too few stimuli, or too many ties",
                )
        weights.signs_of(ranks, out[:, 0])
        return np.full((len(ranks), 1), weights.length)


PartOfWeights = Weights | CopyWeights | SignWeights


def weighted_rdms(rows: Array, names: Sequence[str], measure: Measure) -> WeightedRdms:
    """RDMs (m, P), ready to be compared by `measure` under sets of copies."""
    if measure in SIGN_MEASURES:
        return SignRdms(rows, names)
    if measure in RANK_MEASURES:
        return SortedRdms(rows, names, ties_at_random=measure == "rho_a")
    return VectorRdms(rows, names, measure)


def weights_of_copies(counts: Int32Array, first: int, what: str, measure: Measure) -> Iterator[PartOfWeights]:
    """The weights of sets of copies (b, n) of the conditions; first, what : see `Weights`.

    They come in parts, each with some entries of all vectors, whose products are to be added: one part for
    most measures; many for Kendall's tau-a, which takes one set (see `sets_together`).
    """
    if measure in SIGN_MEASURES:
        yield from _sign_weights(counts, first, what)
    elif measure in RANK_MEASURES:
        yield Weights(copies_of_pairs(counts), first, what)
    else:
        yield CopyWeights(counts, first, what, measure)


def weighted_products(layers: WeightedRdms, weights: PartOfWeights, brains: Array, *, memory: int) -> Array:
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


def _one_value(name: str, what: str, number: int, hint: str) -> BadInput:
    return BadInput(
        f"{name}, {what} {number}",
        expected="stimuli among which its dissimilarities differ",
        found="one value only",
        hint=hint,
    )


def copies_of_pairs(counts: Int32Array) -> Int32Array:
    """Number of copies of each pair of conditions in sets (b, n): (b, P)."""
    row, column = pair_places(counts.shape[1])
    return np.asarray(counts[:, row] * counts[:, column])


def sets_together(n_pairs: int, measure: Measure, bytes_a_set: int, memory: int) -> int:
    """How many sets to process together within `memory` bytes. Those of tau-a hold different pairs: one."""
    if measure in SIGN_MEASURES:
        return 1
    return sets_a_batch(vector_length(n_pairs, measure), bytes_a_set, memory)


def bytes_of_a_set(n_pairs: int, measure: Measure) -> int:
    """The most bytes that the weights and vectors of one set use while RDMs are prepared."""
    if measure in RANK_MEASURES:
        return bytes_to_rank(n_pairs)
    # Weights of pairs and entries, and vectors with their intermediate values, eight bytes each.
    return 8 * 6 * vector_length(n_pairs, measure)
