"""Rows are sorted in ascending order for all kinds of values."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from alignhouse.analysis.kernels.sorting import ascending

KINDS = ("spread", "crowded", "tied", "negative", "whole", "large whole", "huge", "constant", "single")


def row_of(kind: str, size: int, seed: int) -> NDArray[np.generic]:
    rng = np.random.default_rng(seed)
    return {
        "spread": lambda: rng.random(size),
        "crowded": lambda: 1 + rng.exponential(size=size) ** 9 * 1e-12,
        "tied": lambda: rng.integers(0, 3, size) / 3,
        "negative": lambda: -rng.random(size) * 1e-300,
        "whole": lambda: rng.integers(-128, 128, size).astype(np.int8),
        "large whole": lambda: rng.integers(0, 2**64, size, dtype=np.uint64),
        "huge": lambda: rng.choice([-1.7e308, 0.0, 1.7e308], size),
        "constant": lambda: np.full(size, 0.1),
        "single": lambda: rng.random(size).astype(np.float32),
    }[kind]()


@pytest.mark.parametrize("size", [6, 300, 5151, 70_000])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_sorted_however_their_values_lie(kind: str, size: int) -> None:
    rows = np.stack([row_of(kind, size, seed) for seed in range(3)])
    places, values, is_new = ascending(rows)
    np.testing.assert_array_equal(values, np.sort(rows, axis=1))
    np.testing.assert_array_equal(rows.ravel()[places], values)
    np.testing.assert_array_equal(np.sort(places, axis=1), np.arange(3 * size).reshape(3, size))
    for row, new in zip(rows, is_new, strict=True):
        np.testing.assert_array_equal(np.flatnonzero(new), np.unique(np.sort(row), return_index=True)[1])


def test_rows_of_other_sizes_of_value_are_sorted_together() -> None:
    rows = np.random.default_rng(0).normal(size=(3, 2000)) * np.array([[1e-12], [1], [1e12]])
    np.testing.assert_array_equal(ascending(rows).values, np.sort(rows, axis=1))


def test_a_table_that_is_a_view_of_another_is_sorted() -> None:
    table = np.random.default_rng(0).random((1500, 6))
    np.testing.assert_array_equal(ascending(table.T).values, np.sort(table, axis=0).T)
