"""Banded ridge regression, against himalaya and against explicit ridge regression on scaled features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from himalaya.kernel_ridge import MultipleKernelRidgeCV
from numpy.typing import NDArray
from sklearn.model_selection import PredefinedSplit

from alignhouse.analysis.kernels.banded_ridge import band_weights, banded_fit, joint_weights, unit_grams
from alignhouse.warehouse.errors import BadInput

Float = NDArray[np.float64]
N_TRAIN, N_TEST = 45, 15
TRAIN, TEST = np.arange(N_TRAIN), np.arange(N_TRAIN, N_TRAIN + N_TEST)
NAMES = ["a", "b", "c"]
ALPHAS = np.logspace(-2, 3, 6)
FOLDS = np.arange(N_TRAIN) % 5


@pytest.fixture(scope="module")
def features() -> list[Float]:
    """Three sets of other widths, scales and means."""
    rng = np.random.default_rng(0)
    sizes = ((60, 1.0), (70, 30.0), (20, 0.1))
    return [scale * (rng.normal(size=(N_TRAIN + N_TEST, width)) + 1) for width, scale in sizes]


@pytest.fixture(scope="module")
def responses(features: list[Float]) -> Float:
    rng = np.random.default_rng(1)
    signal = [x / x.std() @ rng.normal(size=(x.shape[1], 25)) / np.sqrt(x.shape[1]) for x in features]
    shares = rng.dirichlet(np.full(3, 0.3), size=25)
    mixed = sum(np.sqrt(share) * part for share, part in zip(shares.T, signal, strict=True))
    return np.asarray(mixed + rng.normal(size=mixed.shape) + 5)


@pytest.fixture(scope="module")
def grams(features: list[Float]) -> list[Float]:
    return [x @ x.T for x in features]


def fit(grams: list[Float], weights: Any, responses: Float, **settings: Any) -> Any:
    how = {"names": NAMES[: len(grams)], "alphas": ALPHAS, "precision": "float64", **settings}
    return banded_fit(grams, weights, TRAIN, TEST, responses[TRAIN], **how)


def test_fits_equal_himalayas_random_search_over_the_same_candidates_and_folds(
    grams: list[Float], responses: Float
) -> None:
    weights = band_weights(3, 20, seed=0)
    found = fit(grams, weights, responses, folds=FOLDS)
    assert len(np.unique(found.chosen)) > 5
    scaled = unit_grams(grams, TRAIN, NAMES)
    other = MultipleKernelRidgeCV(
        kernels="precomputed",
        solver="random_search",
        solver_params={"n_iter": weights, "alphas": ALPHAS, "progress_bar": False},
        cv=PredefinedSplit(FOLDS),
        fit_intercept=True,
    )
    other.fit(scaled[:, :N_TRAIN, :N_TRAIN], responses[TRAIN])
    predicted = other.predict(scaled[:, N_TRAIN:, :N_TRAIN]) - responses[TRAIN].mean(axis=0)
    np.testing.assert_allclose(found.predictions.T, predicted, atol=1e-8)


@pytest.mark.parametrize("shares", [(0.6, 0.3, 0.1), (0, 1, 0)])
def test_a_candidate_is_ridge_regression_on_scaled_features_side_by_side(
    features: list[Float], grams: list[Float], responses: Float, shares: Any
) -> None:
    parts = []
    for share, x in zip(shares, features, strict=True):
        centred = x - x[TRAIN].mean(axis=0)
        mean_eigenvalue = np.square(centred[TRAIN]).sum() / N_TRAIN
        parts.append(np.sqrt(share / mean_eigenvalue) * centred)
    x = np.concatenate(parts, axis=1)
    y = responses[TRAIN] - responses[TRAIN].mean(axis=0)
    alpha = 0.7
    inverse = np.linalg.inv(x[TRAIN].T @ x[TRAIN] + alpha * np.eye(x.shape[1]))
    expected = x[TEST] @ inverse @ x[TRAIN].T @ y
    found = fit(grams, [shares], responses, alphas=[alpha])
    np.testing.assert_allclose(found.predictions.T, expected, atol=1e-8)


def test_a_voxel_keeps_the_best_of_all_candidates_however_many_are_held_at_once(
    grams: list[Float], responses: Float
) -> None:
    weights = band_weights(3, 6, seed=1)
    singly = [fit(grams, row[None], responses) for row in weights]
    errors = np.array([each.errors for each in singly])
    for memory in (1, 2**28):
        found = fit(grams, weights, responses, memory=memory)
        np.testing.assert_array_equal(found.chosen, errors.argmin(axis=0))
        np.testing.assert_allclose(found.errors, errors.min(axis=0), atol=1e-12)
        for voxel, best in enumerate(found.chosen):
            np.testing.assert_allclose(found.predictions[voxel], singly[best].predictions[voxel], atol=1e-10)


@pytest.mark.parametrize("folds", [None, FOLDS])
def test_a_group_shares_the_candidate_and_penalty_of_the_lowest_mean_error(
    grams: list[Float], responses: Float, folds: Any
) -> None:
    weights = band_weights(3, 4, seed=3)
    is_first = fit(grams, weights, responses, folds=folds).chosen == 0
    groups = [np.flatnonzero(~is_first), np.flatnonzero(is_first)]
    found = fit(grams, weights, responses, groups=groups, folds=folds)
    singly = {
        (index, alpha): fit(grams, row[None], responses, alphas=[alpha], folds=folds)
        for index, row in enumerate(weights)
        for alpha in ALPHAS
    }
    chosen = []
    for own in groups:
        best = min(singly, key=lambda each: singly[each].errors[own].mean())
        chosen.append(best)
        np.testing.assert_array_equal(found.chosen[own], best[0])
        np.testing.assert_allclose(found.predictions[own], singly[best].predictions[own], atol=1e-10)
        np.testing.assert_allclose(found.errors[own], singly[best].errors[own], atol=1e-12)
    assert chosen[0] != chosen[1]


def test_a_fit_to_start_from_stays_where_no_candidate_is_better(grams: list[Float], responses: Float) -> None:
    weights = band_weights(3, 8, seed=2)
    first, rest = fit(grams, weights[:3], responses), fit(grams, weights[3:], responses)
    together, started = (
        fit(grams, weights, responses),
        fit(grams, weights[3:], responses, start=[first]),
    )
    np.testing.assert_allclose(started.errors, together.errors, atol=1e-12)
    np.testing.assert_allclose(started.predictions, together.predictions, atol=1e-10)
    np.testing.assert_array_equal(started.chosen == -1, first.errors <= rest.errors)
    assert 0 < np.count_nonzero(started.chosen == -1) < responses.shape[1]


def test_candidates_lie_on_the_simplex_and_depend_on_the_seed_alone() -> None:
    weights = band_weights(4, 2000, seed=0)
    np.testing.assert_array_equal(weights[0], 0.25)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert (weights >= 0).all()
    np.testing.assert_array_equal(weights, band_weights(4, 2000, seed=0))
    assert not np.array_equal(weights, band_weights(4, 2000, seed=1))
    # The variance of a symmetric Dirichlet distribution: (K - 1) / (K^2 (K concentration + 1)).
    for start, concentration in ((0, 1), (1, 0.1)):
        own = weights[start::2]
        assert own.mean(axis=0) == pytest.approx([0.25] * 4, abs=0.03)
        assert own.var(axis=0) == pytest.approx([3 / 16 / (4 * concentration + 1)] * 4, rel=0.15)
    np.testing.assert_array_equal(band_weights(1, 50, seed=0), [[1]])


def test_candidates_of_two_sets_are_mixtures_of_their_own() -> None:
    one, other = np.ones((1, 1)), band_weights(3, 5, seed=0)
    weights = joint_weights(one, other, 10, seed=0)
    shares = weights[:, 0]
    assert shares[0] == 0.5
    expected = (1 - shares)[:, None] * np.concatenate([other, other])
    np.testing.assert_allclose(weights[:, 1:], expected)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([[0.5, 0.6, 0.1]], "weights of Gram matrices: expected rows of 3 numbers of at least 0, with sum 1"),
        ([[-0.5, 1.4, 0.1]], "weights of Gram matrices"),
        ([[0.5, 0.5]], "found shape \\(1, 2\\)"),
        (np.ones((0, 3)), "found shape \\(0, 3\\)"),
        ([[np.nan, 0.5, 0.5]], "weights of Gram matrices"),
    ],
)
def test_weights_off_the_simplex_are_refused(
    grams: list[Float], responses: Float, weights: Any, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        fit(grams, weights, responses)


def test_gram_matrices_that_cannot_be_scaled_are_refused(grams: list[Float], responses: Float) -> None:
    equal = np.ones_like(grams[0])
    equal[-1] = equal[:, -1] = 2
    with pytest.raises(BadInput, match="Gram matrix of b: expected training stimuli that differ"):
        fit([grams[0], equal], [[0.5, 0.5]], responses)
    with pytest.raises(BadInput, match="Gram matrix of b: expected finite numbers"):
        fit([grams[0], np.full_like(equal, np.nan)], [[0.5, 0.5]], responses)
    with pytest.raises(BadInput, match="all of the same stimuli"):
        fit([grams[0], grams[1][:-1, :-1]], [[0.5, 0.5]], responses)
    with pytest.raises(BadInput, match="candidates of weights"):
        band_weights(0, 5, seed=0)
    short = fit(grams, [[1, 0, 0]], responses[:, :-1])
    with pytest.raises(BadInput, match="fits to start from"):
        fit(grams, [[1, 0, 0]], responses, start=[short])
