"""False positives of tests and coverage of intervals, in simulated studies with a known truth.

The short versions always run. The long versions, whose numbers are in docs/statistics.md, are marked `slow`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from simulated_studies import coverage, false_positives

from alignhouse.analysis.statistics.settings import AnalysisSettings

ALPHA = 0.05


# Coverage of 95 % intervals from docs/statistics.md: what is resampled, stimuli, subjects -> by method.
MEASURED = [
    ("subjects", 20, 30, {"percentile": 0.93, "bias_corrected": 0.93}),
    ("subjects", 20, 10, {"percentile": 0.89, "bias_corrected": 0.89}),
    ("both", 40, 10, {"percentile": 0.945, "bias_corrected": 0.943, "dual": 0.953}),
]


def spread(n_studies: int, share: float = ALPHA) -> float:
    """Four standard errors of a share, estimated from a number of studies."""
    return float(4 * np.sqrt(share * (1 - share) / n_studies))


@pytest.mark.parametrize("main_effects", [False, True])
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
    assert set(held) == {"percentile", "bias_corrected"} | ({"dual"} if resampled == "both" else set())
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


# With few subjects, an interval of the mean is too narrow by sqrt((S - 1) / S), and by the ratio of the
# normal to the t distribution. For both at once, only the theory of the dual bootstrap exists.
@pytest.mark.slow
@pytest.mark.parametrize(("resampled", "n_stimuli", "n_subjects", "measured"), MEASURED)
def test_without_a_theory_coverage_equals_the_documented_numbers(
    resampled: str, n_stimuli: int, n_subjects: int, measured: dict[str, float]
) -> None:
    n_studies = 500
    held = coverage(resampled, n_studies, n_stimuli=n_stimuli, n_subjects=n_subjects, seed=11)
    assert set(held) == set(measured)
    for method, share in held.items():
        assert abs(share - measured[method]) < spread(n_studies, measured[method]), method
