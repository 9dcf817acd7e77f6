"""The work of Kendall's tau-a is that of its parts, counted one by one."""

from __future__ import annotations

import pytest

from alignhouse.analysis.statistics.kendall_work import A_SIGN, RESAMPLED, tau_a_work

# Pairs of pairs of 10 and of 6 stimuli.
OF_10, OF_6 = 45 * 44 / 2, 15 * 14 / 2


def test_each_part_of_a_study_counts() -> None:
    """Two regions with 3 and 4 subjects, 5 layers."""

    def work(**changed: int) -> float:
        return tau_a_work(5, [(10, [3, 4])], **({"permutations": 0, "draws": 0, "halvings": 0} | changed))

    scores = OF_10 * (5 * 7 + 5**2 / 2)
    assert work() == pytest.approx(scores)
    nulls = OF_10 * (5 * 2 * 100 + 100 * (3 * (3 + A_SIGN) + 4 * (4 + A_SIGN)))
    assert work(permutations=100) == pytest.approx(scores + nulls)
    # All subjects and drawn subjects of each region, on the signs that are left.
    a_set = OF_10 * 5 * (2 * 2 + A_SIGN)
    assert work(draws=100) == pytest.approx(scores + a_set * RESAMPLED * 100)
    assert work(halvings=8) == pytest.approx(scores + a_set)


def test_a_resample_holds_four_different_stimuli_as_often_as_expected() -> None:
    # (1 - (1 - 1 / n)^n)^4 for many stimuli.
    assert pytest.approx((1 - (1 - 1 / 10_000) ** 10_000) ** 4, abs=1e-4) == RESAMPLED


def test_each_set_of_stimuli_that_subjects_saw_counts_with_its_own_signs() -> None:
    found = tau_a_work(2, [(10, [1, 1]), (6, [1])], permutations=10, draws=0, halvings=0)
    of_both = (
        OF_10 * (2 * (10 * (2 + A_SIGN) + 2) + 10 * 2 * (1 + A_SIGN) + 1),
        OF_6 * (2 * (10 * (1 + A_SIGN) + 1) + 10 * (1 + A_SIGN) + 1),
    )
    assert found == pytest.approx(sum(of_both))
