"""Layers chosen on some stimuli and scored on others, against a simple loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from network_alone import choose_on_halves, choose_on_train
from numpy.typing import NDArray
from scipy.spatial.distance import squareform
from scipy.stats import spearmanr

from alignhouse.analysis.kernels.similarity import spearman
from alignhouse.analysis.statistics.layer_choice import (
    choice_from_scores,
    random_halves,
    scores_on_halves,
)
from alignhouse.warehouse.errors import BadInput

Float = NDArray[np.float64]


def plain_score(model: Float, brain: Float, chosen: NDArray[np.bool_]) -> float:
    """Mean rho over subjects, on the sub-matrix of some stimuli."""
    part = np.ix_(chosen, chosen)
    sub = [squareform(squareform(each)[part]) for each in (model, *brain)]
    return float(np.mean([spearmanr(sub[0], each).statistic for each in sub[1:]]))


def plain_choice(models: Float, brain: Float, halves: NDArray[Any]) -> tuple[float, Float]:
    votes, scores = np.zeros(len(models)), []
    for half in halves.astype(bool):
        best = int(np.argmax([plain_score(model, brain, half) for model in models]))
        votes[best] += 1
        scores.append(plain_score(models[best], brain, ~half))
    return float(np.mean(scores)), votes / len(halves)


@pytest.mark.parametrize("n", [10, 11])
def test_halves_choose_and_score_as_a_plain_loop_does(simulated_rdms: Any, n: int) -> None:
    models = simulated_rdms(4, n, 0, ties=True)
    brain = {"V1": simulated_rdms(3, n, 1), "V2": simulated_rdms(2, n, 2, ties=True)}
    found = choose_on_halves(models, brain, halvings=6, seed=5)
    for roi, subjects in brain.items():
        score, votes = plain_choice(models, subjects, random_halves(n, 6, 5))
        assert found[roi].score == pytest.approx(score, abs=1e-12)
        np.testing.assert_allclose(found[roi].votes, votes, atol=1e-15)
        assert found[roi].layer == int(np.argmax(votes))
        assert (found[roi].chosen_on, found[roi].choices) == ("halves", 12)


def test_the_train_split_chooses_and_the_rest_scores(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(4, 12, 0), simulated_rdms(3, 12, 1)
    train = np.arange(12) % 3 > 0
    found = choose_on_train(models, {"V1": brain}, train)["V1"]
    best = int(np.argmax([plain_score(model, brain, train) for model in models]))
    assert (found.layer, found.votes[best], found.choices, found.chosen_on) == (best, 1, 1, "train")
    assert found.score == pytest.approx(plain_score(models[best], brain, ~train), abs=1e-12)


def test_each_halving_splits_the_stimuli_in_two() -> None:
    halves = random_halves(11, 50, 0)
    np.testing.assert_array_equal(halves[::2] + halves[1::2], 1)
    assert (halves[::2].sum(axis=1) == 5).all()
    # Each stimulus is in the first half 5 times of 11: 23 of 50, with a standard deviation of 3.5.
    assert halves[::2].sum(axis=0).min() > 8


def test_halvings_depend_on_the_arguments_alone_and_more_of_them_keep_the_first() -> None:
    np.testing.assert_array_equal(random_halves(9, 40, 2)[:6], random_halves(9, 3, 2))
    assert not np.array_equal(random_halves(9, 3, 2), random_halves(9, 3, 3))


def test_a_layer_that_is_truly_best_gets_the_votes() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=276)
    models = np.stack([rng.normal(size=276), truth + rng.normal(size=276), rng.normal(size=276)])
    found = choose_on_halves(models, {"V1": truth + rng.normal(size=(5, 276))}, halvings=20)["V1"]
    assert found.layer == 1
    assert found.votes[1] > 0.95


def test_without_alignment_the_maximum_is_above_zero_and_the_choice_is_not() -> None:
    rng = np.random.default_rng(0)
    highest, chosen = [], []
    for _ in range(60):
        models, brain = rng.normal(size=(12, 66)), rng.normal(size=(2, 66))
        highest.append(spearman(models, brain).mean(axis=1).max())
        chosen.append(choose_on_halves(models, {"V1": brain}, halvings=5)["V1"].score)
    # The choice of one study has an SD of about .1, so the mean of 60 has a standard error of about .015.
    assert np.mean(highest) > 0.1
    assert abs(np.mean(chosen)) < 0.05


def test_layers_that_tie_go_to_the_first() -> None:
    found = choice_from_scores([[0.2, 0.1], [0.2, 0.3]], [[0.5, 0.6], [0.7, 0.8]], "halves")
    assert (found.votes.tolist(), found.layer, found.score) == ([0.5, 0.5], 0, pytest.approx(0.65))


def test_single_precision_changes_results_very_little(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(4, 20, 0), {"V1": simulated_rdms(3, 20, 1)}
    double = choose_on_halves(models, brain, halvings=5)["V1"]
    single = choose_on_halves(models, brain, halvings=5, precision="float32", memory=1)["V1"]
    assert single.score == pytest.approx(double.score, abs=1e-6)


def test_too_few_stimuli_are_refused(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(2, 7, 0), {"V1": simulated_rdms(2, 7, 1)}
    with pytest.raises(BadInput, match="halves: stimuli: expected at least 8, found 7"):
        choose_on_halves(models, brain)
    with pytest.raises(BadInput, match="train: other stimuli: expected at least 4, found 1"):
        choose_on_train(models, brain, np.arange(7) > 0)
    with pytest.raises(BadInput, match="training stimuli: expected 7"):
        choose_on_train(models, brain, np.ones(6, bool))
    with pytest.raises(BadInput, match="train: training stimuli: expected at least 4, found 1"):
        choose_on_train(models, brain, np.arange(7) < 1)
    with pytest.raises(BadInput, match="halves: halvings: expected at least 1, found 0"):
        random_halves(9, 0, 0)
    with pytest.raises(BadInput, match="halves: seed: expected at least 0, found -1"):
        random_halves(9, 1, -1)
    with pytest.raises(BadInput, match=r"RDMs of layers: expected \(layers, pairs\), found shape \(21,\)"):
        choose_on_halves(models[0], brain)


def test_the_least_number_of_stimuli_is_enough(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(2, 8, 0), {"V1": simulated_rdms(2, 8, 1)}
    assert random_halves(8, 1, 0).sum(axis=1).tolist() == [4, 4]
    # Numbers are accepted for true and false.
    found, expected = (choose_on_train(models, brain, each)["V1"] for each in ([1, 0] * 4, [True, False] * 4))
    assert (
        found.score
        == expected.score
        == pytest.approx(plain_score(models[found.layer], brain["V1"], np.arange(8) % 2 == 1), abs=1e-12)
    )


def test_halves_stay_what_they_were_when_this_was_written() -> None:
    first = [1, 0, 1, 1, 1, 0, 0, 0]
    assert random_halves(8, 1, 0).tolist() == [first, [1 - each for each in first]]


def test_a_bad_layer_is_named(simulated_rdms: Any) -> None:
    models = simulated_rdms(2, 8, 0)
    models[1, 2] = np.inf
    with pytest.raises(BadInput, match="RDM of fc"):
        choose_on_halves(models, {"V1": simulated_rdms(2, 8, 1)}, layer_names=["conv", "fc"])


@pytest.mark.parametrize(
    ("choosing", "scoring"), [([[0.1]], [[np.nan]]), ([[0.1]], [[0.1, 0.2]]), ([0.1], [0.1])]
)
def test_scores_that_do_not_fit_are_refused(choosing: Any, scoring: Any) -> None:
    with pytest.raises(BadInput, match="choice of a layer"):
        choice_from_scores(choosing, scoring, "train")


def test_steps_of_halves_rise_to_all_halves(simulated_rdms: Any) -> None:
    told: list[tuple[int, int]] = []
    models, brain = simulated_rdms(2, 8, 0), {"V1": simulated_rdms(3, 8, 1)}
    scores_on_halves(
        models, brain, halvings=3, seed=0, memory=1, tick=lambda done, total: told.append((done, total))
    )
    [total] = {total for _, total in told}
    assert [done for done, _ in told] == list(range(1, total + 1))
    assert total > 1
