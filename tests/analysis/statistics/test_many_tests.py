"""Corrections for many tests, against worked examples, scipy and statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from alignhouse.analysis.statistics.many_tests import adjusted_p_values, family_wise_p
from alignhouse.warehouse.errors import BadInput


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("bonferroni", [0.04, 0.16, 0.12, 1.0]),
        ("holm", [0.04, 0.09, 0.09, 0.5]),
        ("benjamini_hochberg", [0.04, 0.16 / 3, 0.16 / 3, 0.5]),
    ],
)
def test_corrections_of_a_worked_example(method: Any, expected: list[float]) -> None:
    np.testing.assert_allclose(adjusted_p_values([0.01, 0.04, 0.03, 0.5], method), expected)


@pytest.mark.parametrize("method", ["bonferroni", "holm", "benjamini_hochberg"])
def test_an_empty_family_of_tests_needs_no_correction(method: Any) -> None:
    assert adjusted_p_values([], method).size == 0


@pytest.mark.parametrize("bad", [[0.1, 1.2], [-0.1], [np.nan], [[0.1]]])
def test_what_is_not_a_row_of_p_values_is_refused(bad: Any) -> None:
    with pytest.raises(BadInput, match="in \\[0, 1\\]"):
        adjusted_p_values(bad, "holm")


def test_benjamini_and_hochberg_as_in_scipy_ties_included() -> None:
    p = np.round(np.random.default_rng(0).random(200) ** 2, 2)
    np.testing.assert_allclose(adjusted_p_values(p, "benjamini_hochberg"), false_discovery_control(p))


@pytest.mark.parametrize(
    ("ours", "theirs"), [("holm", "holm"), ("benjamini_hochberg", "fdr_bh"), ("bonferroni", "bonferroni")]
)
def test_corrections_equal_statsmodels(ours: Any, theirs: str) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = np.round(np.random.default_rng(1).random(100) ** 3, 3)
    expected = multitest.multipletests(p, method=theirs)[1]
    np.testing.assert_allclose(adjusted_p_values(p, ours), expected, rtol=1e-12)


def test_family_wise_p_compares_each_statistic_with_the_highest_null() -> None:
    null = np.array([[0.1, 0.5, 0.2], [0.3, 0.1, 0.1]])
    # The highest of each permutation: 0.3, 0.5, 0.2.
    np.testing.assert_allclose(family_wise_p([0.4, 0.25], null), [2 / 4, 3 / 4])


def test_a_family_of_one_is_an_ordinary_test() -> None:
    null = np.random.default_rng(0).normal(size=(1, 99))
    assert family_wise_p([1.0], null)[0] == (1 + np.count_nonzero(null >= 1.0)) / 100


def test_tests_that_are_one_and_the_same_cost_nothing() -> None:
    null = np.random.default_rng(0).normal(size=(1, 999))
    alone = family_wise_p([2.0], null)[0]
    assert family_wise_p([2.0] * 50, null.repeat(50, axis=0)).tolist() == [alone] * 50
    assert adjusted_p_values([alone] * 50, "bonferroni")[0] > 10 * alone


def test_the_family_wise_error_rate_is_at_most_alpha() -> None:
    rng = np.random.default_rng(0)
    false = 0
    for _ in range(1000):
        shared = rng.normal(size=(1, 100))
        values = rng.normal(size=(10, 100)) + shared
        false += family_wise_p(values[:, 0], values[:, 1:]).min() <= 0.05
    # With 1,000 studies and a true share of .05, the estimate is outside .03 to .07 4 times in 1,000.
    assert 0.03 <= false / 1000 <= 0.07


@pytest.mark.parametrize(
    ("observed", "null"),
    [
        ([0.1], np.zeros((2, 9))),
        ([], np.zeros((0, 9))),
        ([0.1], np.zeros((1, 0))),
        ([0.1], np.zeros(9)),
        ([0.1] * 9, np.zeros(9)),
        ([[0.1]], np.zeros((1, 9))),
    ],
)
def test_families_that_do_not_fit_are_refused(observed: Any, null: Any) -> None:
    with pytest.raises(BadInput, match="family of tests"):
        family_wise_p(observed, null)


def test_nan_is_refused() -> None:
    with pytest.raises(BadInput, match="NaN"):
        family_wise_p([np.nan], np.zeros((1, 9)))
    with pytest.raises(BadInput, match="NaN"):
        family_wise_p([0.1, 0.2], np.array([[0.1], [np.nan]]))


@pytest.mark.parametrize("method", ["bonferroni", "holm", "benjamini_hochberg"])
def test_p_values_of_0_and_1_stay_what_they_are(method: Any) -> None:
    assert adjusted_p_values([1.0, 0.0, 1.0], method).tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("method", ["bonferroni", "holm", "benjamini_hochberg"])
def test_p_values_in_single_precision_are_corrected_in_double(method: Any) -> None:
    p = np.array([0.01, 0.04, 0.03], np.float32)
    adjusted = adjusted_p_values(p, method)
    assert adjusted.dtype == np.float64
    assert adjusted.tolist() == adjusted_p_values(p.astype(np.float64), method).tolist()
