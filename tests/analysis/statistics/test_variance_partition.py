"""Unique and shared variance of voxels, against simulated truth and plain formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from simulated_partitions import covered
from sklearn.metrics import r2_score

from alignhouse.analysis.statistics.control_grams import control_gram, does_not_vary, why_no_gram
from alignhouse.analysis.statistics.variance_partition import (
    Splits,
    VoxelParts,
    fit_both,
    fit_set,
    partition,
    resampled_parts,
    voxel_parts,
)
from alignhouse.warehouse.errors import BadInput

Float = NDArray[np.float64]


def standardised(values: Float) -> Float:
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0))


def simulated(n: int, shares: dict[str, float], n_voxels: int) -> tuple[list[Float], list[Float], Float]:
    """Grams of two sets that share features, and responses with known shares of variance."""
    rng = np.random.default_rng(0)
    spaces = {name: rng.normal(size=(n, 6)) for name in ("one", "other", "common")}
    noise = 1 - sum(shares.values())
    responses = np.sqrt(noise) * rng.normal(size=(n, n_voxels))
    for name, share in shares.items():
        signal = standardised(spaces[name] @ rng.normal(size=(6, n_voxels)))
        responses += np.sqrt(share) * signal
    grams = {name: x @ x.T for name, x in spaces.items()}
    return [grams["one"], grams["common"]], [grams["common"], 50 * grams["other"]], responses


@pytest.mark.parametrize("has_split", [True, False])
def test_simulated_parts_are_near_the_truth(has_split: bool) -> None:
    shares = {"one": 0.3, "other": 0.15, "common": 0.25}
    one, other, responses = simulated(300, shares, n_voxels=40)
    splits = Splits.of(np.arange(180), np.arange(180, 300))
    if not has_split:
        splits = Splits.of((), (), np.arange(300) % 2)
    parts = partition(one, other, splits, responses, candidates=8)
    found = parts.medians()
    assert found["unique_one"] == pytest.approx(0.3, abs=0.04)
    assert found["unique_other"] == pytest.approx(0.15, abs=0.04)
    assert found["shared"] == pytest.approx(0.25, abs=0.05)
    assert found["both"] == pytest.approx(0.7, abs=0.04)
    normalised = parts.medians(np.full(40, np.sqrt(0.7)))
    assert normalised["unique_one"] == pytest.approx(found["unique_one"] / 0.7)


def test_a_fit_of_some_voxels_predicts_as_the_whole_one() -> None:
    one, _, responses = simulated(60, {"one": 0.2, "other": 0.1, "common": 0.1}, n_voxels=20)
    splits = Splits.of(range(40), [float(row) for row in range(40, 60)])
    assert splits.scored.dtype == np.intp
    whole = fit_set(one, splits, responses, names=["x", "y"], candidates=5, seed=3)
    some = np.array([3, 0, 17])
    np.testing.assert_array_equal(whole.of_voxels(some).predictions(splits), whole.predictions(splits)[some])


def test_the_joint_model_is_never_worse_on_the_training_stimuli() -> None:
    one, other, responses = simulated(60, {"one": 0.2, "other": 0.1, "common": 0.1}, n_voxels=20)
    splits = Splits.of(np.arange(40), np.arange(40, 60))
    how: dict[str, Any] = {"candidates": 5, "seed": 3}
    fits = [fit_set(each, splits, responses, names=["x", "y"], **how) for each in (one, other)]
    both = fit_both(*fits, splits, responses, **how)
    [joint], [first], [second] = both.fits, fits[0].fits, fits[1].fits
    singly = np.minimum(first.errors, second.errors)
    assert (joint.errors <= singly).all()
    assert (joint.errors < singly).any()
    # Where the joint model is the first set alone, the other set adds exactly nothing.
    parts = voxel_parts([each.predictions(splits) for each in (*fits, both)], responses[40:], splits.folds)
    is_first = (joint.chosen == -1) & (first.errors <= second.errors)
    assert is_first.any()
    np.testing.assert_array_equal(parts.unique_other[is_first], 0)


def test_parts_are_differences_of_r_squared_and_are_not_clipped() -> None:
    rng = np.random.default_rng(2)
    responses = rng.normal(size=(20, 3)) + 4
    predictions = [rng.normal(size=(3, 20)) for _ in range(3)]
    folds = np.zeros(20, int)
    parts = voxel_parts(predictions, responses, folds)
    r2 = []
    for each in predictions:
        centred = each - each.mean(axis=1, keepdims=True) + responses.mean(axis=0)[:, None]
        r2.append(r2_score(responses, centred.T, multioutput="raw_values"))
    for name, expected in zip(("one", "other", "both"), r2, strict=True):
        np.testing.assert_allclose(getattr(parts, name), expected, atol=1e-12)
    np.testing.assert_allclose(parts.unique_one, r2[2] - r2[1])
    np.testing.assert_allclose(parts.unique_other, r2[2] - r2[0])
    np.testing.assert_allclose(parts.shared, r2[0] + r2[1] - r2[2])
    assert parts.unique_one.min() < 0
    np.testing.assert_allclose(parts.unique_one + parts.unique_other + parts.shared, parts.both)
    # Means of folds count for nothing.
    folds = np.arange(20) % 2
    moved = voxel_parts([each + 9 * folds for each in predictions], responses - 5 * folds[:, None], folds)
    np.testing.assert_allclose(moved.both, voxel_parts(predictions, responses, folds).both)


def test_medians_leave_out_voxels_without_signal() -> None:
    parts = VoxelParts(np.array([0.1, 0.5, 0.2]), np.array([0.1, 0.9, 0.1]), np.array([0.2, -0.7, 0.3]))
    ceiling = np.array([0.5, 0, 1])
    assert parts.medians(ceiling)["unique_one"] == pytest.approx(np.median([0.1 / 0.25, 0.2]))
    assert parts.medians()["unique_one"] == pytest.approx(np.median([0.1, -1.6, 0.2]))
    with pytest.raises(BadInput, match="ceilings of voxels: expected 3 numbers from 0 to 1, not all 0"):
        parts.medians(np.zeros(3))
    with pytest.raises(BadInput, match="ceilings of voxels"):
        parts.medians([0.5, np.nan, 0.5])


def test_a_resample_equals_the_parts_of_repeated_stimuli() -> None:
    rng = np.random.default_rng(4)
    responses = rng.normal(size=(12, 5))
    predictions = [(responses.T + rng.normal(size=(5, 12))) / 2 for _ in range(3)]
    ceiling = np.array([0.4, 0.9, 0, 0.6, 1])
    counts = np.stack([np.bincount(rng.integers(0, 12, 12), minlength=12) for _ in range(70)])
    found = resampled_parts(predictions, responses, counts, ceiling=ceiling)
    for draw in (0, 69):
        rows = np.repeat(np.arange(12), counts[draw])
        again = voxel_parts([each[:, rows] for each in predictions], responses[rows], np.zeros(12, int))
        medians = again.medians(ceiling)
        np.testing.assert_allclose(found[:, draw], [medians["unique_one"], medians["unique_other"]])
        shared = resampled_parts(predictions, responses, counts, ceiling=ceiling, parts=["shared"])
        np.testing.assert_allclose(shared[:, draw], [medians["shared"]])
    with pytest.raises(BadInput, match="counts \\(resamples, 12\\)"):
        resampled_parts(predictions, responses, counts[:, 1:])
    with pytest.raises(BadInput, match="a voxel whose responses are equal"):
        resampled_parts(predictions, responses, 12 * np.eye(12, dtype=int)[:2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, y: (p[:2], y), "predictions of three models"),
        (lambda p, y: (p, y[:-1]), "predictions of three models"),
        (lambda p, y: ([each[:, :3] for each in p], y[:3]), "scored stimuli: expected at least 4, found 3"),
        (lambda p, y: (p, y * [1, 0]), "responses to the scored stimuli, voxel 1: expected finite values"),
        (lambda p, y: (p, y * [1, np.nan]), "responses to the scored stimuli, voxel 1"),
        (lambda p, y: ([p[0], p[1], p[2] * np.nan], y), "predictions of voxels: expected finite numbers"),
    ],
)
def test_bad_predictions_and_responses_are_refused(change: Any, message: str) -> None:
    rng = np.random.default_rng(5)
    predictions, responses = change([rng.normal(size=(2, 8)) for _ in range(3)], rng.normal(size=(8, 2)))
    with pytest.raises(BadInput, match=message):
        voxel_parts(predictions, responses, np.zeros(len(responses), int))


def gram_of(rows: Float) -> Float:
    centred = rows - rows.mean(axis=0)
    return np.asarray(centred @ centred.T)


def test_distances_of_controls_become_the_inner_products_of_their_features() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(9, 4))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    z = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    for distances, name, expected in (
        (pdist(x), "euclidean", gram_of(x)),
        (pdist(x) ** 2, "squared_euclidean", gram_of(x)),
        (pdist(x[:, :1], "cityblock"), "absolute difference", gram_of(x[:, :1])),
        # Half the squared distance of vectors of length 1, and of z-scored ones with their number of values.
        (pdist(x, "cosine"), "cosine", gram_of(unit) / 2),
        (pdist(x, "correlation"), "correlation", gram_of(z) / (2 * 4)),
    ):
        found = control_gram(distances, name)
        np.testing.assert_allclose(found, expected, atol=1e-12)
        assert why_no_gram(found) == ""


def test_labels_have_a_gram_by_jaccard_and_not_by_its_square() -> None:
    has = np.random.default_rng(7).random((40, 8)) < 0.4
    has[:, 0] = True
    distances = pdist(has, "jaccard")
    assert why_no_gram(control_gram(distances, "jaccard")) == ""
    assert "not Euclidean: smallest eigenvalue -0.0" in why_no_gram(control_gram(distances, "euclidean"))
    with pytest.raises(BadInput, match="distance of a control: expected euclidean"):
        control_gram(distances, "cityblock")


def test_a_control_that_is_equal_within_a_fold_is_found() -> None:
    gram = gram_of(np.array([[0.0], [0], [0], [1], [2]]))
    assert does_not_vary(gram, [np.arange(5), np.arange(3)])
    assert not does_not_vary(gram, [np.arange(5), np.array([2, 3])])
    # The unit of the control does not matter.
    assert not does_not_vary(gram * 1e-9, [np.arange(5), np.array([2, 3])])
    assert why_no_gram(gram * 1e-9) == ""
    assert "not Euclidean" in why_no_gram(-gram)
    assert "not Euclidean" in why_no_gram(np.zeros((5, 5)))


@pytest.mark.slow
def test_intervals_contain_the_truth_and_are_not_above_0_for_a_set_that_adds_nothing() -> None:
    inside, above, _ = covered(30, {"one": 0.2, "other": 0.1, "common": 0.15})
    assert inside.min() >= 0.9
    assert above[0] > 0.8
    inside, above, _ = covered(30, {"one": 0.3, "common": 0.15})
    assert inside[0] >= 0.9
    assert above[0] > 0.9
    assert above[1] <= 0.1


@pytest.mark.slow
def test_intervals_of_two_networks_contain_the_truth() -> None:
    inside, above, truth = covered(30, {"one": 0.2, "other": 0.1, "common": 0.15}, bands=False)
    assert inside.min() >= 0.9
    assert truth.min() > 0.04
    # Two networks that explain the same: neither adds anything.
    inside, above, truth = covered(30, {"common": 0.35}, bands=False)
    assert above[:2].tolist() == [0, 0]
    assert above[2] > 0.8
    assert inside[2] >= 0.9
    assert truth[:2].max() < 0
