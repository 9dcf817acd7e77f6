"""Partial Spearman correlations given control RDMs, against explicit regressions of ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from given_controls_plainly import partial_spearman
from numpy.typing import NDArray
from scipy.spatial.distance import squareform
from scipy.stats import rankdata
from simulated_controls import controlled_study

from alignhouse.analysis.statistics.bootstrap import STIMULI, resample_counts
from alignhouse.analysis.statistics.partial import (
    PartialScores,
    control_basis,
    partial_scores,
    residual_brains,
)
from alignhouse.analysis.statistics.partial_bootstrap import fewest_distinct, partial_bootstrap
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.warehouse.errors import BadInput

Array = NDArray[Any]
N_STIMULI, N_PAIRS = 12, 66


def tied(random: np.random.Generator, count: int) -> Array:
    """RDMs with many ties."""
    return random.integers(0, 15, (count, N_PAIRS)).astype(float)


def scored(
    layers: Array, brain: dict[str, Array], controls: Array, count: int = 20
) -> dict[str, PartialScores]:
    orders = stimulus_permutations(N_STIMULI, count, 0)
    return partial_scores(layers, residual_brains(brain, controls), orders)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(5)


def test_scores_equal_the_regression_of_ranks_with_ties(random: np.random.Generator) -> None:
    layers, controls = tied(random, 5), tied(random, 3)
    brain = {"V1": tied(random, 4) + controls[0], "EBA": random.random((1, N_PAIRS))}
    found = scored(layers, brain, controls)
    for roi, rdms in brain.items():
        expected = [[partial_spearman(layer, rdm, controls) for rdm in rdms] for layer in layers]
        assert found[roi].rho == pytest.approx(np.array(expected), abs=1e-10)
        assert found[roi].mean == pytest.approx(np.mean(expected, axis=1), abs=1e-10)
    sem = found["V1"].rho.std(axis=1, ddof=1) / 2
    assert found["V1"].sem == pytest.approx(sem, abs=1e-12)
    assert np.isnan(found["EBA"].sem).all()


def test_the_null_permutes_a_layer_and_residualises_it_again(
    random: np.random.Generator,
) -> None:
    # Many controls, which explain a third of any permuted layer.
    layers, controls = tied(random, 3), tied(random, 25)
    brain = tied(random, 4)
    orders = stimulus_permutations(N_STIMULI, 60, 0)
    found = scored(layers, {"V1": brain}, controls, 60)["V1"]
    design = np.column_stack([np.ones(N_PAIRS), *(rankdata(each) for each in controls)])

    def residual(values: Array) -> Array:
        return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]

    null = np.empty((3, 60))
    for index, layer in enumerate(layers):
        square = squareform(rankdata(layer), checks=False)
        for draw, order in enumerate(orders):
            moved = residual(squareform(square[np.ix_(order, order)], checks=False))
            null[index, draw] = np.mean(
                [np.corrcoef(moved, residual(rankdata(each)))[0, 1] for each in brain]
            )
    higher = (np.abs(null) >= np.abs(found.mean)[:, None] - 1e-7).sum(axis=1)
    assert found.p_layer.tolist() == pytest.approx((1 + higher) / 61)
    highest = (null.max(axis=0) >= found.mean[:, None] - 1e-7).sum(axis=1)
    assert found.p_family.tolist() == pytest.approx((1 + highest) / 61)


def test_equal_and_constant_controls_change_nothing(random: np.random.Generator) -> None:
    layers, controls = random.random((2, N_PAIRS)), random.random((2, N_PAIRS))
    brain = {"V1": random.random((3, N_PAIRS))}
    # The second is a monotone function of the first, so its ranks are equal.
    more = np.stack([controls[0], np.exp(controls[0]), controls[1], np.full(N_PAIRS, 0.5)])
    assert len(control_basis(more)) == 2
    plain, repeated = scored(layers, brain, controls)["V1"], scored(layers, brain, more)["V1"]
    assert repeated.rho == pytest.approx(plain.rho, abs=1e-12)
    assert repeated.p_layer == pytest.approx(plain.p_layer)


def test_with_constant_controls_only_the_score_is_the_plain_one(random: np.random.Generator) -> None:
    layers, brain = random.random((2, N_PAIRS)), random.random((3, N_PAIRS))
    found = scored(layers, {"V1": brain}, np.ones((2, N_PAIRS)))["V1"]
    expected = [[partial_spearman(layer, rdm, np.empty((0, N_PAIRS))) for rdm in brain] for layer in layers]
    assert found.rho == pytest.approx(np.array(expected), abs=1e-12)


def test_a_layer_that_equals_a_control_has_no_score(random: np.random.Generator) -> None:
    controls = tied(random, 3)
    # The same ranks, and a layer that differs in the order of two pairs only.
    near = controls[1].copy()
    near[np.argsort(near)[:2]] = near.min() - np.array([1.0, 2.0])
    found = scored(
        np.stack([controls[1] * 2, near, random.random(N_PAIRS)]), {"V1": tied(random, 2)}, controls
    )
    scores = found["V1"]
    for values in (scores.mean, scores.p_layer, scores.p_family):
        assert np.isnan(values).tolist() == [True, False, False]


def test_families_are_corrected_apart(random: np.random.Generator) -> None:
    layers, controls = random.random((6, N_PAIRS)), random.random((1, N_PAIRS))
    brains = residual_brains({"V1": random.random((3, N_PAIRS))}, controls)
    orders = stimulus_permutations(N_STIMULI, 50, 0)
    together = partial_scores(layers, brains, orders, families=[slice(0, 2), slice(2, 6)])["V1"]
    alone = [partial_scores(layers[some], brains, orders)["V1"] for some in (slice(0, 2), slice(2, 6))]
    assert together.p_family.tolist() == [p for each in alone for p in each.p_family]


def test_a_brain_that_is_made_of_the_controls_is_named(random: np.random.Generator) -> None:
    controls = random.random((2, N_PAIRS))
    with pytest.raises(BadInput, match="region EBA, row 1") as error:
        residual_brains({"EBA": np.stack([random.random(N_PAIRS), controls[1]])}, controls)
    assert "a combination of the controls' ranks" in str(error.value)


def test_too_many_controls_for_few_stimuli_are_refused(random: np.random.Generator) -> None:
    with pytest.raises(BadInput, match="at least 11 pairs") as error:
        control_basis(random.random((8, 10)))
    assert "5 stimuli, 10 pairs" in str(error.value)
    assert len(control_basis(random.random((7, 10)))) == 7


def test_a_control_with_nan_is_named(random: np.random.Generator) -> None:
    controls = random.random((2, N_PAIRS))
    controls[1, 3] = np.nan
    with pytest.raises(BadInput, match="RDM of pixels"):
        control_basis(controls, ["gist", "pixels"])
    with pytest.raises(BadInput, match="RDM of pixels"):
        residual_brains({"V1": random.random((2, N_PAIRS))}, controls, ["gist", "pixels"])


def test_resamples_equal_the_regression_of_resampled_rdms(random: np.random.Generator) -> None:
    # The last control has one value that differs: it is constant in resamples without that pair.
    lone = np.ones(N_PAIRS)
    lone[0] = 0
    layers, controls = tied(random, 3), np.stack([*tied(random, 2), lone])
    brain = {"V1": tied(random, 4), "EBA": tied(random, 1)}
    observed = {roi: each.rho for roi, each in scored(layers, brain, controls).items()}
    found = partial_bootstrap(layers, brain, controls, observed, draws=12, seed=3)
    counts = resample_counts(N_STIMULI, 12, 3, STIMULI, fewest=fewest_distinct(3))
    for draw, of_stimuli in enumerate(counts):
        members = np.repeat(np.arange(N_STIMULI), of_stimuli)
        first, second = np.triu_indices(len(members), 1)
        kept = members[first] != members[second]

        def resampled(rdm: Array, members: Array = members, kept: Array = kept) -> Array:
            return squareform(squareform(rdm)[np.ix_(members, members)], checks=False)[kept]

        given = np.stack([resampled(each) for each in controls])
        for roi, rdms in brain.items():
            expected = [
                np.mean([partial_spearman(resampled(layer), resampled(rdm), given) for rdm in rdms])
                for layer in layers
            ]
            assert found[roi].stimuli[:, draw] == pytest.approx(np.array(expected), abs=1e-9)
    assert found["EBA"].subjects is None
    assert found["V1"].subjects is not None
    assert found["V1"].both is not None
    assert found["V1"].both.shape == found["V1"].subjects.shape == (3, 12)


def test_subjects_are_drawn_with_the_stimuli(random: np.random.Generator) -> None:
    layers, controls = random.random((2, N_PAIRS)), random.random((2, N_PAIRS))
    # Equal subjects: drawing them changes nothing.
    brain = {"V1": np.repeat(random.random((1, N_PAIRS)), 3, axis=0)}
    observed = {"V1": scored(layers, brain, controls)["V1"].rho}
    found = partial_bootstrap(layers, brain, controls, observed, draws=9, seed=0)["V1"]
    assert found.both == pytest.approx(found.stimuli, abs=1e-12)
    assert found.subjects == pytest.approx(np.repeat(observed["V1"][:, :1], 9, axis=1), abs=1e-12)


def test_a_layer_that_is_constant_in_a_resample_is_named(random: np.random.Generator) -> None:
    lone = np.ones((1, N_PAIRS))
    lone[0, 0] = 0
    controls, brain = random.random((1, N_PAIRS)), {"V1": random.random((2, N_PAIRS))}
    observed = {"V1": np.zeros((1, 2))}
    with pytest.raises(BadInput, match="fc, resample [0-9]+: expected stimuli among which"):
        partial_bootstrap(lone, brain, controls, observed, draws=30, seed=0, layer_names=["fc"])


def simulated_p(random: np.random.Generator, studies: int, related: float) -> Array:
    """p-values of layers that add nothing to the controls; see `controlled_study`."""
    found = []
    orders = stimulus_permutations(10, 199, 1)
    for _ in range(studies):
        layer, brain, controls = controlled_study(random, 10, related)
        scores = partial_scores(layer[None], residual_brains({"V1": brain}, controls), orders)
        found.append(scores["V1"].p_layer[0])
    return np.array(found)


@pytest.mark.parametrize("related", [pytest.param(0.0, marks=pytest.mark.slow), 0.3])
def test_few_layers_are_significant_if_the_controls_explain_them(related: float) -> None:
    share = (simulated_p(np.random.default_rng(11), 400, related) <= 0.05).mean()
    # Four standard errors of a share of .05 in 400 studies.
    assert abs(share - 0.05) < 0.044


@pytest.mark.slow
@pytest.mark.parametrize(("related", "most"), [(0.0, 0.06), (0.3, 0.07)])
def test_the_error_rate_given_controls_is_that_of_its_level(related: float, most: float) -> None:
    assert 0.04 <= (simulated_p(np.random.default_rng(12), 4000, related) <= 0.05).mean() <= most


@pytest.mark.slow
def test_ranks_leave_a_remainder_of_controls_that_explain_most_of_a_brain() -> None:
    """What docs/statistics.md warns of: a sum of dissimilarities has ranks that are no sum of ranks."""
    assert (simulated_p(np.random.default_rng(13), 1000, 2.0) <= 0.05).mean() > 0.1
