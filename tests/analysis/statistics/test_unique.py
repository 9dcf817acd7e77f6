"""Tests of the unique variance given control RDMs, against explicit regressions and permutations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from given_controls_plainly import partial_pearson, permuted, residual
from numpy.typing import NDArray
from simulated_controls import rates_of_candidates, unique_false_positives

from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.unique import UniqueScores, linear_brains, unique_scores
from alignhouse.warehouse.errors import BadInput

Array = NDArray[Any]
N_STIMULI, N_PAIRS, N_ORDERS = 18, 153, 40


def of_subjects(x: Array, brain: Array, controls: Array, pairs: Array) -> list[float]:
    """Partial r of a layer with each subject, among the pairs (S, P) that the subject saw."""
    return [
        partial_pearson(x[own], each[own], controls[:, own]) for each, own in zip(brain, pairs, strict=True)
    ]


def check(found: UniqueScores, layers: Array, brain: Array, controls: Array, pairs: Array) -> set[int]:
    """Compare with regressions: of each layer, of each permuted layer, and of each permuted residual.

    Returns which of the two nulls decide: the first, the second, or both.
    """
    r = np.array([of_subjects(layer, brain, controls, pairs) for layer in layers])
    assert found.r == pytest.approx(r, abs=1e-10)
    assert found.mean == pytest.approx(r.mean(axis=1), abs=1e-10)
    orders = stimulus_permutations(N_STIMULI, N_ORDERS, 0)
    nulls = np.empty((2, len(layers), N_ORDERS))
    for kind, rows in enumerate((layers, [residual(layer, controls) for layer in layers])):
        for index, row in enumerate(rows):
            for draw, order in enumerate(orders):
                moved = permuted(row, order)
                nulls[kind, index, draw] = np.mean(of_subjects(moved, brain, controls, pairs))
    higher = (nulls >= found.mean[:, None] - 1e-7).sum(axis=2).max(axis=0)
    assert found.p_layer.tolist() == pytest.approx((1 + higher) / (1 + N_ORDERS))
    highest = (nulls.max(axis=1)[:, None] >= found.mean[:, None] - 1e-7).sum(axis=2).max(axis=0)
    assert found.p_family.tolist() == pytest.approx((1 + highest) / (1 + N_ORDERS))
    counts = (nulls >= found.mean[:, None]).sum(axis=2)
    return set(counts.argmax(axis=0)[counts[0] != counts[1]].tolist())


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def controls(random: np.random.Generator) -> Array:
    return random.random((4, N_PAIRS))


@pytest.fixture
def layers(random: np.random.Generator, controls: Array) -> Array:
    """Half of them are near to the controls."""
    return random.random((6, N_PAIRS)) + np.array([0, 0, 0, 3, 3, 3])[:, None] * controls.sum(axis=0)


def scored(
    layers: Array, brain: dict[str, Array], controls: Array, seen: Any = None
) -> dict[str, UniqueScores]:
    orders = stimulus_permutations(N_STIMULI, N_ORDERS, 0)
    return unique_scores(layers, linear_brains(brain, controls, None, seen), orders)


def test_scores_and_both_nulls_equal_explicit_regressions(
    random: np.random.Generator, controls: Array, layers: Array
) -> None:
    brain = {
        "V1": random.random((3, N_PAIRS)) + controls[0] + 0.1 * layers[4],
        "EBA": random.random((1, N_PAIRS)),
    }
    decided = {
        kind
        for roi, found in scored(layers, brain, controls).items()
        for kind in check(found, layers, brain[roi], controls, np.ones((len(brain[roi]), N_PAIRS), bool))
    }
    assert decided == {0, 1}


def test_subjects_who_saw_other_stimuli_count_with_the_pairs_that_they_saw(
    random: np.random.Generator, controls: Array, layers: Array
) -> None:
    seen = {"V1": np.ones((4, N_STIMULI), bool), "EBA": np.ones((1, N_STIMULI), bool)}
    seen["V1"][[0, 1], 16:] = False
    seen["V1"][2, :1] = False
    first, second = np.triu_indices(N_STIMULI, 1)
    pairs = {roi: each[:, first] & each[:, second] for roi, each in seen.items()}
    brain = {
        roi: np.where(own, random.random(own.shape) + controls[0] + 0.1 * layers[4], np.nan)
        for roi, own in pairs.items()
    }
    found = scored(layers, brain, controls, seen)
    decided = [check(found[roi], layers, brain[roi], controls, pairs[roi]) for roi in found]
    assert set.union(*decided) == {0, 1}


def test_a_layer_that_is_a_combination_of_the_controls_has_no_test(
    random: np.random.Generator, controls: Array, layers: Array
) -> None:
    layers[1] = 3 * controls[0] + 0.1 * controls[2] + 5
    layers[2] = 7.7
    brain = {"V1": random.random((2, N_PAIRS))}
    found = scored(layers, brain, controls)["V1"]
    for values in (found.mean, found.p_layer, found.p_family):
        assert np.isnan(values).tolist() == [False, True, True, False, False, False]
    # They do not count among the layers of their network either.
    others = np.array([0, 3, 4, 5])
    alone = scored(layers[others], brain, controls)["V1"]
    assert found.p_family[others].tolist() == alone.p_family.tolist()


def test_progress_is_told_for_all_groups_of_subjects(
    random: np.random.Generator, controls: Array, layers: Array
) -> None:
    seen = {"V1": np.ones((2, N_STIMULI), bool)}
    seen["V1"][1, 0] = False
    brains = linear_brains({"V1": random.random((2, N_PAIRS))}, controls, None, seen)
    told: list[tuple[int, int]] = []
    orders = stimulus_permutations(N_STIMULI, 20, 0)
    unique_scores(layers, brains, orders, tick=lambda done, total: told.append((done, total)))
    assert told == [(20, 40), (40, 40)]


def test_families_are_corrected_apart(random: np.random.Generator, controls: Array, layers: Array) -> None:
    brains = linear_brains({"V1": random.random((3, N_PAIRS))}, controls)
    orders = stimulus_permutations(N_STIMULI, 50, 0)
    together = unique_scores(layers, brains, orders, families=[slice(0, 2), slice(2, 6)])["V1"]
    alone = [unique_scores(layers[some], brains, orders)["V1"] for some in (slice(0, 2), slice(2, 6))]
    assert together.p_family.tolist() == [p for each in alone for p in each.p_family]
    assert together.p_layer.tolist() == [p for each in alone for p in each.p_layer]


def test_a_brain_that_is_made_of_the_controls_is_named(random: np.random.Generator, controls: Array) -> None:
    made = controls.T @ [1, 0, 2, 0]
    with pytest.raises(BadInput, match="region EBA, row 1") as error:
        linear_brains({"EBA": np.stack([random.random(N_PAIRS), made])}, controls)
    assert "a combination of the controls' dissimilarities" in str(error.value)


def test_few_layers_are_significant_if_they_add_nothing_to_the_controls() -> None:
    # Four standard errors of a share of .05 in 150 studies.
    assert unique_false_positives(150, n=10) <= 0.05 + 0.071


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "subjects", "seen"), [(10, 1, 1.0), (10, 4, 1.0), (24, 4, 1.0), (24, 6, 0.7), (40, 4, 1.0)]
)
def test_the_error_rate_of_unique_tests_is_that_of_their_level(n: int, subjects: int, seen: float) -> None:
    assert 0.03 <= unique_false_positives(2000, n=n, subjects=subjects, seen=seen, seed=1) <= 0.06


@pytest.mark.slow
@pytest.mark.parametrize("related", [0.0, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("subjects", [1, 4])
def test_only_the_larger_of_two_p_values_holds_its_level_with_ten_stimuli(
    related: float, subjects: int
) -> None:
    found = rates_of_candidates(4000, n=10, related=related, subjects=subjects, seed=21)
    assert 0.04 <= found["larger"] <= 0.06
    for name in ("layer", "residual", "brain"):
        assert found[name] > 0.06, name
    if subjects > 1 and related > 0.2:
        # Subjects share what the stimuli happen to have in common.
        assert found["subjects"] > 0.07
