"""Permutation tests and bootstraps of voxel encoding, against explicit loops, and their error rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from simulated_encodings import coverage, false_positives_of_folds, false_positives_of_split

from alignhouse.analysis.statistics.bootstrap import resample_counts
from alignhouse.analysis.statistics.encoding import RegionEncoding, RegionVoxels, region_voxels
from alignhouse.analysis.statistics.encoding_bootstrap import encoding_bootstrap, resampled_medians
from alignhouse.analysis.statistics.encoding_null import encoding_test, permutation_null
from alignhouse.analysis.statistics.intervals import intervals_of
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.warehouse.errors import BadInput

Float = NDArray[np.float64]
M = 12


@pytest.fixture(scope="module")
def raw() -> tuple[Float, Float, Float]:
    """Predictions (3, 40, 12), responses (12, 40) that resemble them, and ceilings (40,), one of them 0."""
    rng = np.random.default_rng(0)
    predictions = rng.normal(size=(3, 40, M))
    responses = predictions[1].T + rng.normal(size=(M, 40)) + 3
    return predictions, responses, np.array([0, *np.linspace(0.2, 0.9, 39)])


@pytest.fixture(scope="module")
def voxels(raw: tuple[Float, Float, Float]) -> RegionVoxels:
    predictions, responses, ceiling = raw
    encoding = RegionEncoding(predictions, np.zeros((1, 3)), np.zeros(M, np.intp))
    return region_voxels(encoding, responses, ceiling=ceiling)


def median_of(raw: tuple[Float, Float, Float], layer: int, of_prediction: Any, of_response: Any) -> float:
    """Median over voxels of numpy's r / ceiling, for chosen stimuli of predictions and responses."""
    predictions, responses, ceiling = raw
    r = [
        np.corrcoef(predictions[layer, v, of_prediction], responses[of_response, v])[0, 1]
        for v in range(1, 40)
    ]
    return float(np.median(r / ceiling[1:]))


@pytest.mark.parametrize("memory", [1, 20_000, 2**28])
def test_the_null_is_the_score_of_permuted_responses(
    raw: tuple[Float, Float, Float], voxels: RegionVoxels, memory: int
) -> None:
    orders = stimulus_permutations(M, 150, 0)
    null = permutation_null(voxels, orders, memory=memory)
    assert (null.shape, null.dtype) == ((3, 150), np.float32)
    for layer, k in [(0, 0), (1, 77), (2, 149)]:
        expected = median_of(raw, layer, np.arange(M), orders[k])
        assert null[layer, k] == pytest.approx(expected, abs=1e-6)
    same = permutation_null(voxels, np.arange(M)[None])
    np.testing.assert_allclose(same[:, 0], voxels.medians(), atol=1e-6)


def test_a_layer_that_predicts_is_significant_and_the_best_is_compared_with_the_best(
    voxels: RegionVoxels,
) -> None:
    orders = stimulus_permutations(M, 199, 0)
    null = permutation_null(voxels, orders)
    found = encoding_test([voxels.medians(), voxels.medians()], [null, null])
    np.testing.assert_allclose(found.score, voxels.medians())
    assert found.p[1] == found.p_best == 1 / 200
    assert min(found.p[0], found.p[2]) > 0.05
    weak = encoding_test([[0.1, 0.05]], [np.array([[0.0, 0.1, 0.2, -0.5], [0.3, -0.2, -0.3, 0.0]])])
    np.testing.assert_allclose(weak.p, [3 / 5, 2 / 5])
    assert weak.p_best == 4 / 5


def test_subjects_are_averaged_order_by_order() -> None:
    nulls = np.random.default_rng(0).normal(size=(3, 2, 50)).astype(np.float32)
    observed = np.random.default_rng(1).normal(size=(3, 2))
    found = encoding_test(observed, list(nulls))
    np.testing.assert_allclose(found.null, nulls.mean(axis=0), atol=1e-6)
    for layer in range(2):
        count = (nulls[:, layer].mean(axis=0) >= observed[:, layer].mean()).sum()
        assert found.p[layer] == pytest.approx((1 + count) / 51)


@pytest.mark.parametrize(
    ("medians", "nulls"),
    [
        (np.zeros((2, 3)), [np.zeros((3, 5))]),
        (np.zeros((2, 3)), [np.zeros((3, 5)), np.zeros((3, 4))]),
        (np.zeros(3), [np.zeros((3, 5))]),
        (np.zeros((1, 2)), [np.zeros((3, 5))]),
        (np.full((1, 3), np.nan), [np.zeros((3, 5))]),
    ],
)
def test_tests_of_wrong_shapes_are_refused(medians: Any, nulls: Any) -> None:
    with pytest.raises(BadInput):
        encoding_test(medians, nulls)


