"""Representational dissimilarity matrices (RDMs), condensed.

A condensed RDM is the upper triangle of the square one, row by row: P = n(n-1)/2 pairs of n conditions, in
the order of scipy's `squareform`. It is float64, since rounding would tie ranks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from alignhouse.ingest.inner_products import of_pairs
from alignhouse.warehouse.errors import BadInput

ReadRows = Callable[[int, int], np.ndarray]
"""(start, stop) -> the rows from start to before stop, (stop - start, V)."""

# Rounding to float32 makes an RDM asymmetric by about 1e-7, and its diagonal as far from zero.
TOLERANCE = 1e-6
# A spread below this share of the mean is rounding error of the sum in float64.
_ROUNDING = 1e-13


@dataclass(frozen=True)
class RowNames:
    """What the rows of an RDM are called in errors. names : of each row; (): rows are counted from 1."""

    what: str = "patterns for an RDM, row"
    names: Sequence[str] = ()


PATTERNS = RowNames()


@dataclass(frozen=True)
class Compared:
    """The patterns of n conditions over V features, compared with each other; all float64.

    correlation : (P,), 1 - Pearson's r (Kriegeskorte et al. 2008).
    gram : (n, n), inner products of the patterns after subtracting each pattern's mean. means : (n,).
    """

    correlation: np.ndarray
    gram: np.ndarray
    means: np.ndarray
    width: int


def compared(patterns: np.ndarray, buffer_bytes: int = 2**26, *, called: RowNames = PATTERNS) -> Compared:
    """Compare patterns, in float64 whatever the input's dtype.

    Parameters
    ----------
    patterns : (n, V), n and V at least 2.
    buffer_bytes : patterns are read in blocks of features that, in float64, take at most this.
    called : the names of patterns in errors.

    Raises
    ------
    BadInput : a pattern is constant, or has NaN or infinite values; the error names it.
    """
    if patterns.ndim != 2 or min(patterns.shape) < 2:
        raise BadInput(
            "patterns for an RDM", expected="(n, V), both at least 2", found=f"shape {patterns.shape}"
        )
    n, n_features = patterns.shape
    step = max(1, buffer_bytes // (8 * n))
    blocks = [slice(start, start + step) for start in range(0, n_features, step)]

    total = np.zeros(n)
    with np.errstate(invalid="ignore"):  # infinities of both signs: refused below
        for block in blocks:
            total += patterns[:, block].sum(axis=1, dtype=np.float64)
    mean = total / n_features
    refuse_rows(~np.isfinite(mean), called, "finite numbers", "NaN or infinite values")
    gram = np.zeros((n, n))
    for block in blocks:
        centred = patterns[:, block].astype(np.float64) - mean[:, None]
        gram += centred @ centred.T
    norm = np.sqrt(np.diagonal(gram))
    refuse_rows(~np.isfinite(norm), called, "numbers whose squares fit in float64", "larger ones")
    constant = norm <= _ROUNDING * np.abs(mean) * math.sqrt(n_features)
    refuse_rows(constant, called, "values that differ", "the same value everywhere")
    correlation = of_pairs(
        n, lambda row, later: 1 - np.clip(gram[row, later] / norm[row] / norm[later], -1, 1)
    )
    return Compared(correlation, gram, mean, n_features)


def with_gaps(rdm: np.ndarray, there: np.ndarray) -> np.ndarray:
    """An RDM of some of n conditions as one of all n, with NaN for the pairs of the others: (P,) float64.

    Parameters
    ----------
    rdm : condensed, of the conditions that are there, in their order. there : (n,) bool.
    """
    row, column = np.triu_indices(len(there), k=1)
    spread = np.full(len(row), np.nan)
    spread[there[row] & there[column]] = rdm
    return spread


def reordered(rdms: np.ndarray, n: int, order: np.ndarray) -> np.ndarray:
    """Condensed RDMs (..., P) of n conditions, with the conditions `order`: all or some of them, each once.

    Parameters
    ----------
    order : (k,) indices of conditions; the result is (..., k(k-1)/2).
    """
    first, second = np.triu_indices(len(order), k=1)
    low, high = np.minimum(order[first], order[second]), np.maximum(order[first], order[second])
    return rdms[..., low * n - low * (low + 1) // 2 + high - low - 1]


def compared_in_parts(read: ReadRows, n: int, rows_at_once: int, *, called: RowNames = PATTERNS) -> Compared:
    """As `compared`, but reads `rows_at_once` patterns at a time; at most two blocks are in memory."""
    means, norms = np.empty(n), np.empty(n)
    width = 0

    def standardised(start: int, stop: int) -> np.ndarray:
        nonlocal width
        patterns = np.asarray(read(start, stop), dtype=np.float64)
        width = patterns.shape[1]
        mean = patterns.mean(axis=1, keepdims=True)
        centred = patterns - mean
        norm = np.linalg.norm(centred, axis=1)
        all_rows = np.zeros(n, dtype=bool)
        all_rows[start:stop] = ~np.isfinite(norm)
        refuse_rows(all_rows, called, "finite numbers", "NaN or infinite values")
        all_rows[start:stop] = norm <= _ROUNDING * np.abs(mean[:, 0]) * math.sqrt(patterns.shape[1])
        refuse_rows(all_rows, called, "values that differ", "the same value everywhere")
        means[start:stop], norms[start:stop] = mean[:, 0], norm
        return centred / norm[:, None]

    r = gram_in_parts(standardised, n, rows_at_once)
    correlation = of_pairs(n, lambda row, later: 1 - np.clip(r[row, later], -1, 1))
    return Compared(correlation, r * norms[:, None] * norms, means, width)


def gram_in_parts(read: ReadRows, n: int, rows_at_once: int) -> np.ndarray:
    """Inner products of n rows, (n, n) float64; at most 2 * `rows_at_once` rows are in memory."""
    gram = np.empty((n, n))
    starts = range(0, n, max(1, rows_at_once))
    for start in starts:
        stop = min(n, start + starts.step)
        rows = read(start, stop)
        gram[start:stop, start:stop] = rows @ rows.T
        for later in range(stop, n, starts.step):
            end = min(n, later + starts.step)
            gram[start:stop, later:end] = rows @ read(later, end).T
            gram[later:end, start:stop] = gram[start:stop, later:end].T
    return gram


def n_conditions(n_pairs: int) -> int:
    """The number of conditions of a condensed RDM with `n_pairs` values; BadInput if no n fits."""
    n = (1 + math.isqrt(1 + 8 * n_pairs)) // 2 if n_pairs > 0 else 0
    if n_pairs <= 0 or n * (n - 1) // 2 != n_pairs:
        raise BadInput("a condensed RDM", expected="n(n-1)/2 pairs", found=f"{n_pairs:,}")
    return n


def refuse_rows(bad: np.ndarray, called: RowNames, expected: str, found: str) -> None:
    """Raise BadInput if any row is bad, (n,) bool; the error names the first five."""
    rows = np.flatnonzero(bad)
    if len(rows):
        more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
        if called.names:
            which = ", ".join(called.names[row] for row in rows[:5]) + more
        else:
            which = ", ".join(str(row + 1) for row in rows[:5]) + more + f" of {len(bad)}"
        raise BadInput(f"{called.what} {which}", expected=expected, found=found)
