"""Kernel ridge regression from Gram matrices, against himalaya, scikit-learn and explicit linear algebra."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from himalaya.kernel_ridge import KernelRidgeCV
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.model_selection import PredefinedSplit

from alignhouse.analysis.kernels.ridge import RidgeLayer, centred_grams, ridge_layer, ridge_layers
from alignhouse.analysis.kernels.ridge_fits import in_memory, ridge_fit
from alignhouse.warehouse.errors import BadInput

Float = NDArray[np.float64]
N_TRAIN, N_TEST, WIDTH, N_VOXELS = 40, 12, 150, 30
TRAIN, TEST = np.arange(N_TRAIN), np.arange(N_TRAIN, N_TRAIN + N_TEST)
# Folds of unequal sizes: their means count equally.
FOLDS = np.repeat([0, 1, 2, 3], [12, 10, 10, 8])[np.random.default_rng(5).permutation(N_TRAIN)]


@pytest.fixture(scope="module")
def features() -> Float:
    """(52, 150) wide features of different sizes, far from 0."""
    rng = np.random.default_rng(0)
    return np.asarray(rng.normal(size=(N_TRAIN + N_TEST, WIDTH)) * np.geomspace(3, 0.1, WIDTH) + 5)


@pytest.fixture(scope="module")
def responses(features: Float) -> Float:
    """(52, 30) responses to the features, from hardly any noise to hardly any signal."""
    rng = np.random.default_rng(1)
    signal = features @ rng.normal(size=(WIDTH, N_VOXELS))
    return np.asarray(signal + rng.normal(size=signal.shape) * np.geomspace(1, 100, N_VOXELS) + 7)


def layer_of(features: Float, **settings: Any) -> RidgeLayer:
    return ridge_layer(features @ features.T, TRAIN, TEST, **{"precision": "float64", **settings})


def test_predictions_equal_primal_ridge_with_an_intercept(features: Float, responses: Float) -> None:
    [alpha] = (layer := layer_of(features, alphas=[0.3])).alphas
    fit = ridge_fit([layer], in_memory(responses[TRAIN]))
    primal = Ridge(alpha=alpha).fit(features[TRAIN], responses[TRAIN])
    expected = primal.predict(features[TEST]) - responses[TRAIN].mean(axis=0)
    np.testing.assert_allclose(fit.predictions[0].T, expected, atol=1e-8)


def test_predictions_equal_scikit_learns_kernel_ridge(features: Float, responses: Float) -> None:
    [alpha] = (layer := layer_of(features, alphas=[2.0])).alphas
    centred = features - features[TRAIN].mean(axis=0)
    goal = responses[TRAIN] - responses[TRAIN].mean(axis=0)
    theirs = KernelRidge(alpha=alpha).fit(centred[TRAIN], goal)
    fit = ridge_fit([layer], in_memory(responses[TRAIN]))
    np.testing.assert_allclose(fit.predictions[0].T, theirs.predict(centred[TEST]), atol=1e-8)


def test_grams_are_those_of_features_centred_by_the_training_mean(features: Float) -> None:
    within, across = centred_grams(features @ features.T, TRAIN, TEST)
    centred = features - features[TRAIN].mean(axis=0)
    np.testing.assert_allclose(within, centred[TRAIN] @ centred[TRAIN].T, atol=1e-9)
    np.testing.assert_allclose(across, centred[TEST] @ centred[TRAIN].T, atol=1e-9)


@pytest.mark.parametrize("alpha_per", ["voxel", "region"])
def test_k_folds_equal_himalaya_on_the_same_folds(features: Float, responses: Float, alpha_per: Any) -> None:
    gram = features @ features.T
    layer = layer_of(features, folds=FOLDS)
    scaled = responses[TRAIN]
    if alpha_per == "region":
        # himalaya adds up plain errors of voxels, and we errors relative to the mean: make the two the same.
        scaled = scaled / np.sqrt([error_of_mean(column) for column in scaled.T])
    fit = ridge_fit([layer], in_memory(scaled), alpha_per=alpha_per)
    theirs = KernelRidgeCV(
        alphas=layer.alphas,
        kernel="precomputed",
        cv=PredefinedSplit(FOLDS),
        fit_intercept=True,
        solver_params={"local_alpha": alpha_per == "voxel"},
    ).fit(gram[np.ix_(TRAIN, TRAIN)], scaled)
    np.testing.assert_allclose(layer.alphas[fit.chosen[0]], theirs.best_alphas_, rtol=1e-9)
    assert len(np.unique(fit.chosen)) == (1 if alpha_per == "region" else 6)
    expected = theirs.predict(gram[np.ix_(TEST, TRAIN)]) - scaled.mean(axis=0)
    np.testing.assert_allclose(fit.predictions[0].T, expected, atol=1e-6 * np.abs(expected).max())


def error_of_mean(values: Float) -> float:
    """Mean over folds of the squared error of predicting the mean of the other folds."""
    errors = []
    for fold in range(4):
        own = np.equal(FOLDS, fold)
        errors.append(np.square(values[own] - values[~own].mean()).mean())
    return float(np.mean(errors))


def test_errors_of_k_folds_equal_a_fit_of_each_fold(features: Float, responses: Float) -> None:
    layer = layer_of(features, folds=FOLDS, alphas=[0.001, 0.1, 10.0])
    centred = responses[TRAIN] - responses[TRAIN].mean(axis=0)
    found = layer.choice.errors(np.ascontiguousarray(centred.T))
    for index, alpha in enumerate(layer.alphas):
        errors = np.zeros((4, N_VOXELS))
        for fold in range(4):
            is_own = np.equal(FOLDS, fold)
            own, others = TRAIN[is_own], TRAIN[~is_own]
            fitted = Ridge(alpha=alpha, solver="cholesky").fit(features[others], responses[others])
            errors[fold] = np.square(responses[own] - fitted.predict(features[own])).mean(axis=0)
        relative = errors.mean(axis=0) / [error_of_mean(column) for column in responses[TRAIN].T]
        np.testing.assert_allclose(found[:, index], relative, rtol=1e-7)


def hat_matrix(features: Float, alpha: float) -> Float:
    """Fitted values are this matrix times the responses: explicit ridge regression with a free intercept."""
    design = np.column_stack([np.ones(len(features)), features])
    penalty = np.diag([0.0] + [alpha] * features.shape[1])
    return np.asarray(design @ np.linalg.solve(design.T @ design + penalty, design.T))


def test_generalised_errors_equal_those_of_explicit_hat_matrices(features: Float, responses: Float) -> None:
    layer = layer_of(features)
    y = responses[TRAIN]
    found = layer.choice.errors(np.ascontiguousarray((y - y.mean(axis=0)).T))
    for index, alpha in enumerate(layer.alphas):
        hat = hat_matrix(features[TRAIN], alpha)
        error = np.square((y - hat @ y) / (1 - np.trace(hat) / N_TRAIN)).mean(axis=0)
        of_mean = np.square((y - y.mean(axis=0)) / (1 - 1 / N_TRAIN)).mean(axis=0)
        np.testing.assert_allclose(found[:, index], error / of_mean, rtol=1e-6)


def test_generalised_errors_are_those_of_leaving_one_out_if_leverages_are_equal() -> None:
    """Features on a circle: each stimulus has the same leverage, and the two definitions agree."""
    angle = 2 * np.pi * np.arange(N_TRAIN + 2)[:, None] / N_TRAIN
    circle = np.column_stack([np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)])
    after = [N_TRAIN, N_TRAIN + 1]
    layer = ridge_layer(circle @ circle.T, TRAIN, after, alphas=[0.01, 1, 100], precision="float64")
    y = np.random.default_rng(2).normal(size=N_TRAIN)
    found = layer.choice.errors((y - y.mean())[None])[0]
    for index, alpha in enumerate(layer.alphas):
        left_out = [
            y[i]
            - Ridge(alpha=alpha).fit(circle[np.delete(TRAIN, i)], np.delete(y, i)).predict(circle[[i]])[0]
            for i in TRAIN
        ]
        of_mean = np.square((y - y.mean()) * N_TRAIN / (N_TRAIN - 1)).mean()
        assert found[index] == pytest.approx(np.square(left_out).mean() / of_mean, rel=1e-6)


@pytest.mark.parametrize("folds", [None, FOLDS])
def test_the_chosen_alpha_has_the_lowest_error(features: Float, responses: Float, folds: Any) -> None:
    layer = layer_of(features, folds=folds)
    fit = ridge_fit([layer], in_memory(responses[TRAIN]))
    errors = layer.choice.errors(np.ascontiguousarray((responses[TRAIN] - responses[TRAIN].mean(axis=0)).T))
    np.testing.assert_array_equal(fit.chosen[0], errors.argmin(axis=1))
    np.testing.assert_allclose(fit.errors[0], errors.min(axis=1))
    together = ridge_fit([layer], in_memory(responses[TRAIN]), alpha_per="region")
    assert (together.chosen[0] == errors.mean(axis=0).argmin()).all()


@pytest.mark.parametrize("folds", [None, FOLDS])
def test_a_stimulus_is_predicted_alike_whatever_other_test_stimuli_there_are(
    features: Float, responses: Float, folds: Any
) -> None:
    """This fails if test stimuli enter the mean of the features, or the choice of alpha."""
    gram = features @ features.T
    changed = features.copy()
    changed[TEST[2:]] = 50 * changed[TEST[2:]] + 3
    fits = [
        ridge_fit(
            [ridge_layer(each, TRAIN, test, folds=folds, precision="float64")], in_memory(responses[TRAIN])
        )
        for each, test in ((gram, TEST), (gram, TEST[:2]), (changed @ changed.T, TEST))
    ]
    for other in fits[1:]:
        np.testing.assert_array_equal(other.chosen, fits[0].chosen)
        np.testing.assert_allclose(other.predictions[:, :, :2], fits[0].predictions[:, :, :2], rtol=1e-7)


@pytest.mark.parametrize("folds", [None, FOLDS])
def test_results_do_not_depend_on_scale_offset_or_order(
    features: Float, responses: Float, folds: Any
) -> None:
    plain = ridge_fit([layer_of(features, folds=folds)], in_memory(responses[TRAIN]))
    other = ridge_fit([layer_of(features * 1e4 + 1e3, folds=folds)], in_memory(responses[TRAIN] * 5 - 100))
    np.testing.assert_array_equal(plain.chosen, other.chosen)
    np.testing.assert_allclose(other.predictions, 5 * plain.predictions, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("folds", [None, FOLDS])
def test_float32_products_are_accurate(features: Float, responses: Float, folds: Any) -> None:
    exact, single = (
        ridge_fit([layer_of(features, folds=folds, precision=precision)], in_memory(responses[TRAIN]))
        for precision in ("float64", "float32")
    )
    assert single.predictions.dtype == np.float32
    np.testing.assert_allclose(single.errors, exact.errors, atol=1e-5)
    same = single.chosen == exact.chosen
    assert same.mean() > 0.9
    size = np.abs(exact.predictions).max(axis=2, keepdims=True)
    assert (np.abs(single.predictions - exact.predictions) / size)[same].max() < 2e-5


@pytest.mark.parametrize("folds", [None, FOLDS])
@pytest.mark.parametrize("alpha_per", ["voxel", "region"])
def test_torch_gives_the_same_as_numpy(features: Float, responses: Float, folds: Any, alpha_per: Any) -> None:
    pytest.importorskip("torch")
    ours, theirs = (
        ridge_fit(
            [layer_of(features, folds=folds, device=device)], in_memory(responses[TRAIN]), alpha_per=alpha_per
        )
        for device in (None, "cpu")
    )
    np.testing.assert_array_equal(ours.chosen, theirs.chosen)
    np.testing.assert_allclose(ours.predictions, theirs.predictions, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.errors, theirs.errors, rtol=1e-9)


def test_layers_made_together_equal_layers_made_alone(features: Float, responses: Float) -> None:
    grams = [features @ features.T, np.square(features) @ np.square(features).T]
    together = ridge_layers(grams, TRAIN, TEST, names=["one", "two"])
    fit = ridge_fit(together, in_memory(responses[TRAIN]))
    for index, gram in enumerate(grams):
        alone = ridge_fit([ridge_layer(gram, TRAIN, TEST)], in_memory(responses[TRAIN]))
        np.testing.assert_allclose(fit.predictions[index], alone.predictions[0], rtol=1e-4, atol=1e-3)
    with pytest.raises(BadInput, match="names of layers: expected 2, one a Gram matrix, found 1"):
        ridge_layers(grams, TRAIN, TEST, names=["one"])


def wrong(gram: Float, where: Any, value: float) -> Float:
    changed = gram.copy()
    changed[where] = value
    return changed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alphas": [1, 0]}, "penalties alphas: expected positive numbers, at least one, found [1.0, 0.0]"),
        ({"alphas": [-1.0]}, "penalties alphas"),
        ({"alphas": [np.nan]}, "penalties alphas"),
        ({"alphas": []}, "penalties alphas"),
        ({"train": TRAIN[:3]}, "training stimuli: expected at least 4, found 3"),
        ({"test": TEST[:1]}, "test stimuli: expected at least 2, found 1"),
        ({"test": [5, 50]}, "test stimuli: expected none of the training stimuli, found stimulus 5 in both"),
        ({"test": [50, 52]}, "rows of the Gram matrix: expected different whole numbers from 0 to 51"),
        ({"train": [0, 1, 1, 2, 3]}, "rows of the Gram matrix"),
        ({"train": TRAIN / 1}, "rows of the Gram matrix"),
        ({"gram": np.zeros((52, 51))}, "Gram matrix of fc7: expected real numbers, stimuli by stimuli"),
        ({"gram": "nan"}, "Gram matrix of fc7: expected finite numbers, found NaN or infinity"),
        ({"gram": np.ones((52, 52))}, "features of fc7: expected training stimuli that differ"),
        ({"gram": "test"}, "features of fc7: expected test stimuli that differ, found all equal"),
        ({"folds": np.zeros(N_TRAIN, int)}, "folds of stimuli: expected 40 whole numbers"),
        ({"folds": FOLDS[:-1]}, "folds of stimuli"),
        ({"folds": FOLDS + 1}, "folds of stimuli"),
        ({"device": "abacus"}, "device 'abacus'"),
    ],
)
def test_wrong_input_is_one_clear_line(features: Float, settings: dict[str, Any], message: str) -> None:
    gram = features @ features.T
    if isinstance(settings.get("gram"), str):
        same = features.copy()
        same[TEST] = same[TEST[0]]
        changed = {"nan": wrong(gram, (3, 7), np.nan), "test": same @ same.T}
        settings = {**settings, "gram": changed[settings["gram"]]}
    given = {"gram": gram, "train": TRAIN, "test": TEST, "name": "fc7", **settings}
    with pytest.raises(BadInput) as caught:
        ridge_layer(given.pop("gram"), given.pop("train"), given.pop("test"), **given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nan_among_stimuli_that_are_not_used_does_not_matter(features: Float) -> None:
    gram = wrong(features @ features.T, (slice(None), 51), np.nan)
    layer = ridge_layer(gram, TRAIN, TEST[:-1])
    assert np.isfinite(layer.operators).all()
