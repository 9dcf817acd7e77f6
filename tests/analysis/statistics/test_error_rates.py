"""False positives of tests and coverage of intervals, in simulated studies with a known truth.

The short versions always run. The long versions, whose numbers are in docs/statistics.md, are marked `slow`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from simulated_studies import coverage, false_positives

from alignhouse.analysis.kernels.measure_names import MEASURES
from alignhouse.analysis.statistics.settings import AnalysisSettings

ALPHA = 0.05


# The methods that questions, reports and figures use by default.
DEFAULTS = {"stimuli": "expanded_percentile", "subjects": "expanded_percentile", "both": "dual"}
METHODS = {
    "stimuli": {"percentile", "expanded_percentile", "bias_corrected"},
    "subjects": {"percentile", "expanded_percentile", "bias_corrected"},
    "both": {"percentile", "bias_corrected", "dual"},
}


def spread(n_studies: int, share: float = ALPHA) -> float:
    """Four standard errors of a share, estimated from a number of studies."""
    return float(4 * np.sqrt(share * (1 - share) / n_studies))


# Stimuli that are far from all others are the harder case.
@pytest.mark.parametrize("main_effects", [pytest.param(False, marks=pytest.mark.slow), True])
def test_sound_tests_have_the_nominal_false_positive_rate(
    sound: AnalysisSettings, main_effects: bool
) -> None:
    found = false_positives(sound, 500, main_effects=main_effects)
    for test, share in found.items():
        assert abs(share - ALPHA) < spread(500), test


def test_the_published_tests_have_too_many_false_positives(paper: AnalysisSettings) -> None:
    found = false_positives(paper, 200, main_effects=True)
    for test in ("best layer", "group", "difference"):
        assert found[test] > ALPHA + spread(200) / 2, test


@pytest.mark.slow
@pytest.mark.parametrize("main_effects", [False, True])
def test_sound_tests_have_the_nominal_error_rate_over_4000_studies(
    sound: AnalysisSettings, main_effects: bool
) -> None:
    found = false_positives(sound, 4000, main_effects=main_effects, seed=1)
    for test, share in found.items():
        assert 0.04 <= share <= 0.06, test


@pytest.mark.parametrize(
    ("measure", "n_studies"),
    [("cka", 150), *(pytest.param(name, 1000, marks=pytest.mark.slow) for name in MEASURES[1:])],
)
def test_every_measure_has_the_nominal_false_positive_rate(measure: Any, n_studies: int) -> None:
    for main_effects in (False, True):
        settings = AnalysisSettings(measure=measure)
        found = false_positives(settings, n_studies, main_effects=main_effects, seed=1)
        for test, share in found.items():
            assert abs(share - ALPHA) < spread(n_studies), test


@pytest.mark.slow
@pytest.mark.parametrize("measure", MEASURES[1:])
def test_default_intervals_of_every_measure_have_95_percent_coverage(measure: Any) -> None:
    held = coverage("both", 300, n_stimuli=40, n_subjects=10, seed=1, rough=True, measure=measure)
    assert held["dual"] >= 0.95 - spread(300, 0.95)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("main_effects", "too_many"),
    [(False, ("best layer", "group", "difference")), (True, ("layer", "best layer", "group", "difference"))],
)
def test_published_tests_have_too_many_false_positives_over_2000_studies(
    paper: AnalysisSettings, main_effects: bool, too_many: Any
) -> None:
    found = false_positives(paper, 2000, main_effects=main_effects, seed=1)
    for test in too_many:
        assert found[test] > 0.06, test


@pytest.mark.parametrize("n_studies", [40, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("resampled", "n_stimuli", "n_subjects"), [("stimuli", 30, 3), ("subjects", 15, 30), ("both", 24, 8)]
)
def test_intervals_have_about_the_nominal_coverage(
    resampled: str, n_stimuli: int, n_subjects: int, n_studies: int
) -> None:
    held = coverage(
        resampled, n_studies, n_stimuli=n_stimuli, n_subjects=n_subjects, draws=200, rough=n_studies < 100
    )
    assert set(held) == METHODS[resampled]
    for method, share in held.items():
        assert share >= 0.95 - spread(n_studies, 0.95), method


@pytest.mark.slow
@pytest.mark.parametrize(
    ("resampled", "n_stimuli", "n_subjects"), [("stimuli", 40, 4), ("stimuli", 100, 4), ("subjects", 20, 100)]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_where_theory_applies_intervals_have_95_percent_coverage(
    resampled: str, n_stimuli: int, n_subjects: int, seed: int
) -> None:
    held = coverage(resampled, 1000, n_stimuli=n_stimuli, n_subjects=n_subjects, seed=seed)
    for method, share in held.items():
        assert 0.93 <= share <= 0.97, method


# As many stimuli and subjects as real studies have; BOLD Moments has 102 test videos and 10 subjects.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("resampled", "n_stimuli", "n_subjects"),
    [("subjects", 20, 10), ("subjects", 20, 15), ("subjects", 20, 30), ("both", 102, 10)],
)
def test_default_intervals_of_few_subjects_have_95_percent_coverage(
    resampled: str, n_stimuli: int, n_subjects: int
) -> None:
    held = coverage(resampled, 2000, n_stimuli=n_stimuli, n_subjects=n_subjects, seed=1)
    assert 0.93 <= held[DEFAULTS[resampled]] <= 0.97


def test_default_intervals_of_ten_subjects_hold_the_truth_and_plain_ones_do_not() -> None:
    """A few hundred studies separate the two methods; the long version above gives the share."""
    held = coverage("subjects", 300, n_stimuli=10, n_subjects=10, draws=300, seed=3, rough=True)
    assert abs(held["expanded_percentile"] - 0.95) <= spread(300)
    assert held["percentile"] <= held["expanded_percentile"] - 0.02
