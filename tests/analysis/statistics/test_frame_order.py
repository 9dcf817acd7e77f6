"""Differences between orders of frames: the choice of layers, intervals, p-values, and error rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from simulated_studies import order_false_positives

from alignhouse.analysis.statistics.bootstrap import BootstrapScores
from alignhouse.analysis.statistics.frame_order import order_difference
from alignhouse.analysis.statistics.intervals import dual_interval, expanded_percentile_interval

Array = NDArray[Any]


def record(random: np.random.Generator, shift: float = 0.0, subjects: int = 4) -> BootstrapScores:
    observed = random.random(3) + shift
    samples = [observed[:, None] + 0.3 * random.standard_normal((3, 50)) for _ in range(3)]
    if subjects == 1:
        return BootstrapScores(observed, samples[0], None, None, 20, 1)
    return BootstrapScores(observed, *samples, 20, subjects)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(2)


@pytest.fixture
def usual(random: np.random.Generator) -> BootstrapScores:
    return record(random, 0.4)


@pytest.fixture
def other(random: np.random.Generator) -> BootstrapScores:
    return record(random)


def test_best_layers_are_those_of_each_order_in_every_resample(
    usual: BootstrapScores, other: BootstrapScores
) -> None:
    found = order_difference(usual, other, "best_layer", 0.9)
    assert found.difference == usual.observed.max() - other.observed.max()
    assert (found.layer, found.layer_in_order) == (usual.observed.argmax(), other.observed.argmax())
    samples = {
        kind: getattr(usual, kind).max(axis=0) - getattr(other, kind).max(axis=0)
        for kind in ("both", "subjects", "stimuli")
    }
    expected = dual_interval(found.difference, *samples.values(), 4, 20, 0.9)
    assert (found.interval.lower[0], found.interval.upper[0]) == (expected.lower, expected.upper)
    assert (found.resampled, found.method) == ("both", "dual")


def test_the_same_layer_has_the_highest_mean_of_both_orders_in_every_resample(
    usual: BootstrapScores, other: BootstrapScores
) -> None:
    found = order_difference(usual, other, "same_layer", 0.9)
    assert found.layer == found.layer_in_order == (usual.observed + other.observed).argmax()
    assert found.difference == usual.observed[found.layer] - other.observed[found.layer]
    samples = []
    for kind in ("both", "subjects", "stimuli"):
        pairs = list(zip(getattr(usual, kind).T, getattr(other, kind).T, strict=True))
        chosen = [int(np.argmax(one + two)) for one, two in pairs]
        assert len(set(chosen)) > 1
        samples.append(
            np.array([one[layer] - two[layer] for (one, two), layer in zip(pairs, chosen, strict=True)])
        )
    expected = dual_interval(found.difference, *samples, 4, 20, 0.9)
    assert (found.interval.lower[0], found.interval.upper[0]) == (expected.lower, expected.upper)


@pytest.mark.parametrize("subjects", [1, 4])
@pytest.mark.parametrize("comparison", ["same_layer", "best_layer"])
def test_exchanged_orders_change_signs_only(
    random: np.random.Generator, subjects: int, comparison: Any
) -> None:
    one, two = record(random, 0.2, subjects), record(random, 0.0, subjects)
    there, back = order_difference(one, two, comparison), order_difference(two, one, comparison)
    assert back.difference == -there.difference
    assert back.interval.lower[0] == pytest.approx(-there.interval.upper[0])
    assert back.p_value == pytest.approx(there.p_value)


def test_p_is_the_level_at_which_the_interval_reaches_zero(
    usual: BootstrapScores, other: BootstrapScores
) -> None:
    p = order_difference(usual, other, "best_layer").p_value
    assert 0.001 < p < 0.999
    interval = order_difference(usual, other, "best_layer", 1 - p).interval
    assert min(abs(interval.lower[0]), abs(interval.upper[0])) == pytest.approx(0, abs=1e-9)


def test_p_of_one_subject_is_that_of_the_expanded_percentiles(random: np.random.Generator) -> None:
    one, two = record(random, 0.5, 1), record(random, 0.0, 1)
    found = order_difference(one, two, "best_layer")
    assert (found.resampled, found.method) == ("stimuli", "expanded_percentile")
    samples = np.sort(one.stimuli.max(axis=0) - two.stimuli.max(axis=0))
    rarer = int(min((samples < 0).sum(), (samples > 0).sum()))
    assert 0 < rarer < 20
    interval = expanded_percentile_interval(samples, 20, 1 - found.p_value)
    # The quantile rarer / 50, which lies between the samples around 0.
    place = rarer / 50 * 49
    expected = np.interp(place, np.arange(50), samples)
    assert expected == pytest.approx(interval.lower if found.difference > 0 else -interval.lower, abs=1e-9)


def test_orders_that_change_nothing_have_p_1(usual: BootstrapScores) -> None:
    for comparison in ("same_layer", "best_layer"):
        found = order_difference(usual, usual, comparison)  # type: ignore[arg-type]
        assert (found.difference, found.p_value) == (0, 1)
        assert (found.interval.lower[0], found.interval.upper[0]) == (0, 0)


def test_few_differences_are_significant_if_order_does_not_matter() -> None:
    found = order_false_positives(60, n_stimuli=20, n_subjects=4, draws=100)
    for comparison in ("same_layer", "best_layer"):
        assert found.significant[comparison] <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 60), comparison
    # What the same choice of a layer in both orders avoids.
    assert found.mean_difference["usual_layer"] > 3 * abs(found.mean_difference["same_layer"])


@pytest.mark.slow
@pytest.mark.parametrize(("n_stimuli", "n_subjects"), [(20, 4), (40, 1), (40, 10)])
def test_the_error_rate_of_orders_is_at_most_that_of_its_level(n_stimuli: int, n_subjects: int) -> None:
    found = order_false_positives(400, n_stimuli=n_stimuli, n_subjects=n_subjects, seed=1)
    for comparison in ("same_layer", "best_layer"):
        assert found.significant[comparison] <= 0.06, comparison


@pytest.mark.slow
def test_orders_that_add_noise_are_found() -> None:
    found = order_false_positives(100, n_stimuli=40, n_subjects=10, seed=1, lost=0.6)
    assert found.significant["same_layer"] > 0.2
    assert found.significant["best_layer"] > 0.5
