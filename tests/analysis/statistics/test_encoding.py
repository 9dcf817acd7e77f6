"""Voxel encoding: ceilings, scores, the choice of a layer, and encoding over folds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from alignhouse.analysis.kernels.ridge import ridge_layers
from alignhouse.analysis.kernels.ridge_fits import in_memory, ridge_errors
from alignhouse.analysis.statistics.encoding import (
    RegionEncoding,
    best_layers,
    encode_split,
    region_voxels,
    voxel_ceiling,
)
from alignhouse.analysis.statistics.encoding_folds import encode_folds, fold_layers, refitted_null
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.regression import stimulus_folds
from alignhouse.warehouse.errors import BadInput

Float = NDArray[np.float64]
NAMES = ["early", "late"]


def study(n: int, n_voxels: int = 9, seed: int = 0) -> tuple[list[Float], Float]:
    """Features of two layers (n, 20), and responses (n, V) that follow the second one."""
    rng = np.random.default_rng(seed)
    features = [rng.normal(size=(n, 20)) for _ in NAMES]
    noise = rng.normal(size=(n, n_voxels)) * np.linspace(1, 8, n_voxels)
    return features, features[1] @ rng.normal(size=(20, n_voxels)) + noise


def encoding_of(predictions: Float, folds: Any = None) -> RegionEncoding:
    places = np.zeros(predictions.shape[2], np.intp) if folds is None else np.asarray(folds)
    return RegionEncoding(predictions, np.zeros((places.max() + 1, len(predictions))), places)


def test_the_ceiling_is_that_of_allen_et_al() -> None:
    np.testing.assert_allclose(voxel_ceiling([0.0, 1.0, 2.0], 1), np.sqrt([0, 1 / 2, 4 / 5]))
    np.testing.assert_allclose(voxel_ceiling([0.5], 3), np.sqrt(0.25 / (0.25 + 1 / 3)))
    # With A, B and C stimuli shown once, twice and three times, 1 / n is (A + B / 2 + C / 3) / (A + B + C).
    repetitions = np.repeat([1, 2, 3], [5, 3, 2])
    mean = (5 + 3 / 2 + 2 / 3) / 10
    np.testing.assert_allclose(voxel_ceiling([0.7], repetitions), np.sqrt(0.49 / (0.49 + mean)))


def test_a_perfect_model_of_the_signal_reaches_the_ceiling() -> None:
    rng = np.random.default_rng(0)
    ncsnr, repetitions, m = 0.6, 4, 20_000
    signal = ncsnr * rng.normal(size=(m, 3))
    measured = np.mean([signal + rng.normal(size=(m, 3)) for _ in range(repetitions)], axis=0)
    voxels = region_voxels(
        encoding_of(signal.T[None]), measured, ceiling=voxel_ceiling([ncsnr] * 3, repetitions)
    )
    assert voxels.medians() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("ncsnr", "repetitions", "message"),
    [
        ([0.1, -0.2], 1, "ncsnr of voxels: expected finite numbers of at least 0, found -0.2"),
        ([np.nan], 1, "ncsnr of voxels"),
        (0.3, 1, "ncsnr of voxels: expected finite numbers of at least 0, found shape ()"),
        ([0.1], [3, 0], "repetitions: expected numbers of at least 1, found 0.0"),
        ([0.1], [], "repetitions"),
        ([0.1], np.nan, "repetitions"),
    ],
)
def test_impossible_noise_is_refused(ncsnr: Any, repetitions: Any, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        voxel_ceiling(ncsnr, repetitions)
    assert message in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_are_pearsons_r_and_voxels_without_signal_are_left_out(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    predictions, responses = rng.normal(size=(2, 6, 15)).astype(dtype) + 4, rng.normal(size=(15, 6)) - 50
    ceiling = np.array([0.5, 0, 0.8, 0.2, 0, 0.9])
    voxels = region_voxels(encoding_of(predictions), responses, ceiling=ceiling)
    kept = [0, 2, 3, 5]
    expected = [[np.corrcoef(layer[v], responses[:, v])[0, 1] for v in kept] for layer in predictions]
    np.testing.assert_allclose(voxels.scores(), expected, atol=1e-6)
    assert (voxels.left_out, voxels.used.tolist()) == (2, [True, False, True, True, False, True])
    np.testing.assert_allclose(voxels.medians(), np.median(expected / ceiling[kept], axis=1), atol=1e-5)
    np.testing.assert_allclose(voxels.medians(normalised=False), np.median(expected, axis=1), atol=1e-6)
    unknown = region_voxels(encoding_of(predictions), responses)
    assert unknown.left_out == 0
    np.testing.assert_allclose(unknown.medians(), unknown.medians(normalised=False))


def test_r_over_folds_is_that_of_values_centred_in_each_fold() -> None:
    rng = np.random.default_rng(0)
    folds = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
    predictions, responses = rng.normal(size=(1, 4, 10)), rng.normal(size=(10, 4))
    voxels = region_voxels(encoding_of(predictions, folds), responses)
    for voxel in range(4):
        a, b = predictions[0, voxel].copy(), responses[:, voxel].copy()
        for fold in range(3):
            a[folds == fold] -= a[folds == fold].mean()
            b[folds == fold] -= b[folds == fold].mean()
        assert voxels.scores()[0, voxel] == pytest.approx((a @ b) / np.sqrt((a @ a) * (b @ b)))


def test_centring_in_folds_removes_the_bias_of_pooled_predictions() -> None:
    """Features say nothing. A fit without a fold predicts a low mean where the mean of the fold is high."""
    features, _ = study(40)
    folds = stimulus_folds(40, 0)
    responses = np.random.default_rng(3).normal(size=(40, 1000))
    grams = [each @ each.T for each in features]
    layers = fold_layers(grams, folds, names=NAMES, alphas=[1e4])
    encoding = encode_folds(layers, responses, folds)
    goal = responses - responses.mean(axis=0)
    means = np.stack([goal[folds != fold].mean(axis=0) for fold in folds], axis=1)
    pooled = [
        np.corrcoef(p + mean, r)[0, 1]
        for p, mean, r in zip(encoding.predictions[0], means, goal.T, strict=True)
    ]
    assert np.mean(pooled) < -0.1
    assert abs(region_voxels(encoding, responses).scores()[0].mean()) < 0.04


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"responses": np.ones((9, 6))},
            "responses to the scored stimuli: expected real numbers (10 stimuli, 6",
        ),
        ({"responses": np.full((10, 6), 2.0)}, "responses, voxel 1: expected values that differ"),
        ({"responses": "nan"}, "responses, voxel 3: expected finite numbers, found NaN or infinity"),
        ({"predictions": "constant"}, "predictions of layer 1, voxel 2: expected values that differ"),
        ({"ceiling": np.zeros(6)}, "voxels with signal: expected at least one, found 6 ceilings of 0"),
        ({"ceiling": np.ones(5)}, "ceilings of voxels: expected 6 numbers from 0 to 1, found shape (5,)"),
        ({"ceiling": np.full(6, np.nan)}, "ceilings of voxels: expected 6 numbers from 0 to 1, found nan"),
        ({"ceiling": np.full(6, 1.5)}, "ceilings of voxels: expected 6 numbers from 0 to 1, found shape"),
        ({"few": True}, "scored stimuli: expected at least 4, found 3"),
    ],
)
def test_values_that_give_no_r_are_one_clear_line(change: dict[str, Any], message: str) -> None:
    rng = np.random.default_rng(0)
    predictions, responses = rng.normal(size=(2, 6, 10)), rng.normal(size=(10, 6))
    ceiling = np.array([0, 1, 1, 1, 1, 1])
    if isinstance(change.get("responses"), str):
        responses[4, 3] = np.nan
    else:
        responses = change.get("responses", responses)
    if "predictions" in change:
        predictions[1, 2] = 7.5
    if "few" in change:
        predictions, responses = predictions[:, :, :3], responses[:3]
    with pytest.raises(BadInput) as caught:
        region_voxels(encoding_of(predictions), responses, ceiling=change.get("ceiling", ceiling))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_best_layer_is_chosen_by_training_scores_alone() -> None:
    features, responses = study(60)
    grams = [each @ each.T for each in features]
    layers = ridge_layers(grams, np.arange(45), np.arange(45, 60), names=NAMES)
    encoding = encode_split(layers, in_memory(responses[:45]))
    assert best_layers(encoding.training[None]).tolist() == [1]
    # On other test responses the first layer would win, and the choice stays.
    swapped = encoding.predictions[0].T.astype(np.float64)
    assert region_voxels(encoding, swapped).medians().argmax() == 0
    # R squared of the training stimuli, from the predictions of a fit without each stimulus in turn.
    assert 0 < encoding.training[0, 1] < 1
    assert encoding.training[0, 0] < 0.1


def test_the_choice_of_a_layer_averages_subjects_and_takes_the_first_of_equals() -> None:
    training = np.array([[[0.1, 0.3, 0.2], [0.5, 0.5, 0.5]], [[0.2, 0.1, 0.4], [0.1, 0.1, 0.1 + 1e-9]]])
    assert best_layers(training).tolist() == [2, 0]
    with pytest.raises(BadInput, match=r"finite scores .*, found shape \(2, 2, 3\), 1 not finite"):
        best_layers(np.where(training == 0.4, np.nan, training))
    with pytest.raises(BadInput, match=r"expected finite scores \(subjects, fits, layers\)"):
        best_layers(training[0])


@pytest.mark.parametrize("alpha_by", ["generalised", "folds"])
def test_encoding_over_folds_equals_explicit_fits_and_never_sees_the_fold(alpha_by: Any) -> None:
    features, responses = study(30, n_voxels=3)
    folds, grams = stimulus_folds(30, 1), [each @ each.T for each in features]
    settings = {"alphas": [0.01, 1, 100], "precision": "float64"}
    layers = fold_layers(grams, folds, names=NAMES, alpha_by=alpha_by, **settings)
    encoding = encode_folds(layers, responses, folds)
    held_out = responses.copy()
    held_out[folds == 2] = np.random.default_rng(9).normal(size=held_out[folds == 2].shape)
    changed = encode_folds(layers, held_out, folds)
    np.testing.assert_array_equal(
        changed.predictions[:, :, folds == 2], encoding.predictions[:, :, folds == 2]
    )
    np.testing.assert_array_equal(changed.training[2], encoding.training[2])
    assert not np.array_equal(changed.training[0], encoding.training[0])
    for fold in range(int(folds.max()) + 1):
        others, own = folds != fold, folds == fold
        errors = ridge_errors(layers[fold], responses[others])
        expected_of_fold = np.median(1 - errors.min(axis=2), axis=1)
        np.testing.assert_allclose(encoding.training[fold], expected_of_fold, rtol=1e-12)
        alphas = layers[fold][1].alphas
        for voxel in range(responses.shape[1]):
            goal = responses[others, voxel]
            expected = [
                Ridge(alpha=alpha).fit(features[1][others], goal).predict(features[1][own]) - goal.mean()
                for alpha in alphas
            ]
            differs = np.abs(encoding.predictions[1, voxel, own] - expected).max(axis=1)
            assert differs.min() < 1e-8


@pytest.mark.parametrize("alpha_per", ["voxel", "region"])
def test_the_null_over_folds_is_the_encoding_of_permuted_responses(alpha_per: Any) -> None:
    features, responses = study(24)
    folds = stimulus_folds(24, 1)
    layers = fold_layers([each @ each.T for each in features], folds, names=NAMES, precision="float64")
    orders = stimulus_permutations(24, 7, 0)
    ceiling = np.array([0.0, *np.linspace(0.3, 0.9, 8)])
    null = refitted_null(
        layers, responses, folds, orders, ceiling=ceiling, alpha_per=alpha_per, memory=50_000
    )
    for index, order in enumerate(orders):
        encoding = encode_folds(layers, responses[order], folds, alpha_per=alpha_per)
        expected = region_voxels(encoding, responses[order], ceiling=ceiling).medians()
        np.testing.assert_allclose(null[:, index], expected, atol=1e-6)


def test_folds_that_do_not_fit_are_refused() -> None:
    features, responses = study(24)
    folds = stimulus_folds(24, 1)
    layers = fold_layers([features[0] @ features[0].T], folds, names=["early"])
    with pytest.raises(BadInput, match="encoding over folds: expected layers of 5 folds"):
        encode_folds(layers[1:], responses, folds)
    with pytest.raises(BadInput, match=r"expected .* responses \(24 stimuli, voxels\), found 5 folds, shape"):
        encode_folds(layers, responses[1:], folds)
    with pytest.raises(BadInput, match="folds of stimuli"):
        encode_folds(layers, responses, folds + 1)
