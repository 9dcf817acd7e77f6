"""Controls where subjects saw different stimuli, against explicit computations on what each of them saw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from given_controls_plainly import cross_validated_r2, partial_spearman, permuted, residual
from numpy.typing import NDArray
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from alignhouse.analysis.statistics.bootstrap import STIMULI, SUBJECTS, resample_counts
from alignhouse.analysis.statistics.partial_bootstrap import fewest_distinct, partial_bootstrap
from alignhouse.analysis.statistics.partial_seen import (
    partial_scores_partly_seen,
    residuals_partly_seen,
    variance_partly_seen,
)
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.regression import stimulus_folds
from alignhouse.analysis.statistics.seen import pairs_of
from alignhouse.warehouse.errors import BadInput

Array = NDArray[Any]
N_STIMULI, N_PAIRS, N_ORDERS = 20, 190, 25
NAMES = [f"layer {index}" for index in range(4)]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(6)


@pytest.fixture
def seen() -> dict[str, Array]:
    """Two subjects of V1 saw the same 18 stimuli, one saw 17 others, and one saw all."""
    seen = {"V1": np.ones((4, N_STIMULI), bool), "EBA": np.ones((1, N_STIMULI), bool)}
    seen["V1"][[0, 2], 18:] = False
    seen["V1"][1, :3] = False
    return seen


@pytest.fixture
def controls(random: np.random.Generator) -> Array:
    # Ties, as labels have.
    return random.integers(0, 15, (3, N_PAIRS)).astype(float)


@pytest.fixture
def layers(random: np.random.Generator, controls: Array) -> Array:
    return random.random((4, N_PAIRS)) * 9 + np.arange(4)[:, None] * controls[0]


@pytest.fixture
def brain(random: np.random.Generator, seen: dict[str, Array], controls: Array, layers: Array) -> Any:
    """NaN for pairs that were not seen."""
    return {
        roi: np.where(pairs_of(own), random.random((len(own), N_PAIRS)) * 9 + controls[1] + layers[3], np.nan)
        for roi, own in seen.items()
    }


def means(x: Array, brain: Array, controls: Array, seen: Array) -> list[float]:
    """Partial Spearman correlations of a layer with each subject, on what it saw."""
    return [
        partial_spearman(x[own], each[own], controls[:, own])
        for each, own in zip(brain, pairs_of(seen), strict=True)
    ]


def test_scores_and_nulls_equal_regressions_of_the_ranks_of_what_each_subject_saw(
    seen: Any, brain: Any, controls: Array, layers: Array
) -> None:
    orders = stimulus_permutations(N_STIMULI, N_ORDERS, 0)
    brains = residuals_partly_seen(brain, controls, None, seen)
    found = partial_scores_partly_seen(
        layers, brains, orders, layer_names=NAMES, families=[slice(0, 1), slice(1, 4)]
    )
    for roi, of_roi in found.items():
        rho = np.array([means(layer, brain[roi], controls, seen[roi]) for layer in layers])
        assert of_roi.rho == pytest.approx(rho, abs=1e-10)
        null = np.array(
            [
                [np.mean(means(permuted(layer, order), brain[roi], controls, seen[roi])) for order in orders]
                for layer in layers
            ]
        )
        mean = rho.mean(axis=1, keepdims=True)
        higher = (np.abs(null) >= np.abs(mean) - 1e-7).sum(axis=1)
        assert of_roi.p_layer.tolist() == pytest.approx((1 + higher) / (1 + N_ORDERS))
        highest = np.concatenate([null[:1], np.repeat(null[1:].max(axis=0)[None], 3, axis=0)])
        count = (highest >= mean - 1e-7).sum(axis=1)
        assert of_roi.p_family.tolist() == pytest.approx((1 + count) / (1 + N_ORDERS))
        assert len(set(of_roi.p_layer.tolist())) > 1


def test_a_layer_of_which_nothing_is_left_for_one_subject_has_no_scores(
    random: np.random.Generator, seen: Any, brain: Any, controls: Array, layers: Array
) -> None:
    # Equal to a control among the stimuli that one of the subjects saw.
    layers[1] = np.where(pairs_of(seen["V1"][1]), controls[2], random.random(N_PAIRS))
    brains = residuals_partly_seen(brain, controls, None, seen)
    orders = stimulus_permutations(N_STIMULI, 10, 0)
    for of_roi in partial_scores_partly_seen(layers, brains, orders, layer_names=NAMES).values():
        for values in (of_roi.mean, of_roi.p_layer, of_roi.p_family):
            assert np.isnan(values).tolist() == [False, True, False, False]


def test_a_layer_that_is_constant_among_what_a_subject_saw_is_named(
    seen: Any, brain: Any, controls: Array, layers: Array
) -> None:
    layers[2] = np.where(pairs_of(seen["V1"][1]), 1, layers[2])
    brains = residuals_partly_seen(brain, controls, None, seen)
    orders = stimulus_permutations(N_STIMULI, 2, 0)
    with pytest.raises(BadInput, match=f"RDM of {NAMES[2]} cannot be ranked"):
        partial_scores_partly_seen(layers, brains, orders, layer_names=NAMES)


def test_resamples_equal_regressions_of_what_each_subject_saw_of_them(
    seen: Any, brain: Any, controls: Array, layers: Array
) -> None:
    brains = residuals_partly_seen(brain, controls, None, seen)
    orders = stimulus_permutations(N_STIMULI, 4, 0)
    scores = partial_scores_partly_seen(layers, brains, orders, layer_names=NAMES)
    observed = {roi: each.rho for roi, each in scores.items()}
    found = partial_bootstrap(layers, brain, controls, observed, draws=7, seed=3, seen=seen)
    sets = np.unique(np.concatenate(list(seen.values())), axis=0)
    counts = resample_counts(N_STIMULI, 7, 3, STIMULI, fewest=fewest_distinct(3), seen=sets)
    drawn = resample_counts(4, 7, 3, SUBJECTS)
    for draw, of_stimuli in enumerate(counts):
        for index, layer in enumerate(layers):
            rho = []
            for rdm, own in zip(brain["V1"], seen["V1"], strict=True):
                members = np.repeat(np.arange(N_STIMULI), of_stimuli * own)
                first, second = np.triu_indices(len(members), 1)
                kept = members[first] != members[second]

                def resampled(rdm: Array, members: Array = members, kept: Array = kept) -> Array:
                    square = squareform(rdm, checks=False)[np.ix_(members, members)]
                    return squareform(square, checks=False)[kept]

                given = np.stack([resampled(each) for each in controls])
                rho.append(partial_spearman(resampled(layer), resampled(rdm), given))
            assert found["V1"].stimuli[index, draw] == pytest.approx(np.mean(rho), abs=1e-9)
            both = found["V1"].both
            assert both is not None
            assert both[index, draw] == pytest.approx(np.dot(rho, drawn[draw]) / 4, abs=1e-9)
    assert found["EBA"].both is None


def test_variance_equals_regressions_on_folds_of_what_each_subject_saw(
    seen: Any, brain: Any, controls: Array, layers: Array
) -> None:
    regressed = variance_partly_seen(layers, brain, controls, seen, 5)
    assert regressed is not None
    folds, found = regressed
    # Seventeen stimuli make four folds, twenty make five.
    assert folds == 4
    for roi, rdms in brain.items():
        for subject, (rdm, own) in enumerate(zip(rdms, seen[roi], strict=True)):
            pairs, of_subject = pairs_of(own), stimulus_folds(int(own.sum()), 5)
            given = controls[:, pairs]
            of_controls = cross_validated_r2(given, rdm[pairs], of_subject)
            for index, layer in enumerate(layers[:, pairs]):
                place = (index, subject)
                alone = cross_validated_r2(layer[None], rdm[pairs], of_subject)
                both = cross_validated_r2(np.vstack([given, layer]), rdm[pairs], of_subject)
                assert found[roi].controls[place] == pytest.approx(of_controls, abs=1e-10)
                assert found[roi].layer[place] == pytest.approx(alone, abs=1e-10)
                assert found[roi].both[place] == pytest.approx(both, abs=1e-10)


def test_a_subject_who_saw_too_few_stimuli_for_two_folds_leaves_no_variance(
    seen: Any, brain: Any, controls: Array, layers: Array
) -> None:
    seen["V1"][3, 7:] = False
    assert variance_partly_seen(layers, brain, controls, seen, 5) is None


def test_the_plain_helpers_know_scipys_ranks() -> None:
    """Without controls, what the other tests compare with is Spearman's rho."""
    x, y = np.array([3.0, 1, 2, 2, 9]), np.array([1.0, 0, 5, 4, 4])
    expected = np.corrcoef(rankdata(x), rankdata(y))[0, 1]
    assert partial_spearman(x, y, np.empty((0, 5))) == pytest.approx(expected)
    assert residual(x, y[None]) @ y == pytest.approx(0, abs=1e-12)
