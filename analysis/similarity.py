"""Spearman correlation between many RDMs at once: rank each once, then one matrix product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from warehouse.errors import BadInput

FloatArray = NDArray[np.float64]

# Three conditions have three pairs: too few to rank in any useful way.
FEWEST_CONDITIONS = 4
FEWEST_PAIRS = FEWEST_CONDITIONS * (FEWEST_CONDITIONS - 1) // 2


@dataclass(frozen=True)
class Ranks:
    """Ranked vectors, ready to correlate.

    Attributes
    ----------
    centred : (m, P) float64, doubled tie-averaged ranks less their mean: whole numbers, each row sums to 0.
    sum_squares : (m,) float64, the sum of squares of each row.
    """

    centred: FloatArray
    sum_squares: FloatArray

    def unit(self) -> FloatArray:
        """The rows scaled to length 1, (m, P): the dot product of two of them is their Spearman rho."""
        return self.centred / np.sqrt(self.sum_squares)[:, None]


def condition_count(n_pairs: int) -> int:
    """The number n of conditions whose upper triangle has `n_pairs` = n (n - 1) / 2 entries.

    Raises BadInput where no whole n of at least 4 fits.
    """
    n = (1 + isqrt(1 + 8 * n_pairs)) // 2
    if n * (n - 1) // 2 != n_pairs:
        raise BadInput(
            "length of a condensed RDM",
            expected="n (n - 1) / 2 for a whole number n of conditions",
            found=n_pairs,
            hint="pass the upper triangle without the diagonal, row by row",
        )
    if n < FEWEST_CONDITIONS:
        raise BadInput("conditions of an RDM", expected=f"at least {FEWEST_CONDITIONS}", found=n)
    return n


def rank(vectors: ArrayLike, names: Sequence[str] | None = None) -> Ranks:
    """Rank each row of `vectors` (m, P), ties sharing their average rank.

    `names` (m) are what errors call the rows. Raises BadInput, naming the row, for NaN or infinity, for a row
    whose values are all equal, for fewer than 4 conditions (6 pairs), and for what is not (m, P) reals.
    """
    rows = _checked(vectors, names)
    n_pairs = rows.shape[1]
    centred = np.empty(rows.shape, dtype=np.float64)
    for row, out in zip(rows, centred, strict=True):
        order = np.argsort(row)
        ascending = row[order]
        first = np.flatnonzero(np.concatenate(([True], ascending[1:] != ascending[:-1])))
        size = np.diff(first, append=n_pairs)
        # Places first .. first+size-1 share the average rank first + (size+1)/2; doubled, less the mean, P+1.
        out[order] = np.repeat(2 * first + size - n_pairs, size)
    sum_squares = np.einsum("ij,ij->i", centred, centred)
    if not sum_squares.all():
        index = int(np.argmin(sum_squares))
        raise BadInput(
            f"{_row_name(names, index)} cannot be ranked",
            expected="dissimilarities that differ",
            found=f"{n_pairs} times {rows[index, 0]}",
            hint="its patterns do not tell the conditions apart: leave it out, or mend what made it",
        )
    return Ranks(centred, sum_squares)


def centred_ranks(vectors: ArrayLike, names: Sequence[str] | None = None) -> FloatArray:
    """Doubled, tie-averaged, centred ranks of each row: (m, P) -> (m, P) float64 of whole numbers.

    Doubling makes the half ranks of ties whole, so sums of products are exact up to about 770 conditions,
    whatever the BLAS library or the number of threads. Raises BadInput as `rank` does.
    """
    return rank(vectors, names).centred


def correlate(a: Ranks, b: Ranks) -> FloatArray:
    """Spearman rho of every row of `a` (m, P) with every row of `b` (k, P): (m, k) float64 in [-1, 1].

    Raises BadInput where the lengths P differ.
    """
    if a.centred.shape[1] != b.centred.shape[1]:
        raise BadInput(
            "RDMs to correlate",
            expected=f"{a.centred.shape[1]} pairs in both",
            found=b.centred.shape[1],
            hint="both sides must be of the same conditions",
        )
    rho = a.centred @ b.centred.T
    # One root of the product, not a product of roots: a vector correlates with itself at exactly 1.
    rho /= np.sqrt(np.outer(a.sum_squares, b.sum_squares))
    return np.clip(rho, -1.0, 1.0, out=rho)


def spearman(
    a: ArrayLike,
    b: ArrayLike,
    *,
    a_names: Sequence[str] | None = None,
    b_names: Sequence[str] | None = None,
) -> FloatArray:
    """Spearman rho of every row of `a` (m, P) with every row of `b` (k, P): (m, k) float64.

    Ties share their average rank (Kendall & Gibbons 1990), so this is Pearson's r of the ranks. `a_names` and
    `b_names` are what errors call the rows. Raises BadInput as `rank` and `correlate` do.
    """
    return correlate(rank(a, a_names), rank(b, b_names))


def _checked(vectors: ArrayLike, names: Sequence[str] | None) -> NDArray[np.generic]:
    rows = np.asarray(vectors)
    if rows.ndim != 2 or rows.dtype.kind not in "fiu" or rows.shape[0] == 0:
        raise BadInput(
            "RDMs to rank",
            expected="real numbers, one condensed RDM a row, at least one row",
            found=f"{rows.dtype} of shape {rows.shape}",
        )
    if names is not None and len(names) != rows.shape[0]:
        raise BadInput("names of RDMs", expected=f"{rows.shape[0]}, one a row", found=len(names))
    if rows.shape[1] < FEWEST_PAIRS:
        raise BadInput(
            f"{_row_name(names, 0)} is too short to rank",
            expected=f"at least {FEWEST_CONDITIONS} conditions ({FEWEST_PAIRS} pairs)",
            found=f"{rows.shape[1]} pairs",
        )
    for index, row in enumerate(rows):
        finite = np.isfinite(row)
        if not finite.all():
            raise BadInput(
                f"{_row_name(names, index)} cannot be ranked",
                expected="finite dissimilarities",
                found=f"{np.count_nonzero(~finite)} of {row.size} NaN or infinite, "
                f"the first at pair {int(np.argmin(finite))}",
                hint="pairs are never dropped: mend or leave out what made this RDM",
            )
    return rows


def _row_name(names: Sequence[str] | None, index: int) -> str:
    return f"RDM of {names[index]}" if names is not None else f"RDM in row {index}"