@pytest.mark.parametrize(
    "orders", [np.zeros((2, M), int), np.arange(M), np.arange(M - 1)[None], np.arange(M)[None] / 1]
)
def test_orders_that_are_no_permutations_are_refused(voxels: RegionVoxels, orders: Any) -> None:
    with pytest.raises(
        BadInput, match="orders of the stimuli: expected at least one row, each a permutation"
    ):
        permutation_null(voxels, orders)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("memory", [1, 2**28])
def test_resampled_medians_are_those_of_repeated_stimuli(
    raw: tuple[Float, Float, Float], voxels: RegionVoxels, precision: Any, memory: int
) -> None:
    counts = resample_counts(M, 90, 0, 0, fewest=4)
    found = resampled_medians(voxels, counts, precision=precision, memory=memory)
    assert found.shape == (3, 90)
    for layer, draw in [(0, 0), (1, 50), (2, 89)]:
        places = np.repeat(np.arange(M), counts[draw])
        expected = median_of(raw, layer, places, places)
        assert found[layer, draw] == pytest.approx(expected, abs=1e-9 if precision == "float64" else 1e-5)


def test_resamples_without_variance_are_refused(voxels: RegionVoxels) -> None:
    one = np.zeros((1, M), int)
    with pytest.raises(
        BadInput, match="resamples of the stimuli: expected at least one stimulus, found none"
    ):
        resampled_medians(voxels, one)
    one[0, 3] = M
    with pytest.raises(BadInput, match="layer 0: expected values that differ in each resample"):
        resampled_medians(voxels, one)
    with pytest.raises(BadInput, match=r"resamples of the stimuli: expected counts \(resamples, 12\)"):
        resampled_medians(voxels, one[:, :-1])


def test_the_bootstrap_record_averages_drawn_subjects() -> None:
    rng = np.random.default_rng(0)
    medians, resampled = rng.normal(size=(3, 2)), rng.normal(size=(3, 2, 40))
    subjects = resample_counts(3, 40, 0, 1)
    scores = encoding_bootstrap(medians, list(resampled), subjects, M)
    assert scores.subjects is not None
    assert scores.both is not None
    for draw in (0, 39):
        drawn = np.repeat(np.arange(3), subjects[draw])
        np.testing.assert_allclose(scores.subjects[:, draw], medians[drawn].mean(axis=0))
        np.testing.assert_allclose(scores.both[:, draw], resampled[drawn, :, draw].mean(axis=0))
        np.testing.assert_allclose(scores.stimuli[:, draw], resampled[:, :, draw].mean(axis=0))
    np.testing.assert_allclose(scores.observed, medians.mean(axis=0))
    assert ("both", "dual") in intervals_of(scores)
    alone = encoding_bootstrap(medians[:1], [resampled[0]], np.ones((40, 1), int), M)
    assert (alone.subjects, alone.both, alone.n_subjects) == (None, None, 1)
    with pytest.raises(BadInput, match="bootstrap of an encoding"):
        encoding_bootstrap(medians, list(resampled[:2]), subjects, M)


def spread(n_studies: int, share: float = 0.05) -> float:
    """Four standard errors of a share, estimated from a number of studies."""
    return float(4 * np.sqrt(share * (1 - share) / n_studies))


def test_the_test_on_other_stimuli_has_about_the_nominal_false_positive_rate() -> None:
    for test, share in false_positives_of_split(40).items():
        assert share < 0.05 + spread(40), test


def test_intervals_have_about_the_nominal_coverage() -> None:
    held = coverage("stimuli", 20, n_test=40, n_subjects=2, draws=100, batches=3)
    assert held["expanded_percentile"] >= 0.95 - spread(20, 0.95)


@pytest.mark.slow
def test_the_test_on_other_stimuli_has_the_nominal_rate_over_4000_studies() -> None:
    for test, share in false_positives_of_split(4000, seed=1).items():
        assert 0.04 <= share <= 0.06, test


@pytest.mark.slow
def test_refitted_tests_have_the_nominal_rate_and_others_do_not() -> None:
    found = false_positives_of_folds(1000, seed=1)
    for test in ("layer", "best layer"):
        assert 0.035 <= found[test] <= 0.065, test
    assert found["not refitted"] < 0.04


@pytest.mark.slow
@pytest.mark.parametrize(
    ("resampled", "n_test", "n_subjects", "method"),
    [
        ("stimuli", 40, 3, "expanded_percentile"),
        ("stimuli", 100, 3, "expanded_percentile"),
        ("both", 100, 8, "dual"),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_default_intervals_have_95_percent_coverage(
    resampled: str, n_test: int, n_subjects: int, method: str, seed: int
) -> None:
    held = coverage(resampled, 500, n_test=n_test, n_subjects=n_subjects, seed=seed)
    assert 0.92 <= held[method] <= 0.99
