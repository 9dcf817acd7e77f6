"""Sort several rows of numbers at once, the first step of all ranks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.threads import slices

# Values that one thread sorts at a time: enough to amortise Python's lock, few enough for the CPU cache
# (measured).
VALUES_A_BLOCK = 80_000
# Shorter rows are sorted directly.
FEWEST_VALUES = 1024
# In longer rows, too many values share one 16-bit digit.
MOST_VALUES_OF_ONE_DIGIT = 2**13
DIGIT = 16


class Ascending(NamedTuple):
    """Rows (m, P) in ascending order.

    places : (m, P) intp, the former flat index of each value.
    values : (m, P), the sorted values.
    is_new : (m, P) bool, whether a value differs from the previous one; True for the first of a row.
    """

    places: NDArray[np.intp]
    values: NDArray[Any]
    is_new: NDArray[np.bool_]


def blocks_to_sort(n_rows: int, n_values: int) -> list[slice]:
    """Slices of rows, each of a size that one thread sorts at a time."""
    return slices(n_rows, max(1, VALUES_A_BLOCK // n_values))


def ascending(rows: NDArray[Any]) -> Ascending:
    """Sort `rows` (m, P) of finite real numbers in ascending order; the order of equal values is undefined.

    numpy sorts 16-bit integers by counting, several times as fast as floats. Values are therefore scaled to
    one or two 16-bit digits and sorted by these. A stable sort, fast on nearly sorted data, then corrects the
    few values that are still out of order.
    """
    n_rows, n_values = rows.shape
    rows = np.ascontiguousarray(rows)
    starts = (np.arange(n_rows) * n_values)[:, None]
    places = _nearly_sorted(rows, starts)
    values = _taken(rows, places)
    if (values[:, 1:] < values[:, :-1]).any():
        order = np.argsort(values, axis=1, kind="stable")
        order += starts
        places, values = _taken(places, order), _taken(values, order)
    is_new = np.empty(rows.shape, np.bool_)
    is_new[:, 0] = True
    np.not_equal(values[:, 1:], values[:, :-1], out=is_new[:, 1:])
    return Ascending(places, values, is_new)


def _nearly_sorted(rows: NDArray[Any], starts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Flat indices of the values of each row in approximately ascending order."""
    n_values = rows.shape[1]
    low, high = (each.astype(np.float64)[:, None] for each in (rows.min(axis=1), rows.max(axis=1)))
    with np.errstate(over="ignore"):
        span = high - low
    # The inverse of a smaller span may be infinite.
    if n_values < FEWEST_VALUES or not ((span > 1e-280) & np.isfinite(span)).all():
        return np.argsort(rows, axis=1) + starts
    digits = 1 if n_values <= MOST_VALUES_OF_ONE_DIGIT else 2
    steps = (rows - low) * ((2.0 ** (DIGIT * digits) - 1) / span)
    if digits == 1:
        return np.argsort(steps.astype(np.uint16), axis=1, kind="stable") + starts
    whole = steps.astype(np.uint32)
    # Sorting by the low digit and then, stably, by the high one sorts by both.
    lower = np.argsort(whole.astype(np.uint16), axis=1, kind="stable") + starts
    upper = _taken((whole >> np.uint32(DIGIT)).astype(np.uint16), lower)
    return _taken(lower, np.argsort(upper, axis=1, kind="stable") + starts)


def _taken(values: NDArray[Any], places: NDArray[np.intp]) -> NDArray[Any]:
    # All indices are valid: "clip" only skips numpy's bounds check.
    return np.take(values, places, mode="clip")
