"""Group comparisons, against worked examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alignhouse.analysis.statistics.groups import group_statistics
from alignhouse.analysis.statistics.many_tests import adjusted_p_values
from alignhouse.warehouse.errors import BadInput

SCORES = np.array([0.30, 0.10, 0.20, 0.50, 0.40])
LABELS = ["image", "video", "image", "image", "video"]


def test_medians_are_tested_permutation_by_permutation() -> None:
    rng = np.random.default_rng(0)
    null = rng.normal(scale=0.15, size=(5, 50))
    group_a, group_b, pair = group_statistics(SCORES, null, LABELS, best_layer_null="chosen_layer")
    assert (group_a.group_a, group_a.group_b, group_a.n_a, group_a.n_b) == ("image", None, 3, None)
    assert (pair.group_a, pair.group_b, pair.n_a, pair.n_b) == ("image", "video", 3, 2)
    assert [group_a.statistic, group_b.statistic, pair.statistic] == pytest.approx([0.30, 0.25, 0.05])
    image = [np.median(null[[0, 2, 3], k]) for k in range(50)]
    video = [np.median(null[[1, 4], k]) for k in range(50)]
    assert group_a.p_value == (1 + sum(abs(m) >= 0.30 for m in image)) / 51
    assert group_b.p_value == (1 + sum(abs(m) >= 0.25 for m in video)) / 51
    as_large = sum(abs(a - b) >= 0.05 for a, b in zip(image, video, strict=True))
    assert pair.p_value == pytest.approx((1 + as_large) / 51)
    assert 0.05 < pair.p_value < 1


def test_a_single_pair_needs_no_correction_and_single_groups_have_none() -> None:
    rows = group_statistics(SCORES, np.random.default_rng(0).normal(size=(5, 50)), LABELS)
    assert [row.p_adjusted for row in rows[:2]] == [None, None]
    assert rows[2].p_adjusted == rows[2].p_value


def test_a_median_below_all_null_maxima_is_not_significant() -> None:
    null = np.random.default_rng(0).uniform(0.0, 0.1, size=(2, 99))
    low = [-0.5, -0.5]
    against_maxima = group_statistics(low, null, ["a", "a"], best_layer_null="max_over_layers")[0]
    against_chosen = group_statistics(low, null, ["a", "a"], best_layer_null="chosen_layer")[0]
    assert against_maxima.p_value == 1
    assert against_chosen.p_value == pytest.approx(0.01)


def test_networks_that_share_their_null_do_not_make_a_difference_significant() -> None:
    null = np.random.default_rng(0).normal(size=(1, 99)).repeat(4, axis=0)
    same, different = [0.1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.2, 0.2]
    assert group_statistics(same, null, list("aabb"))[2].p_value == 1
    assert group_statistics(different, null, list("aabb"))[2].p_value == pytest.approx(0.01)


@pytest.mark.parametrize("correction", ["holm", "bonferroni"])
def test_pairs_are_corrected_for_their_number(correction: Any) -> None:
    rng = np.random.default_rng(0)
    rows = group_statistics(
        rng.normal(size=9), rng.normal(size=(9, 40)), list("aaabbbccc"), correction=correction
    )
    pairs = rows[3:]
    assert [(row.group_a, row.group_b) for row in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    expected = adjusted_p_values([row.p_value for row in pairs], correction)
    assert [row.p_adjusted for row in pairs] == expected.tolist()


def test_the_order_in_which_networks_are_listed_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    null, order = rng.normal(size=(5, 40)), rng.permutation(5)
    shuffled = group_statistics(SCORES[order], null[order], [LABELS[i] for i in order])
    assert shuffled == group_statistics(SCORES, null, LABELS)


def test_one_group_alone_has_no_pairs() -> None:
    assert len(group_statistics([0.1, 0.2], np.zeros((2, 9)), ["a", "a"])) == 1


@pytest.mark.parametrize(
    ("best", "null", "labels", "message"),
    [
        ([0.1, 0.2], np.zeros((3, 9)), ["a", "b"], "M labels"),
        ([0.1, 0.2], np.zeros((2, 9)), ["a"], "M labels"),
        ([], np.zeros((0, 9)), [], "M at least 1"),
        ([0.1, 0.2], np.zeros((2, 0)), ["a", "b"], "at least one permutation"),
        ([0.1, 0.2], np.zeros((2, 9)), ["a", ""], "group of network 1"),
        ([0.1, np.nan], np.zeros((2, 9)), ["a", "b"], "score of network 1"),
        ([0.1, 0.2], np.full((2, 9), np.nan), ["a", "b"], "null of network 0"),
        ([0.1, 0.2], [[0.1, 0.2], [0.3, np.nan]], ["a", "b"], "null of network 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(best: Any, null: Any, labels: list[str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        group_statistics(best, null, labels)


def test_a_groups_own_median_is_tested_one_sided_unless_told_otherwise() -> None:
    null = np.random.default_rng(0).uniform(0.0, 0.1, size=(2, 99))
    assert group_statistics([-0.5, -0.5], null, ["a", "a"])[0].p_value == 1


def test_medians_are_computed_in_double_precision() -> None:
    scores = np.array([0.1, 0.2], np.float32)
    [row] = group_statistics(scores, np.zeros((2, 9)), ["a", "a"])
    assert row.statistic == (float(scores[0]) + float(scores[1])) / 2
