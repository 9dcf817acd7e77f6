"""Rows of numbers in ascending order, several at a time: what all ranks begin with."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.threads import slices

# Values that one thread sorts at a time: enough that waiting for Python's lock does not matter, few enough
# for the processor's cache (measured).
VALUES_A_BLOCK = 80_000
# Shorter rows are sorted as they are.
FEWEST_VALUES = 1024
# Of longer ones, too many fall on one step of 16 bits.
MOST_VALUES_OF_ONE_DIGIT = 2**13
DIGIT = 16


class Ascending(NamedTuple):
    """Rows (m, P) in ascending order.

    places : (m, P) intp, where each value stood among all values of the rows, counted row by row.
    values : (m, P), the values.
    is_new : (m, P) bool, whether a value differs from the one before it; the first of a row does.
    """

    places: NDArray[np.intp]
    values: NDArray[Any]
    is_new: NDArray[np.bool_]


def blocks_to_sort(n_rows: int, n_values: int) -> list[slice]:
    """The rows of a table in blocks that one thread sorts at a time."""
    return slices(n_rows, max(1, VALUES_A_BLOCK // n_values))


def ascending(rows: NDArray[Any]) -> Ascending:
    """`rows` (m, P) of finite real numbers in ascending order; equal ones in any.

    Numbers of 16 bits are sorted by counting, several times as fast as floats. So rows are first sorted by
    where their values lie between the lowest and the highest, in one or two such numbers, and the few that
    are then out of order are put right by a sort that is fast on what is nearly sorted.
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
    """Places of the rows' values in about ascending order."""
    n_values = rows.shape[1]
    low, high = (each.astype(np.float64)[:, None] for each in (rows.min(axis=1), rows.max(axis=1)))
    with np.errstate(over="ignore"):
        span = high - low
    # Of a span less than this, the inverse may be infinite.
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
    # Within bounds: "clip" only spares numpy looking.
    return np.take(values, places, mode="clip")
