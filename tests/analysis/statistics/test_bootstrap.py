"""Bootstraps of scores, against explicit resamples and against rsatoolbox."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from resampled_plainly import plain_scores

from alignhouse.analysis.kernels.similarity import spearman
from alignhouse.analysis.statistics.bootstrap import (
    STIMULI,
    SUBJECTS,
    bootstrap_scores,
    difference_scores,
    median_scores,
    resample_counts,
    some_scores,
    stacked_scores,
)
from alignhouse.analysis.statistics.intervals import dual_interval
from alignhouse.analysis.statistics.resampling import resampled_scores
from alignhouse.warehouse.errors import BadInput

Float = NDArray[np.float64]


def correlated(rng: np.random.Generator, rows: int, n: int, shared: Float | None = None) -> Float:
    """RDMs of patterns with a common part, so that scores are neither 0 nor 1."""
    row, column = np.triu_indices(n, 1)
    patterns = rng.normal(size=(rows, n, 6))
    if shared is not None:
        patterns = patterns + shared
    return np.asarray(np.linalg.norm(patterns[:, row] - patterns[:, column], axis=-1))


@pytest.mark.parametrize("ties", [False, True])
def test_resampled_scores_are_those_of_resamples_written_out_and_ranked_by_scipy(
    simulated_rdms: Any, ties: bool
) -> None:
    models = np.vstack([simulated_rdms(2, 9, 0, ties=ties), simulated_rdms(1, 9, 1)])
    brain = {"V1": simulated_rdms(3, 9, 2, ties=ties), "V2": simulated_rdms(2, 9, 3)}
    stimuli = resample_counts(9, 20, 0, STIMULI, fewest=3)
    subjects = {roi: resample_counts(len(each), 20, 0, SUBJECTS) for roi, each in brain.items()}
    found = resampled_scores(models, brain, stimuli, subjects)
    for roi, each in brain.items():
        all_subjects = plain_scores(models, each, stimuli)
        drawn = plain_scores(models, each, stimuli, subjects[roi])
        np.testing.assert_allclose(found[roi].all_subjects, all_subjects, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found[roi].drawn_subjects, drawn, rtol=0, atol=1e-12)


def test_every_stimulus_once_is_the_plain_score(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(3, 12, 0, ties=True), simulated_rdms(4, 12, 1)
    found = resampled_scores(models, {"V1": brain}, np.ones((1, 12), int))["V1"]
    np.testing.assert_allclose(found.all_subjects[:, 0], spearman(models, brain).mean(axis=1), atol=1e-15)
    assert found.drawn_subjects is None


def test_single_precision_and_little_memory_change_results_very_little(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(5, 30, 0), {"V1": simulated_rdms(3, 30, 1)}
    plenty = bootstrap_scores(models, brain, draws=40)["V1"]
    little = bootstrap_scores(models, brain, draws=40, memory=1)["V1"]
    single = bootstrap_scores(models, brain, draws=40, precision="float32")["V1"]
    for kind in ("stimuli", "subjects", "both"):
        np.testing.assert_allclose(getattr(little, kind), getattr(plenty, kind), rtol=0, atol=1e-13)
        np.testing.assert_allclose(getattr(single, kind), getattr(plenty, kind), rtol=0, atol=1e-6)
        assert getattr(single, kind).dtype == np.float32


def test_the_three_resamplings_share_their_draws(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(2, 10, 0), simulated_rdms(4, 10, 1)
    found = bootstrap_scores(models, {"V1": brain}, draws=15, seed=3)["V1"]
    stimuli = resample_counts(10, 15, 3, STIMULI, fewest=3)
    subjects = resample_counts(4, 15, 3, SUBJECTS)
    np.testing.assert_allclose(found.stimuli, plain_scores(models, brain, stimuli), atol=1e-12)
    np.testing.assert_allclose(found.both, plain_scores(models, brain, stimuli, subjects), atol=1e-12)
    rho = spearman(models, brain)
    np.testing.assert_allclose(found.subjects, (rho @ subjects.T) / 4, atol=1e-12)
    np.testing.assert_allclose(found.observed, rho.mean(axis=1), atol=1e-15)


def test_the_smallest_study_is_resampled_with_three_stimuli_or_more(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(2, 4, 0), simulated_rdms(2, 4, 1)
    stimuli = resample_counts(4, 60, 0, STIMULI, fewest=3)
    found = bootstrap_scores(models, {"V1": brain}, draws=60)["V1"]
    np.testing.assert_allclose(found.stimuli, plain_scores(models, brain, stimuli), atol=1e-12)


def test_networks_and_regions_meet_the_same_draws(simulated_rdms: Any) -> None:
    a, b = simulated_rdms(2, 10, 0), simulated_rdms(3, 10, 5)
    brain = {"V1": simulated_rdms(4, 10, 1), "V2": simulated_rdms(4, 10, 2), "V3": simulated_rdms(2, 10, 3)}
    together = bootstrap_scores(np.vstack([a, b]), brain, draws=12)
    alone = bootstrap_scores(b, {"V2": brain["V2"]}, draws=12)
    np.testing.assert_allclose(together["V2"].both[2:], alone["V2"].both, atol=1e-14)


def test_the_best_layer_is_chosen_anew_in_every_resample(simulated_rdms: Any) -> None:
    found = bootstrap_scores(simulated_rdms(4, 8, 0), {"V1": simulated_rdms(3, 8, 1)}, draws=25)["V1"]
    best = found.best_layer()
    assert best.observed.tolist() == [found.observed.max()]
    for kind in ("stimuli", "subjects", "both"):
        np.testing.assert_array_equal(getattr(best, kind)[0], getattr(found, kind).max(axis=0))


def test_a_single_subject_is_not_resampled(simulated_rdms: Any) -> None:
    found = bootstrap_scores(simulated_rdms(2, 8, 0), {"V1": simulated_rdms(1, 8, 1)}, draws=5)["V1"]
    assert (found.subjects, found.both, found.n_subjects) == (None, None, 1)
    assert found.best_layer().both is None
    assert found.stimuli.shape == (2, 5)


def test_medians_and_differences_are_taken_draw_by_draw(simulated_rdms: Any) -> None:
    brain = {"V1": simulated_rdms(3, 8, 9)}
    networks = [bootstrap_scores(simulated_rdms(2, 8, seed), brain, draws=10)["V1"] for seed in range(3)]
    median = median_scores(networks)
    both = np.median([each.both for each in networks], axis=0)
    np.testing.assert_array_equal(median.both, both)
    np.testing.assert_array_equal(median.observed, np.median([each.observed for each in networks], axis=0))
    difference = difference_scores(networks[0], median)
    np.testing.assert_array_equal(difference.both, networks[0].both - both)
    together = stacked_scores([networks[1], difference])
    np.testing.assert_array_equal(some_scores(together, slice(2, 4)).subjects, difference.subjects)


def test_a_network_does_not_differ_from_itself(simulated_rdms: Any) -> None:
    one = bootstrap_scores(simulated_rdms(2, 8, 0), {"V1": simulated_rdms(3, 8, 9)}, draws=10)["V1"]
    assert not difference_scores(one, one).both.any()


def test_scores_of_other_brains_or_draws_are_not_compared(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(2, 8, 0), simulated_rdms(3, 8, 9)
    one = bootstrap_scores(models, {"V1": brain}, draws=10)["V1"]
    for other in (
        bootstrap_scores(models, {"V1": brain[:2]}, draws=10)["V1"],
        bootstrap_scores(models, {"V1": brain}, draws=11)["V1"],
    ):
        with pytest.raises(BadInput, match="10 draws of 8 stimuli and 3 subjects"):
            difference_scores(one, other)


def test_each_of_our_resamples_equals_rsatoolbox_on_the_same_draw(simulated_rdms: Any) -> None:
    rsatoolbox = pytest.importorskip("rsatoolbox")
    models, brain = simulated_rdms(3, 10, 0, ties=True), simulated_rdms(4, 10, 1)
    stimuli = resample_counts(10, 10, 0, STIMULI, fewest=3)
    found = resampled_scores(models, {"V1": brain}, stimuli)["V1"].all_subjects
    for draw, counts in enumerate(stimuli):
        chosen = np.repeat(np.arange(10), counts)
        ours, theirs = (
            rsatoolbox.rdm.RDMs(each).subsample_pattern("index", chosen) for each in (models, brain)
        )
        expected = rsatoolbox.rdm.compare(ours, theirs, method="spearman").mean(axis=1)
        np.testing.assert_allclose(found[:, draw], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("draws", [100, pytest.param(400, marks=pytest.mark.slow)])
def test_the_dual_bootstrap_equals_rsatoolbox_in_distribution(draws: int) -> None:
    rsatoolbox = pytest.importorskip("rsatoolbox")
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(12, 6))
    models, brain = correlated(rng, 2, 12, 1.5 * shared), correlated(rng, 5, 12, 1.5 * shared)
    found = bootstrap_scores(models, {"V1": brain}, draws=draws)["V1"]
    np.random.seed(0)
    fixed = [rsatoolbox.model.ModelFixed(str(i), rdm) for i, rdm in enumerate(models)]
    theirs = rsatoolbox.inference.eval_dual_bootstrap(
        fixed, rsatoolbox.rdm.RDMs(brain), method="spearman", N=draws
    )
    # n draws give a mean to 1/sqrt(n) of their spread and a spread to 1/sqrt(2n): four standard errors each.
    for place, kind in enumerate(("both", "subjects", "stimuli")):
        ours, their = getattr(found, kind), theirs.evaluations[:, :, 0, 0, place].T
        spread = their.std(axis=1)
        assert np.all(np.abs(ours.mean(axis=1) - their.mean(axis=1)) < 4 * spread * np.sqrt(2 / draws))
        np.testing.assert_allclose(ours.std(axis=1), spread, rtol=4 / np.sqrt(draws))
    interval = dual_interval(found.observed, found.both, found.subjects, found.stimuli, 5, 12)
    width = (interval.upper - interval.lower) / 2
    lower, upper = theirs.get_ci(0.95)
    np.testing.assert_allclose(width, (upper - lower) / 2, rtol=5 / np.sqrt(draws))


def test_draws_depend_on_the_arguments_alone_and_more_of_them_keep_the_first() -> None:
    first = resample_counts(5, 7, 3, STIMULI, fewest=3)
    np.testing.assert_array_equal(resample_counts(5, 200, 3, STIMULI, fewest=3)[:7], first)
    assert not np.array_equal(resample_counts(5, 7, 4, STIMULI, fewest=3), first)
    assert not np.array_equal(resample_counts(5, 7, 3, SUBJECTS, fewest=3), first)


def test_draws_stay_what_they_were_when_this_was_written() -> None:
    assert resample_counts(4, 5, 0, STIMULI)[3:].tolist() == [[1, 0, 1, 2], [1, 2, 1, 0]]


def test_every_sample_is_as_large_as_the_whole_and_each_thing_as_likely() -> None:
    counts = resample_counts(6, 6000, 0, STIMULI)
    assert (counts.sum(axis=1) == 6).all()
    # Each count is binomial(6, 1/6): its mean over 6,000 samples has a standard error of .012.
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.05)
    np.testing.assert_allclose(counts.var(axis=0), 5 / 6, rtol=0.08)


def test_samples_with_too_few_distinct_items_are_drawn_again() -> None:
    counts = resample_counts(4, 500, 0, STIMULI, fewest=3)
    assert np.count_nonzero(counts, axis=1).min() == 3


@pytest.mark.parametrize(
    ("arguments", "what"), [((2, 5, 0), "things to draw"), ((9, 0, 0), "draws"), ((9, 5, -1), "seed")]
)
def test_impossible_draws_are_refused(arguments: tuple[int, int, int], what: str) -> None:
    with pytest.raises(BadInput, match=what):
        resample_counts(*arguments, STIMULI, fewest=3)


def test_what_cannot_be_resampled_is_named(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(2, 6, 0), {"V1": simulated_rdms(3, 6, 1)}
    bad = models.copy()
    bad[1, 3] = np.nan
    with pytest.raises(BadInput, match="RDM of fc .* NaN"):
        bootstrap_scores(bad, brain, layer_names=["conv", "fc"])
    with pytest.raises(BadInput, match="RDM of region V1, row 1 .* NaN"):
        bootstrap_scores(models, {"V1": bad}, draws=2)
    with pytest.raises(BadInput, match="RDMs of region V1: expected 21 pairs"):
        bootstrap_scores(simulated_rdms(2, 7, 0), brain, draws=2)
    with pytest.raises(BadInput, match="at least 4"):
        bootstrap_scores(simulated_rdms(2, 3, 0), {"V1": simulated_rdms(3, 3, 1)}, draws=2)
    with pytest.raises(BadInput, match="at least one region"):
        bootstrap_scores(models, {}, draws=2)


def test_a_resample_in_which_an_rdm_is_constant_is_an_error_that_names_both(simulated_rdms: Any) -> None:
    model = np.ones((1, 15))
    model[0, 0] = 2
    without_the_first_stimulus = np.array([[1] * 6, [0, 2, 1, 1, 1, 1]])
    with pytest.raises(BadInput, match="RDM in row 0, resample 1: .*one value only"):
        resampled_scores(model, {"V1": simulated_rdms(2, 6, 0)}, without_the_first_stimulus)
    with pytest.raises(BadInput, match="RDM of region V1, row 0, resample 1"):
        resampled_scores(simulated_rdms(2, 6, 0), {"V1": model}, without_the_first_stimulus)


@pytest.mark.parametrize(
    "wrong", [np.ones((1, 5), int), np.ones((1, 6)), np.ones(6, int), -np.ones((1, 6), int)]
)
def test_counts_that_do_not_fit_are_refused(simulated_rdms: Any, wrong: Any) -> None:
    with pytest.raises(BadInput, match="counts of stimuli"):
        resampled_scores(simulated_rdms(2, 6, 0), {"V1": simulated_rdms(3, 6, 1)}, wrong)


@pytest.mark.parametrize("wrong", [np.ones((1, 2), int), np.zeros((1, 3), int), -np.ones((1, 3), int)])
def test_counts_of_subjects_that_do_not_fit_are_refused(simulated_rdms: Any, wrong: Any) -> None:
    models, brain = simulated_rdms(2, 6, 0), {"V1": simulated_rdms(3, 6, 1)}
    with pytest.raises(BadInput, match="counts of subjects in region V1"):
        resampled_scores(models, brain, np.ones((1, 6), int), {"V1": wrong})


def test_steps_rise_to_all_steps(simulated_rdms: Any) -> None:
    """With little memory, layers and resamples are divided into blocks."""
    told: list[tuple[int, int]] = []
    bootstrap_scores(
        simulated_rdms(5, 8, 0),
        {"V1": simulated_rdms(3, 8, 1)},
        draws=50,
        memory=1000,
        tick=lambda done, total: told.append((done, total)),
    )
    [total] = {total for _, total in told}
    assert [done for done, _ in told] == list(range(1, total + 1))
    assert total > 50
