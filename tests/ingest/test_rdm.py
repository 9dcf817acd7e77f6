"""Condensed RDMs, against scipy and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from alignhouse.ingest.rdm import (
    PATTERNS,
    RowNames,
    compared,
    compared_in_parts,
    gram_in_parts,
    n_conditions,
)
from alignhouse.warehouse.errors import BadInput


def correlation_rdm(
    patterns: np.ndarray, buffer_bytes: int = 2**26, called: RowNames = PATTERNS
) -> np.ndarray:
    return compared(patterns, buffer_bytes, called=called).correlation


def patterns(n: int, n_features: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n_features)) + rng.normal(size=(n, 1))


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(2, 20),
    n_features=st.integers(2, 200),
    seed=st.integers(0, 10**6),
    buffer_bytes=st.sampled_from([1, 999, 2**26]),
)
def test_distances_equal_scipys_whatever_the_block(n, n_features, seed, buffer_bytes):
    x = patterns(n, n_features, seed)
    rdm = correlation_rdm(x, buffer_bytes)
    assert rdm.dtype == np.float64
    np.testing.assert_allclose(rdm, pdist(x, "correlation"), rtol=0, atol=1e-12)


def test_single_precision_patterns_are_computed_in_double():
    x = (patterns(6, 5000) + 1000).astype(np.float32)
    np.testing.assert_allclose(correlation_rdm(x), pdist(x.astype(np.float64), "correlation"), atol=1e-12)
    half = patterns(5, 3000).astype(np.float16)
    np.testing.assert_allclose(
        correlation_rdm(half), 1 - np.corrcoef(half.astype(float))[np.triu_indices(5, 1)], atol=1e-12
    )


def test_equal_and_opposite_patterns_are_exactly_zero_to_two():
    x = patterns(1, 30)[0]
    rdm = correlation_rdm(np.stack([x, 3 * x + 1, -x]))
    np.testing.assert_allclose(rdm, [0, 2, 2], atol=1e-15)
    assert rdm.min() >= 0
    assert rdm.max() <= 2


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6 / 3])
def test_constant_patterns_are_named(constant):
    x = patterns(5, 1001)
    x[[1, 3]] = constant
    for dtype in (np.float64, np.float32):
        with pytest.raises(BadInput, match="row 2, 4 of 5: expected values that differ"):
            correlation_rdm(x.astype(dtype), buffer_bytes=5000)


def test_patterns_have_the_names_that_the_caller_gives_them():
    x = patterns(12, 40)
    x[4:11] = 0.5
    called = RowNames("patterns of s1, V1, stimulus", [f"clip_{row}" for row in range(12)])
    message = (
        "of s1, V1, stimulus clip_4, clip_5, clip_6, clip_7, clip_8 and 2 more: expected values that differ"
    )
    with pytest.raises(BadInput, match=message):
        correlation_rdm(x, called=called)
    with pytest.raises(BadInput, match="of s1, V1, stimulus clip_4, clip_5: expected values that differ"):
        compared_in_parts(lambda start, stop: x[start:stop], 12, 3, called=called)


def test_a_pattern_that_barely_varies_is_not_constant():
    x = patterns(3, 50)
    x[1] = 1000
    x[1, 7] = np.nextafter(np.float32(1000), np.float32(2000))
    np.testing.assert_allclose(correlation_rdm(x), pdist(x, "correlation"), atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_named(bad):
    x = patterns(4, 6)
    x[2, 5] = bad
    with pytest.raises(BadInput, match="row 3 of 4: expected finite"):
        correlation_rdm(x)
    x[2, 4] = -bad
    with pytest.raises(BadInput, match="row 3 of 4: expected finite"):
        correlation_rdm(x)


def test_values_too_large_to_square_are_named():
    x = patterns(3, 5)
    x[0] *= 1e200
    with np.errstate(over="ignore"), pytest.raises(BadInput, match="row 1 of 3"):
        correlation_rdm(x)


@pytest.mark.parametrize("shape", [(3,), (1, 5), (5, 1), (2, 3, 4)])
def test_patterns_of_another_shape_are_refused(shape):
    with pytest.raises(BadInput, match="patterns for an RDM"):
        correlation_rdm(np.zeros(shape))


@given(st.integers(2, 3000))
def test_the_number_of_conditions_comes_back_from_the_number_of_pairs(n):
    assert n_conditions(n * (n - 1) // 2) == n
    if n > 2:
        with pytest.raises(BadInput, match="pairs"):
            n_conditions(n * (n - 1) // 2 + 1)


@pytest.mark.parametrize("n_pairs", [0, -1, 2, 100])
def test_a_number_of_pairs_that_no_rdm_has_is_refused(n_pairs):
    with pytest.raises(BadInput):
        n_conditions(n_pairs)


@pytest.mark.parametrize("rows_at_once", [1, 2, 5, 12, 100])
def test_an_rdm_of_patterns_read_in_parts_is_that_of_all_at_once(rows_at_once):
    patterns = np.random.default_rng(0).normal(size=(12, 40)) + 5
    asked = []

    def read(start, stop):
        asked.append(stop - start)
        return patterns[start:stop].astype(np.float32)

    rdm = compared_in_parts(read, 12, rows_at_once).correlation
    np.testing.assert_allclose(
        rdm, pdist(patterns.astype(np.float32).astype(float), "correlation"), atol=1e-12
    )
    assert max(asked) <= rows_at_once


@pytest.mark.parametrize(("value", "message"), [(np.nan, "NaN"), (np.inf, "NaN"), (None, "same value")])
def test_patterns_read_in_parts_are_refused_by_their_row_of_all(value, message):
    patterns = np.random.default_rng(0).normal(size=(7, 9))
    if value is None:
        patterns[5] = 0.1
    else:
        patterns[5, 3] = value
    with pytest.raises(BadInput, match=f"row 6 of 7.*{message}"), np.errstate(invalid="ignore"):
        compared_in_parts(lambda start, stop: patterns[start:stop], 7, 3)


def test_inner_products_in_parts_are_those_of_all_at_once():
    rows = np.random.default_rng(0).normal(size=(11, 6))
    for at_once in (1, 4, 11, 50):
        np.testing.assert_allclose(
            gram_in_parts(lambda start, stop: rows[start:stop], 11, at_once), rows @ rows.T, atol=1e-14
        )


@pytest.mark.parametrize("rows_at_once", [None, 3, 7])
def test_what_other_distances_need_is_that_of_the_centred_patterns(rows_at_once: int | None) -> None:
    x = np.random.default_rng(2).normal(3, 2, size=(7, 40)).astype(np.float32)
    if rows_at_once is None:
        found = compared(x, 500)
    else:
        found = compared_in_parts(lambda start, stop: x[start:stop], 7, rows_at_once)
    centred = x.astype(float) - x.astype(float).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found.gram, centred @ centred.T, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.means, x.astype(float).mean(axis=1), rtol=1e-13)
    assert found.width == 40
