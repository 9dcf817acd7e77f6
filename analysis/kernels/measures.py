"""Measures of how similar two RDMs are; each is the cosine of two vectors that are made from the RDMs.

Ranking, centring or whitening makes a vector of each RDM once. One matrix product then compares all. For
Kendall's tau-a the vectors are made in blocks, from ranks (see `kendall`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.centring import centred_gram, u_centred
from alignhouse.analysis.kernels.devices import Precision
from alignhouse.analysis.kernels.kendall import tau_a
from alignhouse.analysis.kernels.measure_names import GRAM_MEASURES, RANK_MEASURES, SIGN_MEASURES, Measure
from alignhouse.analysis.kernels.similarity import (
    DEFAULT_MEMORY,
    FloatArray,
    Ranks,
    all_equal,
    check_lengths,
    checked_rdms,
    condition_count,
    correlated,
    moved,
    ranked_rows,
    row_name,
)
from alignhouse.analysis.kernels.sorting import blocks_to_sort
from alignhouse.analysis.kernels.threads import in_threads, slices
from alignhouse.warehouse.errors import BadInput

# A vector this much shorter than the RDM that it was made from is a rounding error.
_ROUNDING = 1e-12


def similarity(
    a: ArrayLike,
    b: ArrayLike,
    measure: Measure = "spearman",
    *,
    precision: Precision = "float64",
    device: str | None = None,
    memory: int = DEFAULT_MEMORY,
    a_names: Sequence[str] | None = None,
    b_names: Sequence[str] | None = None,
) -> FloatArray:
    """Similarity of every row of `a` (m, P) with every row of `b` (k, P): (m, k) float64 in [-1, 1].

    Parameters
    ----------
    a, b : condensed RDMs of the same conditions, real numbers of any unit.
    measure :
        "spearman", Pearson's r of tie-averaged ranks (Kriegeskorte et al. 2008).
        "rho_a", the expected Spearman rho when ties are broken at random, 12 (r_a . r_b) / (P^3 - P) of
        centred ranks (Schuett et al. 2023, eLife 12, e82566).
        "kendall_tau_a", see `kendall.tau_a` (Nili et al. 2014).
        "pearson"; "cosine", without centring, so that the overall level of the dissimilarities matters.
        "whitened_cosine", the cosine of the dissimilarities after their errors are made independent, for
        patterns with independent noise of equal size; "whitened_correlation", the same after subtracting each
        RDM's mean (Diedrichsen et al. 2021, Neurons Behav Data Anal Theory 5(3)).
        "cka", linear centred kernel alignment (Kornblith et al. 2019, ICML), if the RDMs are squared
        Euclidean distances: then it equals the whitened cosine. "cka_debiased", from the unbiased estimator
        of the inner products (Song et al. 2012; Nguyen et al. 2021, ICLR).
    precision : of the matrix product. In "float64", ranks are whole numbers and their sums are exact up to
        about 770 conditions, on every library, device and number of threads. "float32" multiplies unit
        vectors, in half the memory and, on a GPU, a fraction of the time. Its error was at most 2e-7 (median
        2e-8) for 1,400 x 220 RDMs of 102 stimuli, and up to 1e-6 for "cosine", whose terms share one sign.
        tau-a is exact in both.
    device : None multiplies with numpy; a name ("cuda", "cuda:1", "cpu") multiplies with torch on that
        device. Rows are ranked or centred on the CPU.
    memory : bytes for working buffers, in addition to the inputs, the prepared `b` and the result.
    a_names, b_names : names of the rows for errors.

    Raises BadInput, with the name of the row, for NaN or infinity, rows whose values are all equal ("cosine",
    "whitened_cosine", "cka": all 0), fewer than 4 conditions, and lengths P that differ.
    """
    rows_a, rows_b = checked_rdms(a, a_names), checked_rdms(b, b_names)
    check_lengths(rows_a.shape[1], rows_b.shape[1])
    if measure in SIGN_MEASURES:
        for rows, names in ((rows_a, a_names), (rows_b, b_names)):
            for index, row in enumerate(rows):
                if row.min() == row.max():
                    raise all_equal(row, names, index)
        return tau_a(rows_a, rows_b, memory=memory, device=device)
    prepared_b = _prepared(rows_b, measure, b_names, 0)
    moved_b = moved(prepared_b, precision, device)
    found = np.empty((len(rows_a), len(rows_b)))

    n_entries = prepared_b.centred.shape[1]
    for block in slices(len(rows_a), max(1, memory // (n_entries * 8 * 3))):
        prepared_a = _prepared(rows_a[block], measure, a_names, block.start)
        found[block] = correlated(prepared_a, prepared_b, moved_b, precision, device)
    return found


def prepared(
    rdms: ArrayLike,
    measure: Measure,
    names: Sequence[str] | None = None,
    *,
    out: FloatArray | None = None,
) -> Ranks:
    """The vectors of RDMs (m, P) whose dot product, divided by the root of their `sum_squares`, is `measure`.

    They have `vector_length(P, measure)` entries: one for each pair, and for measures of inner products one
    more for each condition. Permuting the conditions only moves entries (see `permutation.permuted_entries`).
    For Kendall's tau-a they are ranks, whose differences have the signs to multiply (see `Ranks.signs`).
    Vectors are written to `out` if given. Raises BadInput as `similarity` does.
    """
    return _prepared(checked_rdms(rdms, names), measure, names, 0, out)


def vector_length(n_pairs: int, measure: Measure) -> int:
    """The length of the vector that `prepared` makes of an RDM with P = `n_pairs`."""
    return n_pairs + (condition_count(n_pairs) if measure in GRAM_MEASURES else 0)


def sum_squares_without_ties(n_pairs: int) -> float:
    """The sum of squares of the doubled centred ranks 1 to P = `n_pairs`, which rho-a uses for ties too."""
    return (float(n_pairs) ** 3 - n_pairs) / 3


def _prepared(
    rows: NDArray[np.generic],
    measure: Measure,
    names: Sequence[str] | None,
    first_row: int,
    out: FloatArray | None = None,
) -> Ranks:
    n_pairs = rows.shape[1]
    if measure in RANK_MEASURES:
        ranks = ranked_rows(rows, names, first_row, out)
        if measure == "spearman":
            return ranks
        if measure in SIGN_MEASURES:
            return Ranks(ranks.centred, np.ones(len(rows)), signs=True)
        return Ranks(ranks.centred, np.full(len(rows), sum_squares_without_ties(n_pairs)))
    values = np.empty((len(rows), vector_length(n_pairs, measure))) if out is None else out
    sum_squares = np.empty(len(rows))

    def prepare(some: slice) -> None:
        for index, row in enumerate(rows[some], some.start):
            values[index] = vector_of(scaled(row, names, first_row + index), measure)
        sum_squares[some] = np.einsum("ij,ij->i", values[some], values[some])

    in_threads(prepare, blocks_to_sort(*rows.shape))
    short = np.flatnonzero(sum_squares <= _ROUNDING**2 * n_pairs)
    if short.size:
        raise _no_vector(rows[short[0]], measure, names, first_row + int(short[0]))
    return Ranks(values, sum_squares)


def scaled(row: NDArray[Any], names: Sequence[str] | None, index: int) -> FloatArray:
    """The RDM (P,) divided by its largest magnitude; no measure depends on it, but squares may overflow.

    Raises BadInput if all dissimilarities are 0.
    """
    values = row.astype(np.float64)
    largest = np.abs(values).max()
    if largest == 0:
        raise all_equal(row, names, index)
    values /= largest
    return values


def vector_of(rdm: FloatArray, measure: Measure) -> FloatArray:
    """The vector of one RDM (P,) under a measure that does not rank."""
    if measure == "cosine":
        return rdm
    if measure == "pearson":
        return rdm - rdm.mean()
    once = np.ones((1, condition_count(len(rdm))))
    if measure == "cka_debiased":
        return np.asarray(u_centred(rdm, once)[0])
    gram = centred_gram(rdm - rdm.mean() if measure == "whitened_correlation" else rdm, once)[0]
    # Each pair stands for both triangles of the matrix.
    gram[: len(rdm)] *= np.sqrt(2)
    return np.asarray(gram)


def _no_vector(
    row: NDArray[np.generic], measure: Measure, names: Sequence[str] | None, index: int
) -> BadInput:
    if row.min() == row.max():
        return all_equal(row, names, index)
    return BadInput(
        f"{row_name(names, index)} cannot be compared by {measure}",
        expected="dissimilarities with more than an effect of each condition",
        found="none",
        hint="leave it out, or use another measure",
    )
