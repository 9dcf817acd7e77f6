"""Subjects who saw different stimuli: scores, nulls and resamples equal those of an explicit computation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import squareform
from scipy.stats import spearmanr

from alignhouse.analysis.statistics.bootstrap import bootstrap_scores, resample_counts
from alignhouse.analysis.statistics.layer_choice import random_halves, scores_on_halves, scores_on_train
from alignhouse.analysis.statistics.partial_rsa import rank_partly_seen, rho_of_subjects, score_partly_seen
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.resampling import resampled_scores
from alignhouse.analysis.statistics.rsa import score_networks
from alignhouse.analysis.statistics.seen import all_seen, on_shared_stimuli, pairs_of, sharing
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.warehouse.errors import BadInput

N = 22
Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


@pytest.fixture
def layers(simulated_rdms: Any) -> Float:
    """Two layers, one of them with many ties."""
    return np.concatenate([simulated_rdms(1, N, 1), simulated_rdms(1, N, 2, ties=True)])


@pytest.fixture
def seen() -> dict[str, Bool]:
    """In V1, two subjects saw the same 17 stimuli, one saw 18, one saw all; in IT, one of them is absent."""
    v1 = np.ones((4, N), dtype=bool)
    v1[:2, :5] = False
    v1[2, 9:13] = False
    return {"V1": v1, "IT": v1[[0, 2, 3]]}


@pytest.fixture
def brain(simulated_rdms: Any, seen: dict[str, Bool]) -> dict[str, Float]:
    """RDMs with NaN where a subject saw nothing."""
    found = {}
    for seed, (roi, of_roi) in enumerate(seen.items(), start=7):
        rdms = simulated_rdms(len(of_roi), N, seed, ties=roi == "IT")
        rdms[~pairs_of(of_roi)] = np.nan
        found[roi] = rdms
    return found


def rho(layer: Float, subject: Float, kept: NDArray[np.intp]) -> float:
    """Spearman's rho of two square RDMs among `kept` stimuli, which may repeat; copies are not paired."""
    a, b = np.triu_indices(len(kept), 1)
    first, second = kept[a], kept[b]
    different = first != second
    return float(
        spearmanr(
            layer[first[different], second[different]], subject[first[different], second[different]]
        ).statistic
    )


def explicit(
    layers: Float, brain: dict[str, Float], seen: dict[str, Bool], drawn: NDArray[np.intp]
) -> dict[str, Float]:
    """Region -> (L, S), rho on the drawn stimuli that a subject saw."""
    return {
        roi: np.array(
            [
                [
                    rho(squareform(layer), squareform(np.nan_to_num(subject)), drawn[saw[drawn]])
                    for subject, saw in zip(brain[roi], seen[roi], strict=True)
                ]
                for layer in layers
            ]
        )
        for roi in brain
    }


def test_rho_is_that_of_the_stimuli_that_a_subject_saw(
    layers: Float, brain: dict[str, Float], seen: dict[str, Bool]
) -> None:
    found = rho_of_subjects(layers, brain, seen)
    for roi, expected in explicit(layers, brain, seen, np.arange(N)).items():
        np.testing.assert_allclose(found[roi], expected, atol=1e-12)


def test_scores_and_nulls_equal_those_of_permuted_networks(
    layers: Float, brain: dict[str, Float], seen: dict[str, Bool], sound: AnalysisSettings
) -> None:
    orders = stimulus_permutations(N, 6, 0)
    models = {"a": layers[:1], "b": layers[1:]}
    ticks: list[tuple[int, int]] = []
    found = score_partly_seen(
        models,
        rank_partly_seen(brain, seen),
        orders,
        sound,
        memory=200_000,
        tick=lambda done, total: ticks.append((done, total)),
    )
    plain = explicit(layers, brain, seen, np.arange(N))
    permuted = [
        np.stack([squareform(squareform(layer)[order][:, order]) for layer in layers]) for order in orders
    ]
    for roi in brain:
        for index, network in enumerate(models):
            scores = found[network][roi]
            np.testing.assert_allclose(scores.rho[0], plain[roi][index], atol=1e-12)
            np.testing.assert_allclose(scores.mean[0], plain[roi][index].mean(), atol=1e-12)
            null = [explicit(each, brain, seen, np.arange(N))[roi][index].mean() for each in permuted]
            np.testing.assert_allclose(scores.null[0], null, atol=2e-6)
    assert ticks[-1][0] == ticks[-1][1]


