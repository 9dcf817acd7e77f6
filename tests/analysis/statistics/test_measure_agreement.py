"""Agreement of measures on orders, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from alignhouse.analysis.statistics.measure_agreement import Agreement, group_agreement, order_agreement
from alignhouse.warehouse.errors import BadInput

RANDOM = np.random.default_rng(0)
ONE, OTHER = RANDOM.random((2, 6))
ONE_SAMPLES, OTHER_SAMPLES = RANDOM.random((2, 6, 200)) / 2 + np.stack([ONE, OTHER])[:, :, None]


def test_orders_agree_by_spearmans_rho_and_its_percentiles() -> None:
    found = order_agreement(ONE, OTHER, ONE_SAMPLES, OTHER_SAMPLES, 0.9)
    of_draws = [spearmanr(a, b).statistic for a, b in zip(ONE_SAMPLES.T, OTHER_SAMPLES.T, strict=True)]
    assert found.statistic == pytest.approx(spearmanr(ONE, OTHER).statistic)
    np.testing.assert_allclose([found.lower, found.upper], np.quantile(of_draws, [0.05, 0.95]))
    assert found.n == 6


def test_groups_agree_where_their_medians_have_the_same_order() -> None:
    one, other = np.array([1.0, 3, 2, 8, 9]), np.array([5.0, 1, 2, 4, 3])
    groups = ["a", "a", "a", "b", "c"]
    # Medians: 2, 8, 9 and 2, 4, 3; b and c have another order.
    samples = np.stack([one, other], axis=1)
    found = group_agreement(one, other, samples, np.stack([other, other], axis=1), groups, 0.5)
    assert found.statistic == pytest.approx(2 / 3)
    # In one of the two resamples both measures have the same order.
    assert (found.lower, found.upper) == (pytest.approx(2 / 3 + 1 / 12), pytest.approx(1 - 1 / 12))
    assert found.n == 3


def test_a_tie_by_one_measure_is_another_order() -> None:
    samples = np.array([[1.0], [2]])
    found = group_agreement([1.0, 2], [2.0, 2], samples, samples, ["a", "b"], 0.95)
    assert found.statistic == 0


def test_too_few_things_have_no_agreement() -> None:
    samples = np.ones((2, 5))
    assert order_agreement([1, 2], [2, 3], samples, samples, 0.95) == Agreement(None, None, None, 2)
    assert group_agreement([1, 2], [2, 3], samples, samples, ["a", "a"], 0.95) == Agreement(
        None, None, None, 1
    )


def test_where_all_scores_tie_there_is_no_order() -> None:
    ties = np.ones(6)
    nothing = Agreement(None, None, None, 6)
    assert order_agreement(ties, OTHER, ONE_SAMPLES, OTHER_SAMPLES, 0.95) == nothing
    assert order_agreement(ONE, OTHER, np.ones((6, 3)), OTHER_SAMPLES[:, :3], 0.95) == nothing
    one = ONE_SAMPLES.copy()
    one[:, 0] = 1  # That resample alone does not count.
    found = order_agreement(ONE, OTHER, one, OTHER_SAMPLES, 0.95)
    assert found == order_agreement(ONE, OTHER, one[:, 1:], OTHER_SAMPLES[:, 1:], 0.95)


def test_scores_of_other_things_are_refused() -> None:
    with pytest.raises(BadInput, match="agreement of measures: expected the same things and resamples"):
        order_agreement(ONE, OTHER[:5], ONE_SAMPLES, OTHER_SAMPLES, 0.95)
    with pytest.raises(BadInput, match="the same things and resamples"):
        order_agreement(ONE, OTHER, ONE_SAMPLES, OTHER_SAMPLES[:, :9], 0.95)
