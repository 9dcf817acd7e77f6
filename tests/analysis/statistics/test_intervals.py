"""Intervals from bootstrap samples, against scipy, rsatoolbox and worked numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, t

from alignhouse.analysis.statistics.bootstrap import BootstrapScores
from alignhouse.analysis.statistics.intervals import (
    bias_corrected_interval,
    dual_interval,
    dual_variance,
    expanded_percentile_interval,
    intervals_of,
    percentile_interval,
)
from alignhouse.warehouse.errors import BadInput

METHODS = ("percentile", "expanded_percentile", "bias_corrected")


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_percentiles_are_numpys(level: float) -> None:
    samples = np.random.default_rng(0).normal(size=(3, 4, 101))
    found = percentile_interval(samples, level)
    np.testing.assert_allclose(found.lower, np.quantile(samples, (1 - level) / 2, axis=-1), atol=1e-14)
    np.testing.assert_allclose(found.upper, np.quantile(samples, (1 + level) / 2, axis=-1), atol=1e-14)


@pytest.mark.parametrize(("n", "level"), [(2, 0.9), (10, 0.95), (102, 0.95)])
def test_tails_are_expanded_by_the_formula(n: int, level: float) -> None:
    samples = np.random.default_rng(n).normal(size=(2, 1001))
    tail = norm.cdf(np.sqrt(n / (n - 1)) * t.ppf((1 - level) / 2, n - 1))
    found = expanded_percentile_interval(samples, n, level)
    expected = np.quantile(samples, [tail, 1 - tail], axis=-1)
    np.testing.assert_allclose([found.lower, found.upper], expected, atol=1e-12)


def test_an_expanded_interval_of_a_normal_mean_is_the_t_interval() -> None:
    """The bootstrap distribution of a mean is nearly normal, with a variance that lacks (n - 1) / n."""
    data = norm.ppf((np.arange(10) + 0.5) / 10)
    draws = np.random.default_rng(0).choice(data, size=(40_000, 10)).mean(axis=1)
    reach = t.ppf(0.975, 9) * data.std(ddof=1) / np.sqrt(10)
    found = expanded_percentile_interval(draws, 10)
    np.testing.assert_allclose([found.lower, found.upper], [-reach, reach], rtol=0.03)


def test_a_single_unit_has_no_expanded_interval() -> None:
    with pytest.raises(BadInput, match="at least 2 resampled units"):
        expanded_percentile_interval(np.zeros(9), 1)


def test_without_bias_the_correction_changes_nothing() -> None:
    samples = np.arange(101.0)
    plain, corrected = percentile_interval(samples), bias_corrected_interval(50.0, samples)
    np.testing.assert_allclose([corrected.lower, corrected.upper], [plain.lower, plain.upper], atol=1e-9)


def test_bias_is_corrected_by_the_formula() -> None:
    samples = np.random.default_rng(1).normal(size=400)
    observed = 0.3
    z0 = norm.ppf(np.mean(samples < observed))
    shares = norm.cdf(2 * z0 + np.array([-1, 1]) * norm.ppf(0.975))
    found = bias_corrected_interval(observed, samples)
    np.testing.assert_allclose([found.lower, found.upper], np.quantile(samples, shares), atol=1e-12)


def test_bias_is_corrected_as_scipy_corrects_it_where_there_is_no_acceleration() -> None:
    # For the mean of symmetric data, scipy's acceleration is 0, so its BCa equals BC.
    from scipy.stats import bootstrap

    data = np.concatenate([np.arange(1.0, 11), -np.arange(1.0, 11)])
    theirs = bootstrap((data,), np.mean, n_resamples=999, method="BCa", rng=np.random.default_rng(0))
    found = bias_corrected_interval(0.0, theirs.bootstrap_distribution)
    expected = [theirs.confidence_interval.low, theirs.confidence_interval.high]
    np.testing.assert_allclose([found.lower, found.upper], expected, atol=0.05)


def test_a_score_beyond_all_samples_has_an_interval_at_their_end() -> None:
    samples = np.random.default_rng(0).random(1000)
    found = bias_corrected_interval(2.0, samples)
    assert np.quantile(samples, 0.99) < found.lower <= found.upper <= samples.max()


@pytest.mark.parametrize(("observed", "share"), [(2.0, 999.5 / 1000), (-1.0, 0.5 / 1000)])
def test_a_score_beyond_all_samples_counts_as_half_a_sample_inside(observed: float, share: float) -> None:
    samples = np.random.default_rng(0).random(1000)
    shares = norm.cdf(2 * norm.ppf(share) + np.array([-1, 1]) * norm.ppf(0.975))
    found = bias_corrected_interval(observed, samples)
    np.testing.assert_allclose([found.lower, found.upper], np.quantile(samples, shares), atol=1e-12)


def test_samples_that_are_all_equal_are_their_own_interval() -> None:
    for found in (percentile_interval(np.full(9, 0.2)), bias_corrected_interval(0.2, np.full(9, 0.2))):
        assert (float(found.lower), float(found.upper)) == (0.2, 0.2)


def test_single_precision_ties_with_the_observed_value() -> None:
    samples = np.full(9, 0.1, np.float32)
    found = bias_corrected_interval(0.1, samples)
    assert float(found.lower) == float(found.upper) == float(np.float32(0.1))


@pytest.mark.parametrize(("n_subjects", "n_stimuli"), [(2, 4), (5, 12), (10, 102)])
@pytest.mark.parametrize("spread", [(2.0, 1.0, 1.0), (1.4, 1.0, 0.9), (5.0, 1.0, 1.0), (0.5, 1.0, 1.0)])
def test_the_dual_variance_is_rsatoolboxs(n_subjects: int, n_stimuli: int, spread: Any) -> None:
    pytest.importorskip("rsatoolbox")
    from rsatoolbox.util.inference_util import extract_variances

    rng = np.random.default_rng(0)
    both, subjects, stimuli = (rng.normal(scale=each, size=(3, 60)) for each in spread)
    found = dual_variance(both, subjects, stimuli, n_subjects, n_stimuli)
    covariances = np.stack([np.cov(each) for each in (both, subjects, stimuli)])
    expected, _, _ = extract_variances(covariances, False, n_subjects, n_stimuli)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_dual_interval_is_students() -> None:
    rng = np.random.default_rng(0)
    both, subjects, stimuli = rng.normal(size=(3, 50)) * [[1.6], [1], [1]]
    found = dual_interval(0.3, both, subjects, stimuli, 6, 20, level=0.9)
    reach = t.ppf(0.95, 5) * np.sqrt(dual_variance(both, subjects, stimuli, 6, 20))
    np.testing.assert_allclose([found.lower, found.upper], [0.3 - reach, 0.3 + reach], rtol=1e-10)


def test_one_subject_has_no_dual_bootstrap() -> None:
    samples = np.zeros((3, 10))
    with pytest.raises(BadInput, match="dual bootstrap: subjects: expected at least 2, found 1"):
        dual_interval(0.1, *samples, 1, 20)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.array([0.1, np.nan]), "found NaN"),
        (np.zeros((3, 0)), "at least one draw"),
        (np.zeros(3, int), "real numbers"),
    ],
)
def test_samples_without_a_valid_interval_are_refused(samples: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        percentile_interval(samples)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_must_be_between_zero_and_one(level: float) -> None:
    with pytest.raises(BadInput, match="level of an interval"):
        percentile_interval(np.zeros(3), level)
    with pytest.raises(BadInput, match="level of an interval"):
        dual_interval(0.0, *np.zeros((3, 9)), 3, 9, level)


@pytest.mark.parametrize("observed", [np.nan, np.zeros(2)])
def test_observed_values_must_match_the_samples(observed: Any) -> None:
    with pytest.raises(BadInput, match="bias-corrected interval"):
        bias_corrected_interval(observed, np.zeros(9))


def test_a_bootstrap_has_all_intervals_that_its_resamplings_allow() -> None:
    rng = np.random.default_rng(0)
    observed, (stimuli, subjects, both) = (
        rng.normal(size=2),
        rng.normal(size=(3, 2, 40)) * [[[1]], [[1]], [[2]]],
    )
    found = intervals_of(BootstrapScores(observed, stimuli, subjects, both, 20, 6), 0.8)
    samples = {"stimuli": stimuli, "subjects": subjects, "both": both}
    assert list(found) == [
        *((kind, method) for kind in ("stimuli", "subjects") for method in METHODS),
        *(("both", method) for method in ("percentile", "bias_corrected", "dual")),
    ]
    for kind, n in (("stimuli", 20), ("subjects", 6)):
        expanded = expanded_percentile_interval(samples[kind], n, 0.8)
        np.testing.assert_array_equal(found[kind, "expanded_percentile"].lower, expanded.lower)
        np.testing.assert_array_equal(found[kind, "expanded_percentile"].upper, expanded.upper)
    for kind, each in samples.items():
        np.testing.assert_allclose(found[kind, "percentile"].lower, np.quantile(each, 0.1, axis=-1))
        np.testing.assert_allclose(found[kind, "percentile"].upper, np.quantile(each, 0.9, axis=-1))
        for layer in range(2):
            z0 = norm.ppf(np.mean(each[layer] < observed[layer]))
            shares = norm.cdf(2 * z0 + np.array([-1, 1]) * norm.ppf(0.9))
            corrected = found[kind, "bias_corrected"]
            np.testing.assert_allclose(
                [corrected.lower[layer], corrected.upper[layer]], np.quantile(each[layer], shares)
            )
    reach = t.ppf(0.9, 5) * np.sqrt(dual_variance(both, subjects, stimuli, 6, 20))
    np.testing.assert_allclose(found["both", "dual"].lower, observed - reach)
    np.testing.assert_allclose(found["both", "dual"].upper, observed + reach)
    default = intervals_of(BootstrapScores(observed, stimuli, subjects, both, 20, 6))
    np.testing.assert_allclose(default["both", "percentile"].lower, np.quantile(both, 0.025, axis=-1))


def test_a_single_subject_or_draw_has_fewer_intervals() -> None:
    observed, samples = np.zeros(2), np.zeros((2, 5))
    plain = [("stimuli", method) for method in METHODS]
    assert list(intervals_of(BootstrapScores(observed, samples, None, None, 20, 1))) == plain
    one = samples[:, :1]
    assert ("both", "dual") not in intervals_of(BootstrapScores(observed, one, one, one, 20, 6))
    two = samples[:, :2]
    assert ("both", "dual") in intervals_of(BootstrapScores(observed, two, two, two, 20, 6))
