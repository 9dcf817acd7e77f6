"""Scores, nulls, ceilings, resamples and halves of every measure equal explicit computations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from measured_plainly import inner_products, plainly
from numpy.typing import NDArray
from scipy.spatial.distance import squareform

from alignhouse.analysis.kernels.measure_names import MEASURES
from alignhouse.analysis.statistics.bootstrap import SUBJECTS, bootstrap_scores, resample_counts
from alignhouse.analysis.statistics.layer_choice import random_halves, scores_on_halves
from alignhouse.analysis.statistics.noise_ceiling import lower_ceiling_interval, noise_ceiling
from alignhouse.analysis.statistics.partial_rsa import rank_partly_seen, rho_of_subjects, score_partly_seen
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.resampling import resampled_scores
from alignhouse.analysis.statistics.rsa import rank_brains, score_networks
from alignhouse.analysis.statistics.seen import pairs_of
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.analysis.statistics.subject_agreement import agreement_tests
from alignhouse.warehouse.errors import BadInput

Float = NDArray[np.float64]
N = 20
# Spearman's rho has tests of its own.
OTHERS = [each for each in MEASURES if each != "spearman"]


@pytest.fixture
def layers(simulated_rdms: Any) -> Float:
    return np.concatenate([simulated_rdms(1, N, 1), simulated_rdms(1, N, 2, ties=True)])


@pytest.fixture
def brain(simulated_rdms: Any, layers: Float) -> dict[str, Float]:
    return {
        "V1": simulated_rdms(3, N, 7) + layers[0] / 2,
        "IT": simulated_rdms(2, N, 8, ties=True) + layers[1],
    }


def permuted(rdm: Float, order: NDArray[np.intp]) -> Float:
    return np.asarray(squareform(squareform(rdm)[order][:, order]))


def rho(measure: str, layers: Float, subjects: Float, kept: NDArray[Any]) -> Float:
    return np.array([[plainly(measure, layer, each, kept) for each in subjects] for layer in layers])


@pytest.mark.parametrize("measure", OTHERS)
def test_scores_and_nulls_are_those_of_permuted_networks(
    layers: Float, brain: dict[str, Float], measure: Any
) -> None:
    orders, settings = stimulus_permutations(N, 5, 0), AnalysisSettings(measure=measure)
    found = score_networks({"a": layers}, brain, orders, settings, memory=1)["a"]
    for roi, subjects in brain.items():
        expected = rho(measure, layers, subjects, np.arange(N))
        np.testing.assert_allclose(found[roi].rho, expected, rtol=0, atol=1e-12)
        for index, order in enumerate(orders):
            moved = np.stack([permuted(layer, order) for layer in layers])
            null = rho(measure, moved, subjects, np.arange(N)).mean(axis=1)
            np.testing.assert_allclose(found[roi].null[:, index], null, atol=2e-6)
    # Copies of the network are its score whatever their order: the identity is one of all orders.
    same = score_networks({"a": layers}, brain, np.arange(N)[None], settings)["a"]
    np.testing.assert_allclose(same["V1"].null[:, 0], found["V1"].mean, atol=2e-6)


@pytest.mark.parametrize("measure", OTHERS)
def test_subjects_who_saw_other_stimuli_are_scored_on_these(
    layers: Float, brain: dict[str, Float], measure: Any
) -> None:
    seen = {roi: np.ones((len(each), N), dtype=bool) for roi, each in brain.items()}
    seen["V1"][0, :3] = seen["IT"][1, 5:8] = False
    gaps = {roi: np.where(pairs_of(seen[roi]), each, np.nan) for roi, each in brain.items()}
    orders, settings = stimulus_permutations(N, 3, 0), AnalysisSettings(measure=measure)
    ranked = rank_partly_seen(gaps, seen, measure)
    found = score_partly_seen({"a": layers}, ranked, orders, settings)["a"]
    alone = rho_of_subjects(layers, gaps, seen, measure=measure)
    counts = resample_counts(N, 4, 0, 0, fewest=3, seen=seen["V1"])
    resampled = resampled_scores(layers, gaps, counts, seen=seen, measure=measure)

    def explicit(rdms: Float, roi: str, kept: NDArray[Any]) -> Float:
        each = zip(brain[roi], seen[roi], strict=True)
        return np.concatenate([rho(measure, rdms, one[None], kept[saw[kept]]) for one, saw in each], axis=1)

    for roi in brain:
        expected = explicit(layers, roi, np.arange(N))
        np.testing.assert_allclose(found[roi].rho, expected, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(alone[roi], found[roi].rho)
        for index, order in enumerate(orders):
            moved = np.stack([permuted(layer, order) for layer in layers])
            null = explicit(moved, roi, np.arange(N)).mean(axis=1)
            np.testing.assert_allclose(found[roi].null[:, index], null, atol=2e-6)
        for draw, each in enumerate(counts):
            expected = explicit(layers, roi, np.repeat(np.arange(N), each)).mean(axis=1)
            np.testing.assert_allclose(resampled[roi].all_subjects[:, draw], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("measure", OTHERS)
def test_bootstraps_and_halves_are_those_of_copies_written_out(
    layers: Float, brain: dict[str, Float], measure: Any
) -> None:
    found = bootstrap_scores(layers, brain, draws=4, seed=3, measure=measure, memory=1)
    stimuli = resample_counts(N, 4, 3, 0, fewest=3)
    halves = random_halves(N, 2, 0)
    choosing = scores_on_halves(layers, brain, halvings=2, seed=0, measure=measure)
    for roi, subjects in brain.items():
        drawn = resample_counts(len(subjects), 4, 3, SUBJECTS)
        for draw, counts in enumerate(stimuli):
            each = rho(measure, layers, subjects, np.repeat(np.arange(N), counts))
            np.testing.assert_allclose(found[roi].stimuli[:, draw], each.mean(axis=1), rtol=0, atol=1e-10)
            both = found[roi].both
            assert both is not None
            np.testing.assert_allclose(both[:, draw], each @ drawn[draw] / len(subjects), rtol=0, atol=1e-10)
        for place, half in enumerate(halves):
            each = rho(measure, layers, subjects, np.flatnonzero(half)).mean(axis=1)
            np.testing.assert_allclose(choosing[roi][0][:, place], each, rtol=0, atol=1e-10)


def unit(measure: str, rdm: Float) -> Float:
    """The vector of a measure without ranks, of length 1."""
    square = squareform(rdm)
    apart = ~np.eye(len(square), dtype=bool)
    if measure == "whitened_correlation":
        square = np.where(apart, square - rdm.mean(), 0)
    if measure in ("whitened_correlation", "whitened_cosine", "cka"):
        vector = inner_products(square).ravel()
    else:
        vector = rdm - rdm.mean() if measure == "pearson" else rdm
    return np.asarray(vector / np.linalg.norm(vector))


@pytest.mark.parametrize("measure", ["pearson", "cosine", "whitened_cosine", "whitened_correlation", "cka"])
def test_the_ceiling_is_that_of_the_mean_of_unit_vectors(brain: dict[str, Float], measure: Any) -> None:
    vectors = np.stack([unit(measure, each) for each in brain["V1"]])

    def mean_cosine(of_subject: list[Float]) -> float:
        pairs = zip(vectors, of_subject, strict=True)
        return float(np.mean([one @ other / np.linalg.norm(other) for one, other in pairs]))

    ceiling = noise_ceiling(brain["V1"], measure=measure)
    assert ceiling.upper == pytest.approx(mean_cosine([vectors.mean(axis=0)] * 3), abs=1e-12)
    others = [np.delete(vectors, each, axis=0).mean(axis=0) for each in range(3)]
    assert ceiling.lower == pytest.approx(mean_cosine(others), abs=1e-12)
    # No average of RDMs has a higher mean score than that of unit vectors.
    raw = noise_ceiling(brain["V1"], measure=measure, average="raw")
    assert raw.upper <= ceiling.upper + 1e-12
    interval = lower_ceiling_interval(brain["V1"], measure=measure)
    assert interval.lower < ceiling.lower < interval.upper


@pytest.mark.parametrize(
    ("measure", "theirs"),
    [("pearson", "corr"), ("cosine", "cosine"), ("rho_a", "rho-a"), ("kendall_tau_a", "tau-a")],
)
def test_the_ceiling_equals_rsatoolbox(brain: dict[str, Float], measure: Any, theirs: str) -> None:
    rsatoolbox = pytest.importorskip("rsatoolbox")
    expected = rsatoolbox.inference.boot_noise_ceiling(rsatoolbox.rdm.RDMs(brain["V1"]), method=theirs)
    ceiling = noise_ceiling(brain["V1"], measure=measure)
    np.testing.assert_allclose([ceiling.lower, ceiling.upper], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("measure", OTHERS)
def test_subjects_agree_only_where_their_rdms_have_something_in_common(
    simulated_rdms: Any, measure: Any
) -> None:
    common = simulated_rdms(1, N, 3)
    brain = {"alike": simulated_rdms(4, N, 4) / 4 + common, "unrelated": simulated_rdms(4, N, 5)}
    found = agreement_tests(brain, permutations=99, seed=0, measure=measure)
    assert found["alike"] == 0.01
    assert found["unrelated"] > 0.05


def test_rdms_whose_unit_vectors_cancel_have_no_ceiling(simulated_rdms: Any) -> None:
    [rdm] = simulated_rdms(1, 8, 0)
    opposite = np.stack([rdm, 2 * rdm.mean() - rdm])
    with pytest.raises(BadInput, match="the mean of all subjects: expected RDMs that do not cancel"):
        noise_ceiling(opposite, measure="pearson")


def test_a_null_of_rows_only_is_one_of_ranks() -> None:
    with pytest.raises(ValueError, match="null rows_and_columns with measure cka, instead of rows_only"):
        AnalysisSettings(null="rows_only", measure="cka")


def test_brains_prepared_for_another_measure_are_refused(layers: Float, brain: dict[str, Float]) -> None:
    orders, settings = stimulus_permutations(N, 2, 0), AnalysisSettings(measure="pearson")
    with pytest.raises(BadInput, match="expected prepared for pearson, found spearman"):
        score_networks({"a": layers}, rank_brains(brain), orders, settings)
    seen = {roi: np.ones((len(each), N), dtype=bool) for roi, each in brain.items()}
    with pytest.raises(BadInput, match="expected prepared for pearson, found spearman"):
        score_partly_seen({"a": layers}, rank_partly_seen(brain, seen), orders, settings)


def test_settings_of_before_have_the_same_description() -> None:
    described = AnalysisSettings().model_dump(mode="json")
    assert "measure" not in described
    assert "brain_distance" not in described
    changed = AnalysisSettings(measure="cka").model_dump(mode="json")
    assert changed == described | {"measure": "cka"}
    assert AnalysisSettings.model_validate(changed).measure == "cka"
