"""Multiple-regression RSA, against scipy's non-negative least squares on explicit designs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from given_controls_plainly import cross_validated_r2
from numpy.typing import NDArray
from scipy.optimize import nnls

from alignhouse.analysis.statistics.nonnegative import least_squares_of_products, with_one_more
from alignhouse.analysis.statistics.regression import (
    FEWEST_STIMULI,
    FEWEST_STIMULI_A_FOLD,
    stimulus_folds,
    variance_parts,
)

Array = NDArray[Any]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(2)


def test_weights_equal_those_of_scipy(random: np.random.Generator) -> None:
    designs = random.standard_normal((40, 30, 6)) * [1, 10, 0.1, 1, 1, 1]
    designs[:, :, 5] = designs[:, :, 0] + 0.01 * designs[:, :, 5]
    targets = random.standard_normal((40, 7, 30)) + designs[:, None, :, 1] / 20
    gram = np.einsum("mnp,mnq->mpq", designs, designs)
    moments = np.einsum("mkn,mnp->mkp", targets, designs)
    found = least_squares_of_products(gram, moments)
    expected = [[nnls(x, y)[0] for y in each] for x, each in zip(designs, targets, strict=True)]
    assert found == pytest.approx(np.array(expected), abs=1e-10)
    assert (found == 0).mean() > 0.2, "some weights are bounded"


def test_one_more_predictor_gets_the_weights_of_scipy(random: np.random.Generator) -> None:
    design = random.standard_normal((30, 5)) * [1, 10, 0.1, 1, 1]
    targets = random.standard_normal((40, 30)) + design[:, 1] / 20
    more = random.standard_normal((60, 30))
    # Some are near to another predictor, or to several; one is a copy, and one is 0.
    more[:20] = design[:, :1].T + 0.3 * more[:20]
    more[20:30] += (design[:, 3:] * [2, -2]).sum(axis=1)
    more[0], more[1] = design[:, 3] * 7.7, 0
    gram, moments = design.T @ design, targets @ design
    [weights] = least_squares_of_products(gram[None], moments[None])
    squares = np.square(more).sum(axis=1)
    found = with_one_more(gram, moments, weights, more @ design, squares, more @ targets.T)
    for index, row in enumerate(more):
        every = np.column_stack([design, row])
        for place, target in enumerate(targets):
            expected = nnls(every, target)[0]
            assert every @ found[index, place] == pytest.approx(every @ expected, abs=1e-10)
            if index:
                assert found[index, place] == pytest.approx(expected, abs=1e-10)
    assert (found == 0).any(axis=(0, 1)).tolist() == [True, False, True, True, True, True]
    changed = ((found[:, :, :5] > 0) != (weights > 0)).any(axis=2)
    assert changed.mean() > 0.05, "some predictors leave or enter because of the new one"


def test_copies_and_constants_get_no_weight_of_their_own(random: np.random.Generator) -> None:
    design = random.random((30, 2))
    design = np.column_stack([design, design[:, 0], np.zeros(30)])
    target = 2 * design[:, 0] + random.random(30)
    [[found]] = least_squares_of_products((design.T @ design)[None], (target @ design)[None, None])
    assert found[:3].min() == found[3] == 0
    assert found[[0, 2]].sum() == pytest.approx(nnls(design[:, :2], target)[0][0], abs=1e-10)


def test_nothing_is_explained_by_predictors_of_the_other_sign(random: np.random.Generator) -> None:
    design = random.random((30, 3))
    moments = -design.sum(axis=1) @ design
    [[found]] = least_squares_of_products((design.T @ design)[None], moments[None, None])
    assert found.tolist() == [0, 0, 0]


def test_variance_equals_that_of_explicit_regressions(random: np.random.Generator) -> None:
    n = 16
    folds = stimulus_folds(n, 0)
    pairs = n * (n - 1) // 2
    controls = random.random((3, pairs))
    layers = np.concatenate([controls[:1] + 0.3 * random.random((1, pairs)), random.random((2, pairs))])
    brain = {
        "V1": random.random((2, pairs)) + controls[0] + layers[1],
        "EBA": random.random((1, pairs)) - layers[2],
    }
    found = variance_parts(layers, brain, controls, folds)
    for roi, rdms in brain.items():
        for subject, rdm in enumerate(rdms):
            of_controls = cross_validated_r2(controls, rdm, folds)
            for index, layer in enumerate(layers):
                place = (index, subject)
                alone, both = (
                    cross_validated_r2(layer[None], rdm, folds),
                    cross_validated_r2(np.vstack([controls, layer]), rdm, folds),
                )
                assert found[roi].controls[place] == pytest.approx(of_controls, abs=1e-10)
                assert found[roi].layer[place] == pytest.approx(alone, abs=1e-10)
                assert found[roi].both[place] == pytest.approx(both, abs=1e-10)
                assert found[roi].unique_layer[place] == pytest.approx(both - of_controls, abs=1e-10)
                assert found[roi].unique_controls[place] == pytest.approx(both - alone, abs=1e-10)
                assert found[roi].shared[place] == pytest.approx(alone + of_controls - both, abs=1e-10)


def test_a_copy_of_a_control_explains_nothing_of_its_own(random: np.random.Generator) -> None:
    controls = random.random((2, 120))
    brain = {"V1": random.random((2, 120)) + controls[0]}
    found = variance_parts(controls[:1], brain, controls, stimulus_folds(16, 0))["V1"]
    assert (found.unique_layer == 0).all()
    assert (found.shared > 0.2).all()
    # In other units, sums of squares are rounded differently.
    copies = controls[:1] * np.array([[0.3], [7.7], [1e4]]) + 0.1
    only = variance_parts(copies, brain, controls[:1], stimulus_folds(16, 0))["V1"]
    assert (only.both != only.layer).any()
    assert (only.unique_layer == 0).all()
    assert (only.unique_controls == 0).all()


def test_many_layers_are_divided_between_threads(
    random: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers, controls, brain = random.random((5, 120)), random.random((2, 120)), random.random((3, 120))
    folds = stimulus_folds(16, 0)
    together = variance_parts(layers, {"V1": brain}, controls, folds)["V1"]
    monkeypatch.setattr("alignhouse.analysis.statistics.regression.LAYERS_A_BLOCK", 2)
    told: list[tuple[int, int]] = []
    apart = variance_parts(
        layers, {"V1": brain}, controls, folds, tick=lambda done, total: told.append((done, total))
    )
    assert apart["V1"].both == pytest.approx(together.both, abs=1e-12)
    assert told == [(fold + 1, 4) for fold in range(4)]


@pytest.mark.parametrize(("n", "sizes"), [(8, [4, 4]), (13, [4, 4, 5]), (102, [20, 20, 20, 21, 21])])
def test_folds_have_equal_sizes_and_at_least_four_stimuli(n: int, sizes: list[int]) -> None:
    assert sorted(np.bincount(stimulus_folds(n, 1)).tolist()) == sizes
    assert stimulus_folds(n, 1).tolist() != sorted(stimulus_folds(n, 1).tolist())
    assert stimulus_folds(n, 1).tolist() == stimulus_folds(n, 1).tolist()


def test_the_fewest_stimuli_make_two_folds() -> None:
    assert FEWEST_STIMULI == 8
    sizes = np.bincount(stimulus_folds(FEWEST_STIMULI, 0))
    assert sizes.tolist() == [FEWEST_STIMULI_A_FOLD, FEWEST_STIMULI_A_FOLD]
