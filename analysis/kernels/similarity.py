"""Similarity of many RDMs: each RDM is ranked or centred once, then one matrix product compares all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.devices import Precision, times, to_device, to_numpy
from alignhouse.analysis.kernels.kendall import tau_a
from alignhouse.analysis.kernels.sorting import ascending, blocks_to_sort
from alignhouse.analysis.kernels.threads import in_threads, slices
from alignhouse.warehouse.errors import BadInput

FloatArray = NDArray[np.float64]

DEFAULT_MEMORY = 256 * 2**20

COLUMNS_A_PRODUCT = 2**10
MOST_PRODUCTS = 64

# Three conditions have three pairs, too few for a useful rank correlation.
FEWEST_CONDITIONS = 4
FEWEST_PAIRS = FEWEST_CONDITIONS * (FEWEST_CONDITIONS - 1) // 2


@dataclass(frozen=True)
class Ranks:
    """Ranked vectors that are ready to correlate.

    Attributes
    ----------
    centred : (m, P) float64 (or float32, exact below 2^24 pairs), doubled tie-averaged ranks minus their
        mean. These are whole numbers, and each row sums to 0.
    sum_squares : (m,) float64, the sum of squares of each row.

    signs : whether the signs of the differences of entries are compared instead of the entries, as for
        Kendall's tau-a. Then only the order of ranks counts, and `sum_squares` are 1.

    Vectors of other measures (see `measures.prepared`) use the same record.
    """

    centred: NDArray[np.floating]
    sum_squares: FloatArray
    signs: bool = False

    def unit(self) -> FloatArray:
        """The rows scaled to length 1, (m, P): the dot product of two of them is their Spearman rho."""
        return self.centred / np.sqrt(self.sum_squares)[:, None]


def pair_count(n: int) -> int:
    """The number of pairs of n conditions, n (n - 1) / 2: the length of a condensed RDM."""
    return n * (n - 1) // 2


def condition_count(n_pairs: int) -> int:
    """The number n of conditions whose upper triangle has `n_pairs` = n (n - 1) / 2 entries.

    Raises BadInput if no whole n of at least 4 fits.
    """
    n = (1 + isqrt(1 + 8 * n_pairs)) // 2
    if pair_count(n) != n_pairs:
        raise BadInput(
            "length of a condensed RDM",
            expected="n (n - 1) / 2 for a whole number n of conditions",
            found=n_pairs,
            hint="pass the upper triangle without the diagonal, row by row",
        )
    if n < FEWEST_CONDITIONS:
        raise BadInput("conditions of an RDM", expected=f"at least {FEWEST_CONDITIONS}", found=n)
    return n


def rank(vectors: ArrayLike, names: Sequence[str] | None = None, *, out: FloatArray | None = None) -> Ranks:
    """Rank each row of `vectors` (m, P); tied values share their average rank.

    Errors use `names` (m) for the rows. The ranks are written to `out` (m, P) if given. Raises BadInput, with
    the name of the row, for NaN or infinity, for a row whose values are all equal, for fewer than 4
    conditions (6 pairs), and for input that is not (m, P) real numbers.
    """
    return ranked_rows(checked_rdms(vectors, names), names, out=out)


def ranked_rows(
    rows: NDArray[np.generic],
    names: Sequence[str] | None,
    first_row: int = 0,
    out: FloatArray | None = None,
) -> Ranks:
    n_rows, n_pairs = rows.shape
    centred = np.empty(rows.shape) if out is None else out
    sum_squares = np.empty(n_rows)
    untied = np.arange(1.0 - n_pairs, n_pairs, 2)

    def rank_some(some: slice) -> None:
        places, _, is_new = ascending(rows[some])
        ranks = centred[some].reshape(-1)
        if is_new.all():
            ranks[places] = untied
        else:
            first = np.flatnonzero(is_new)
            size = np.diff(first, append=is_new.size)
            # Places first .. first+size-1 of a row share the average rank first + (size+1)/2. Doubled, minus
            # the doubled mean rank P+1, this is 2 first + size - P.
            ranks[places.ravel()] = np.repeat(2 * (first % n_pairs) + size - n_pairs, size)
        sum_squares[some] = np.einsum("ij,ij->i", centred[some], centred[some])

    in_threads(rank_some, blocks_to_sort(n_rows, n_pairs))
    if not sum_squares.all():
        index = int(np.argmin(sum_squares))
        raise all_equal(rows[index], names, first_row + index)
    return Ranks(centred, sum_squares)


def correlate(
    a: Ranks, b: Ranks, *, precision: Precision = "float64", device: str | None = None
) -> FloatArray:
    """Spearman rho of every row of `a` (m, P) with every row of `b` (k, P): (m, k) float64 in [-1, 1].

    It is the similarity by another measure if these are its vectors (see `measures.prepared`).
    `precision` and `device` apply to the matrix product (see `similarity`). Raises BadInput if the lengths P
    differ.
    """
    check_lengths(a.centred.shape[1], b.centred.shape[1])
    if a.signs:
        return tau_a(a.centred, b.centred, memory=DEFAULT_MEMORY, device=device)
    if precision == "float64" and device is None and b.centred.dtype != np.float64:
        return _scaled(_product_with_single(a.centred, b.centred), a, b)
    return correlated(a, b, moved(b, precision, device), precision, device)


def _product_with_single(a: NDArray[np.floating], b: NDArray[np.floating]) -> FloatArray:
    """`a` (m, P) times `b` (k, P) in double precision: (m, k). The result does not depend on the threads.

    `b` may be in single precision, because all ranks of many stimuli would not fit in memory in double.
    """
    parts = slices(b.shape[1], max(COLUMNS_A_PRODUCT, b.shape[1] // MOST_PRODUCTS))
    products = np.empty((len(parts), len(a), len(b)))

    def multiply(part: tuple[int, slice]) -> None:
        index, some = part
        np.matmul(a[:, some], b[:, some].T.astype(np.float64), out=products[index])

    in_threads(multiply, list(enumerate(parts)))
    return np.asarray(products.sum(axis=0))


def spearman(
    a: ArrayLike,
    b: ArrayLike,
    *,
    a_names: Sequence[str] | None = None,
    b_names: Sequence[str] | None = None,
) -> FloatArray:
    """Spearman rho of every row of `a` (m, P) with every row of `b` (k, P): (m, k) float64.

    Ties share their average rank (Kendall & Gibbons 1990), so this is Pearson's r of the ranks. Errors use
    `a_names` and `b_names` for the rows. Raises BadInput as `rank` and `correlate` do.
    """
    return correlate(rank(a, a_names), rank(b, b_names))


def moved(rows: Ranks, precision: Precision, device: str | None) -> Any:
    """The rows (m, P) to multiply, in `precision` on `device`."""
    return to_device(rows.unit() if precision == "float32" else rows.centred, device, precision)


def correlated(a: Ranks, b: Ranks, moved_b: Any, precision: Precision, device: str | None) -> FloatArray:
    rho = to_numpy(times(moved(a, precision, device), moved_b.T)).astype(np.float64, copy=False)
    return _scaled(rho, a, b) if precision == "float64" else np.clip(rho, -1.0, 1.0, out=rho)


def _scaled(rho: FloatArray, a: Ranks, b: Ranks) -> FloatArray:
    # The root of the product, not the product of roots, so that a vector correlates with itself at exactly 1.
    rho /= np.sqrt(np.outer(a.sum_squares, b.sum_squares))
    return np.clip(rho, -1.0, 1.0, out=rho)


def check_lengths(a: int, b: int) -> None:
    if a != b:
        raise BadInput(
            "RDMs to correlate",
            expected=f"{a} pairs in both",
            found=b,
            hint="both sides must have the same conditions",
        )


def all_equal(row: NDArray[np.generic], names: Sequence[str] | None, index: int) -> BadInput:
    return BadInput(
        f"{row_name(names, index)} cannot be ranked",
        expected="dissimilarities that differ",
        found=f"{row.size} times {row[0]}",
        hint="its patterns do not distinguish the conditions: leave it out, or correct its source",
    )


def real_rows(vectors: ArrayLike) -> NDArray[np.generic]:
    """`vectors` as an array (m, P) of real numbers with at least one row; BadInput for anything else."""
    rows = np.asarray(vectors)
    if rows.ndim != 2 or rows.dtype.kind not in "fiu" or rows.shape[0] == 0:
        raise BadInput(
            "RDMs to rank",
            expected="real numbers, one condensed RDM a row, at least one row",
            found=f"{rows.dtype} of shape {rows.shape}",
        )
    return rows


def checked_rdms(vectors: ArrayLike, names: Sequence[str] | None) -> NDArray[np.generic]:
    """`vectors` as an array (m, P), checked for everything that ranking needs except rows of equal values."""
    rows = real_rows(vectors)
    if names is not None and len(names) != rows.shape[0]:
        raise BadInput("names of RDMs", expected=f"{rows.shape[0]}, one a row", found=len(names))
    if rows.shape[1] < FEWEST_PAIRS:
        raise BadInput(
            f"{row_name(names, 0)} is too short to rank",
            expected=f"at least {FEWEST_CONDITIONS} conditions ({FEWEST_PAIRS} pairs)",
            found=f"{rows.shape[1]} pairs",
        )
    for index, row in enumerate(rows):
        finite = np.isfinite(row)
        if not finite.all():
            raise BadInput(
                f"{row_name(names, index)} cannot be ranked",
                expected="finite dissimilarities",
                found=f"{np.count_nonzero(~finite)} of {row.size} NaN or infinite, "
                f"the first at pair {int(np.argmin(finite))}",
                hint="pairs are never dropped: correct the source of this RDM, or leave it out",
            )
    return rows


def row_name(names: Sequence[str] | None, index: int) -> str:
    return f"RDM of {names[index]}" if names is not None else f"RDM in row {index}"
