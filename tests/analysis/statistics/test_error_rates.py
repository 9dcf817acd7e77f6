"""How often tests find what is not there, and intervals miss what is: simulated studies with a known truth.

The short versions run with all tests; the long ones, whose numbers docs/statistics.md quotes, with `slow`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from simulated_studies import coverage, false_positives

from alignhouse.analysis.statistics.settings import AnalysisSettings

ALPHA = 0.05


# Coverage of 95 % intervals as docs/statistics.md has it: what is resampled, stimuli, subjects, by method.
MEASURED = [
    ("subjects", 20, 30, {"percentile": 0.93, "bias_corrected": 0.93}),
    ("subjects", 20, 10, {"percentile": 0.89, "bias_corrected": 0.89}),
    ("both", 40, 10, {"percentile": 0.945, "bias_corrected": 0.943, "dual": 0.953}),
]


def spread(n_studies: int, share: float = ALPHA) -> float:
    """Four standard errors of a share that is found in so many studies."""
    return float(4 * np.sqrt(share * (1 - share) / n_studies))


@pytest.mark.parametrize("main_effects", [False, True])
def test_sound_tests_find_what_is_not_there_as_rarely_as_they_say(
    sound: AnalysisSettings, main_effects: bool
) -> None:
    found = false_positives(sound, 500, main_effects=main_effects)
    for test, share in found.items():
        assert abs(share - ALPHA) < spread(500), test


def test_the_published_tests_find_too_much(paper: AnalysisSettings) -> None:
    found = false_positives(paper, 200, main_effects=True)
    for test in ("best layer", "group", "difference"):
        assert found[test] > ALPHA + spread(200) / 2, test


@pytest.mark.slow
@pytest.mark.parametrize("main_effects", [False, True])
def test_sound_tests_are_right_over_4000_studies(sound: AnalysisSettings, main_effects: bool) -> None:
    found = false_positives(sound, 4000, main_effects=main_effects, seed=1)
    for test, share in found.items():
        assert 0.04 <= share <= 0.06, test


@pytest.mark.slow
@pytest.mark.parametrize(
    ("main_effects", "too_many"),
    [(False, ("best layer", "group", "difference")), (True, ("layer", "best layer", "group", "difference"))],
)
def test_published_tests_are_wrong_over_2000_studies(
    paper: AnalysisSettings, main_effects: bool, too_many: Any
) -> None:
    found = false_positives(paper, 2000, main_effects=main_effects, seed=1)
    for test in too_many:
        assert found[test] > 0.06, test


@pytest.mark.parametrize("n_studies", [40, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("resampled", "n_stimuli", "n_subjects"), [("stimuli", 30, 3), ("subjects", 15, 30), ("both", 24, 8)]
)
def test_intervals_hold_the_truth_about_as_often_as_they_say(
    resampled: str, n_stimuli: int, n_subjects: int, n_studies: int
) -> None:
    held = coverage(resampled, n_studies, n_stimuli=n_stimuli, n_subjects=n_subjects, draws=200)
    assert set(held) == {"percentile", "bias_corrected"} | ({"dual"} if resampled == "both" else set())
    for method, share in held.items():
        assert share >= 0.95 - spread(n_studies, 0.95), method


@pytest.mark.slow
@pytest.mark.parametrize(
    ("resampled", "n_stimuli", "n_subjects"), [("stimuli", 40, 4), ("stimuli", 100, 4), ("subjects", 20, 100)]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_where_theory_promises_it_intervals_hold_the_truth_95_times_of_100(
    resampled: str, n_stimuli: int, n_subjects: int, seed: int
) -> None:
    held = coverage(resampled, 1000, n_stimuli=n_stimuli, n_subjects=n_subjects, seed=seed)
    for method, share in held.items():
        assert 0.93 <= share <= 0.97, method


# Few subjects: an interval of the mean of S is too narrow by sqrt((S - 1) / S), and by what t is wider than
# the normal distribution. Both at once: no theory but that of the dual bootstrap.
@pytest.mark.slow
@pytest.mark.parametrize(("resampled", "n_stimuli", "n_subjects", "measured"), MEASURED)
def test_where_theory_does_not_promise_it_coverage_is_what_was_written_down(
    resampled: str, n_stimuli: int, n_subjects: int, measured: dict[str, float]
) -> None:
    n_studies = 500
    held = coverage(resampled, n_studies, n_stimuli=n_stimuli, n_subjects=n_subjects, seed=11)
    assert set(held) == set(measured)
    for method, share in held.items():
        assert abs(share - measured[method]) < spread(n_studies, measured[method]), method
