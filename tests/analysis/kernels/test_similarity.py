"""Spearman correlation of many RDMs, against scipy and rsatoolbox."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from alignhouse.analysis.kernels.similarity import condition_count, rank, spearman
from alignhouse.warehouse.errors import BadInput

# A few integers tie often; floats of all sizes, including subnormal ones, rarely tie.
values = st.one_of(st.integers(-3, 3).map(float), st.floats(allow_nan=False, allow_infinity=False, width=32))
pairs_of_rdms = st.integers(6, 40).flatmap(lambda p: arrays(np.float64, (5, p), elements=values))


@settings(max_examples=40, deadline=None)
@given(pairs_of_rdms)
def test_rho_equals_scipy_ties_included(rdms: NDArray[np.float64]) -> None:
    assume((rdms.min(axis=1) < rdms.max(axis=1)).all())
    expected = spearmanr(rdms, axis=1).statistic
    np.testing.assert_allclose(spearman(rdms[:2], rdms[2:]), expected[:2, 2:], rtol=0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(pairs_of_rdms)
def test_ranks_are_scipys_doubled_and_centred(rdms: NDArray[np.float64]) -> None:
    assume((rdms.min(axis=1) < rdms.max(axis=1)).all())
    expected = 2 * rankdata(rdms, axis=1) - (rdms.shape[1] + 1)
    np.testing.assert_array_equal(rank(rdms).centred, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8])
def test_any_real_dtype_ranks_the_same(dtype: type) -> None:
    whole = np.random.default_rng(0).integers(0, 50, (3, 45))
    expected = rank(whole.astype(np.float64)).centred
    np.testing.assert_array_equal(rank(whole.astype(dtype)).centred, expected)


def test_float32_rdms_that_tie_by_rounding_equal_scipy() -> None:
    rdms = np.random.default_rng(1).random((2, 5151)).astype(np.float16).astype(np.float32)
    assert len(np.unique(rdms[0])) < 5151
    expected = spearmanr(rdms[0], rdms[1]).statistic
    assert spearman(rdms[:1], rdms[1:])[0, 0] == pytest.approx(expected, abs=1e-12)


def test_rho_equals_rsatoolbox(simulated_rdms: Any) -> None:
    rsatoolbox = pytest.importorskip("rsatoolbox")
    models, brain = simulated_rdms(3, 12, 0, ties=True), simulated_rdms(4, 12, 1, ties=True)
    as_rdms = rsatoolbox.rdm.RDMs
    expected = rsatoolbox.rdm.compare(as_rdms(models), as_rdms(brain), method="spearman")
    np.testing.assert_allclose(spearman(models, brain), expected, atol=1e-12)


def test_a_monotone_change_of_the_rdm_changes_nothing(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(3, 12, 0, ties=True), simulated_rdms(4, 12, 1)
    np.testing.assert_array_equal(spearman(np.exp(3 * models) - 7, np.sqrt(brain)), spearman(models, brain))


def test_the_order_of_the_stimuli_changes_nothing(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(3, 12, 0, ties=True), simulated_rdms(4, 12, 1, ties=True)
    order = np.random.default_rng(2).permutation(models.shape[1])
    np.testing.assert_array_equal(spearman(models[:, order], brain[:, order]), spearman(models, brain))


def test_an_rdm_correlates_with_itself_at_exactly_one(simulated_rdms: Any) -> None:
    rdms = simulated_rdms(20, 15, 0, ties=True)
    np.testing.assert_array_equal(np.diagonal(spearman(rdms, rdms)), 1.0)
    np.testing.assert_array_equal(np.diagonal(spearman(rdms, -rdms)), -1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_names_the_rdm_and_the_pair(simulated_rdms: Any, bad: float) -> None:
    rdms = simulated_rdms(3, 6, 0)
    rdms[1, 4] = bad
    with pytest.raises(BadInput, match=r"RDM of conv2 .* 1 of 15 NaN or infinite, the first at pair 4"):
        spearman(rdms, rdms[:1], a_names=["conv1", "conv2", "fc"])


def test_a_constant_rdm_is_named(simulated_rdms: Any) -> None:
    rdms = simulated_rdms(3, 6, 0)
    rdms[2] = 0.3
    with pytest.raises(BadInput, match=r"RDM of sub-03 .*15 times 0\.3"):
        spearman(rdms[:2], rdms, b_names=["sub-01", "sub-02", "sub-03"])
    with pytest.raises(BadInput, match="RDM in row 2"):
        rank(rdms)


def test_rdms_of_different_conditions_are_refused(simulated_rdms: Any) -> None:
    with pytest.raises(BadInput, match="expected 15 pairs in both, found 21"):
        spearman(simulated_rdms(2, 6, 0), simulated_rdms(2, 7, 0))


def test_three_conditions_are_too_few(simulated_rdms: Any) -> None:
    with pytest.raises(BadInput, match="at least 4 conditions"):
        rank(simulated_rdms(2, 3, 0))


@pytest.mark.parametrize(
    "wrong", [np.zeros(15), np.zeros((0, 15)), np.zeros((2, 15), complex), np.full((2, 15), "x")]
)
def test_what_is_not_a_table_of_numbers_is_refused(wrong: NDArray[Any]) -> None:
    with pytest.raises(BadInput, match="real numbers"):
        rank(wrong)


def test_names_must_be_as_many_as_the_rows(simulated_rdms: Any) -> None:
    with pytest.raises(BadInput, match="names of RDMs: expected 2, one a row, found 1"):
        rank(simulated_rdms(2, 6, 0), ["conv1"])


def test_the_number_of_conditions_follows_from_the_number_of_pairs() -> None:
    assert [condition_count(n * (n - 1) // 2) for n in (4, 24, 102, 1102)] == [4, 24, 102, 1102]


@pytest.mark.parametrize(
    ("n_pairs", "message"), [(7, "whole number n"), (3, "at least 4"), (0, "at least 4")]
)
def test_a_length_that_no_rdm_has_is_refused(n_pairs: int, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        condition_count(n_pairs)