def test_where_all_saw_all_the_scores_are_the_plain_ones(
    layers: Float, simulated_rdms: Any, sound: AnalysisSettings
) -> None:
    brain, orders = {"V1": simulated_rdms(3, N, 5)}, stimulus_permutations(N, 20, 0)
    everything = {"V1": np.ones((3, N), dtype=bool)}
    plain = score_networks({"a": layers}, brain, orders, sound)["a"]["V1"]
    found = score_partly_seen({"a": layers}, rank_partly_seen(brain, everything), orders, sound)["a"]["V1"]
    np.testing.assert_array_equal(found.rho, plain.rho)
    np.testing.assert_allclose(found.null, plain.null, atol=2e-6)
    counts = resample_counts(N, 10, 0, 0, fewest=3)
    [one] = resampled_scores(layers, brain, counts).values()
    [other] = resampled_scores(layers, brain, counts, seen=everything).values()
    np.testing.assert_array_equal(one.all_subjects, other.all_subjects)


def test_a_null_of_rows_only_is_refused(
    layers: Float, brain: dict[str, Float], seen: dict[str, Bool], paper: AnalysisSettings
) -> None:
    with pytest.raises(BadInput, match=r"null 'rows_only' of subjects who saw different .*brain.stimuli"):
        score_partly_seen({"a": layers}, rank_partly_seen(brain, seen), stimulus_permutations(N, 5, 0), paper)


def test_resamples_equal_explicit_ones(layers: Float, brain: dict[str, Float], seen: dict[str, Bool]) -> None:
    draws = 5
    found = bootstrap_scores(layers, brain, seen=seen, draws=draws, seed=3, memory=200_000)
    stimuli = resample_counts(N, draws, 3, 0, fewest=3, seen=np.unique(seen["V1"], axis=0))
    for roi in brain:
        subjects = resample_counts(len(brain[roi]), draws, 3, 1)
        plain = explicit(layers, brain, seen, np.arange(N))[roi]
        resampled = [
            explicit(layers, brain, seen, np.repeat(np.arange(N), counts))[roi] for counts in stimuli
        ]
        of = found[roi]
        np.testing.assert_allclose(of.observed, plain.mean(axis=1), atol=1e-12)
        np.testing.assert_allclose(
            of.stimuli, np.stack([each.mean(axis=1) for each in resampled], axis=1), atol=1e-12
        )
        np.testing.assert_allclose(of.subjects, plain @ subjects.T / len(brain[roi]), atol=1e-12)
        both = [each @ drawn / drawn.sum() for each, drawn in zip(resampled, subjects, strict=True)]
        np.testing.assert_allclose(of.both, np.stack(both, axis=1), atol=1e-12)


def test_halves_and_training_stimuli(layers: Float, brain: dict[str, Float], seen: dict[str, Bool]) -> None:
    found = scores_on_halves(layers, brain, halvings=3, seed=1, seen=seen)
    halves = random_halves(N, 3, 1, np.unique(seen["V1"], axis=0))
    assert (halves @ seen["V1"].T >= 4).all()
    for roi in brain:
        of_halves = [explicit(layers, brain, seen, np.flatnonzero(half))[roi].mean(axis=1) for half in halves]
        choosing, scoring = found[roi]
        np.testing.assert_allclose(choosing, np.stack(of_halves, axis=1), atol=1e-12)
        np.testing.assert_allclose(scoring[:, 0], of_halves[1], atol=1e-12)
    train = np.arange(N) % 2 == 0
    for roi, (choosing, scoring) in scores_on_train(layers, brain, train, seen=seen).items():
        for scores, part in ((choosing, train), (scoring, ~train)):
            expected = explicit(layers, brain, seen, np.flatnonzero(part))[roi].mean(axis=1)
            np.testing.assert_allclose(scores[:, 0], expected, atol=1e-12)
    with pytest.raises(BadInput, match=r"of a subject of region V1: .*found 2 and 15"):
        scores_on_train(layers, brain, np.arange(N) < 7, seen=seen)


def test_a_subject_who_saw_few_stimuli_is_refused(layers: Float, brain: dict[str, Float]) -> None:
    few = {roi: np.ones((len(each), N), dtype=bool) for roi, each in brain.items()}
    few["IT"][1, 3:] = False
    with pytest.raises(BadInput, match="row 1 of region IT saw: .*at least 4, found 3"):
        sharing(few)
    few["IT"][1, 3:13] = True
    with pytest.raises(BadInput, match="at least 16, found 13"):
        bootstrap_scores(layers, {roi: np.nan_to_num(each) for roi, each in brain.items()}, seen=few, draws=2)
    with pytest.raises(BadInput, match="at least 16, found 13"):
        random_halves(N, 2, 0, few["IT"])


def test_nan_among_seen_pairs_is_an_error(
    layers: Float, brain: dict[str, Float], seen: dict[str, Bool]
) -> None:
    brain["V1"][0, -1] = np.nan
    with pytest.raises(BadInput, match="NaN or infinite"):
        rho_of_subjects(layers, brain, seen)
    with pytest.raises(BadInput, match="NaN or infinite"):
        resampled_scores(layers, brain, np.ones((1, N), np.int32), seen=seen)
    with pytest.raises(BadInput, match=r"region V1.*expected shape \(4, 22\)"):
        rho_of_subjects(layers, brain, {**seen, "V1": seen["V1"][:3]})


def test_ceilings_use_the_stimuli_that_all_saw(brain: dict[str, Float], seen: dict[str, Bool]) -> None:
    rdms = on_shared_stimuli(brain["V1"], seen["V1"])
    assert rdms is not None
    kept = np.array([i for i in range(N) if 5 <= i < 9 or i >= 13])
    expected = [squareform(squareform(np.nan_to_num(each))[np.ix_(kept, kept)]) for each in brain["V1"]]
    np.testing.assert_array_equal(rdms, expected)
    nothing = np.zeros((2, N), dtype=bool)
    nothing[0, :11] = nothing[1, 8:] = True
    assert on_shared_stimuli(brain["V1"][:2], nothing) is None
    assert all_seen(None)
    assert not all_seen(seen)


def false_positives(settings: AnalysisSettings, studies: int, seed: int) -> dict[str, float]:
    """Share of unrelated studies with p <= .05: subjects agree, and some stimuli are far from all others.

    Each of 5 subjects saw 14 random ones of 20 stimuli.
    """
    n, n_subjects = 20, 5
    rng = np.random.default_rng(seed)
    row, column = np.triu_indices(n, 1)
    orders = stimulus_permutations(n, 99, seed)
    found = {"layer": 0, "best layer": 0}
    for _ in range(studies):
        odd = rng.normal(size=(2, n))
        common = odd[:, row] + odd[:, column] + rng.normal(size=(2, row.size))
        brain = {"V1": common[0] + rng.normal(size=(n_subjects, row.size))}
        seen = {"V1": np.argsort(rng.random((n_subjects, n)), axis=1) < 14}
        layers = common[1] + rng.normal(size=(4, row.size))
        scores = score_partly_seen({"a": layers}, rank_partly_seen(brain, seen), orders, settings)["a"]["V1"]
        found["layer"] += int(scores.p_layer[0] <= 0.05)
        found["best layer"] += int(scores.p_best <= 0.05)
    return {test: count / studies for test, count in found.items()}


@pytest.mark.slow
def test_tests_have_the_nominal_false_positive_rate_over_4000_studies(sound: AnalysisSettings) -> None:
    for test, share in false_positives(sound, 4000, 1).items():
        assert 0.04 <= share <= 0.06, (test, share)
