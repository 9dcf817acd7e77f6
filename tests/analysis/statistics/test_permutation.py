"""Permutations of stimuli, null distributions and p-values, against their plain definitions."""

from __future__ import annotations

from itertools import permutations as all_orders
from typing import Any

import numpy as np
import pytest
from network_alone import null_distribution
from numpy.typing import NDArray
from scipy.spatial.distance import squareform
from scipy.stats import spearmanr

from alignhouse.analysis.kernels.similarity import rank
from alignhouse.analysis.statistics.permutation import (
    best_layer_null,
    max_statistic_p,
    mean_unit_vectors,
    null_rows_and_columns,
    null_rows_only,
    p_value,
    p_value_greater,
    permute_condensed,
    stimulus_permutations,
)
from alignhouse.warehouse.errors import BadInput

Float = NDArray[np.float64]


def plain_null(models: Float, brain: Float, orders: NDArray[np.intp], null: str) -> Float:
    """The definition, one scipy call at a time."""
    upper = np.triu_indices(orders.shape[1], 1)

    def permuted(rdm: Float, order: NDArray[np.intp]) -> Float:
        square = squareform(rdm)[order]
        return np.asarray((square if null == "rows_only" else square[:, order])[upper])

    return np.array(
        [
            [np.mean([spearmanr(permuted(model, order), one).statistic for one in brain]) for order in orders]
            for model in models
        ]
    )


def test_permutations_depend_on_the_arguments_alone() -> None:
    first = stimulus_permutations(24, 10, 7)
    np.random.default_rng(7).random(1000)
    np.random.seed(7)
    np.testing.assert_array_equal(stimulus_permutations(24, 10, 7), first)
    assert not np.array_equal(stimulus_permutations(24, 10, 8), first)


def test_asking_for_more_permutations_keeps_the_first() -> None:
    np.testing.assert_array_equal(stimulus_permutations(24, 100, 3)[:7], stimulus_permutations(24, 7, 3))


def test_permutations_stay_what_they_were_when_this_was_written() -> None:
    assert stimulus_permutations(6, 2, 0).tolist() == [[3, 2, 1, 0, 4, 5], [5, 2, 0, 1, 4, 3]]


def test_every_order_is_as_likely_as_any_other() -> None:
    orders = stimulus_permutations(4, 24_000, 1)
    counts = {order: 0 for order in all_orders(range(4))}
    for order in orders.tolist():
        counts[tuple(order)] += 1
    # 1,000 expected of each; chi-squared of 23 degrees of freedom exceeds 50 once in 1,000.
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 50


@pytest.mark.parametrize(
    ("arguments", "what"), [((3, 5, 0), "stimuli"), ((9, 0, 0), "permutations"), ((9, 5, -1), "seed")]
)
def test_impossible_permutations_are_refused(arguments: tuple[int, int, int], what: str) -> None:
    with pytest.raises(BadInput, match=what):
        stimulus_permutations(*arguments)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8])
def test_condensed_positions_equal_permuting_the_square(simulated_rdms: Any, dtype: type) -> None:
    rdm = simulated_rdms(1, 24, 0)[0]
    orders: NDArray[Any] = stimulus_permutations(24, 5, 0).astype(dtype)
    expected = [squareform(squareform(rdm)[order][:, order]) for order in orders]
    np.testing.assert_array_equal(rdm[permute_condensed(orders)], expected)


@pytest.mark.parametrize("null", ["rows_and_columns", "rows_only"])
@pytest.mark.parametrize("ties", [False, True])
def test_the_null_equals_its_definition(simulated_rdms: Any, null: Any, ties: bool) -> None:
    models, brain = simulated_rdms(3, 7, 0, ties=ties), simulated_rdms(4, 7, 1, ties=ties)
    models[0, :3] = 0.0  # ties with the diagonal too
    orders = stimulus_permutations(7, 20, 0)
    expected = plain_null(models, brain, orders, null)
    np.testing.assert_allclose(null_distribution(models, brain, orders, null=null), expected, atol=1e-7)


def test_rows_only_puts_the_diagonal_below_or_above_negative_values(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(2, 7, 0) - 1, simulated_rdms(2, 7, 1)
    orders = stimulus_permutations(7, 10, 0)
    expected = plain_null(models, brain, orders, "rows_only")
    np.testing.assert_allclose(
        null_distribution(models, brain, orders, null="rows_only"), expected, atol=1e-7
    )


@pytest.mark.parametrize("null", ["rows_and_columns", "rows_only"])
def test_the_identity_gives_the_observed_score(simulated_rdms: Any, null: Any) -> None:
    models, brain = simulated_rdms(3, 9, 0), simulated_rdms(4, 9, 1)
    observed = [np.mean([spearmanr(model, one).statistic for one in brain]) for model in models]
    found = null_distribution(models, brain, np.arange(9)[None], null=null)[:, 0]
    np.testing.assert_allclose(found, observed, atol=1e-7)


@pytest.mark.parametrize("null", ["rows_and_columns", "rows_only"])
def test_rounding_takes_no_score_beyond_1(simulated_rdms: Any, null: Any) -> None:
    identity = np.arange(9)[None]
    for brain in simulated_rdms(40, 9, 0)[:, None]:
        # The second model has the opposite order. In single precision, some of these scores exceed 1.
        found = null_distribution(np.vstack([brain, 3 - brain]), brain, identity, null=null)
        np.testing.assert_allclose(found, [[1], [-1]], atol=1e-6)
        assert np.abs(found).max() <= 1


@pytest.mark.parametrize("null", ["rows_and_columns", "rows_only"])
def test_little_memory_gives_the_same_null(simulated_rdms: Any, null: Any) -> None:
    models, brain = simulated_rdms(5, 12, 0), simulated_rdms(3, 12, 1)
    orders = stimulus_permutations(12, 40, 0)
    plenty = null_distribution(models, brain, orders, null=null)
    np.testing.assert_allclose(
        null_distribution(models, brain, orders, null=null, memory=1), plenty, atol=1e-7
    )


@pytest.mark.parametrize("null", ["rows_and_columns", "rows_only"])
def test_regions_together_have_the_nulls_that_they_have_alone(simulated_rdms: Any, null: Any) -> None:
    models, orders = simulated_rdms(2, 7, 0), stimulus_permutations(7, 12, 0)
    regions = [simulated_rdms(2, 7, 1), simulated_rdms(3, 7, 2), simulated_rdms(1, 7, 3)]
    brains = np.stack([mean_unit_vectors(rank(each)) for each in regions])
    if null == "rows_only":
        found = null_rows_only(models, brains, orders)
    else:
        found = null_rows_and_columns(rank(models).unit().astype(np.float32), brains, orders)
    assert (found.shape, found.dtype) == ((2, 3, 12), np.float32)
    for region, each in enumerate(regions):
        np.testing.assert_allclose(found[:, region], plain_null(models, each, orders, null), atol=1e-7)


def test_a_null_computed_in_two_parts_equals_one_run_through(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(5, 12, 0), simulated_rdms(3, 12, 1)
    orders = stimulus_permutations(12, 40, 0)
    parts = [null_distribution(models, brain, half) for half in (orders[:17], orders[17:])]
    np.testing.assert_allclose(np.hstack(parts), null_distribution(models, brain, orders), atol=1e-7)


def test_relabelling_the_stimuli_relabels_the_permutations(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(2, 8, 0), simulated_rdms(3, 8, 1)
    orders = stimulus_permutations(8, 15, 0)
    relabel = stimulus_permutations(8, 1, 9)[0]
    position = permute_condensed(relabel[None])[0]
    # Stimulus relabel[i] is now at position i, so the same permutation has other positions.
    in_new_places = np.argsort(relabel)[orders[:, relabel]]
    found = null_distribution(models[:, position], brain[:, position], in_new_places)
    np.testing.assert_allclose(found, null_distribution(models, brain, orders), atol=1e-7)


def test_permutations_of_other_stimuli_are_refused(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(2, 8, 0), simulated_rdms(3, 8, 1)
    with pytest.raises(BadInput, match=r"at least one row of 8, found int64 of shape \(5, 9\)"):
        null_distribution(models, brain, stimulus_permutations(9, 5, 0))
    repeated = stimulus_permutations(8, 5, 0)
    repeated[3, 0] = repeated[3, 1]
    with pytest.raises(BadInput, match=r"permutation 3: expected each of 0\.\.7 once"):
        null_distribution(models, brain, repeated)
    with pytest.raises(BadInput, match="found float64"):
        null_distribution(models, brain, np.zeros((2, 8)))


def test_brains_and_models_of_different_conditions_are_refused(simulated_rdms: Any) -> None:
    with pytest.raises(BadInput, match="brain RDMs: expected 28 pairs, as the models, found 36"):
        null_distribution(simulated_rdms(2, 8, 0), simulated_rdms(3, 9, 1), stimulus_permutations(8, 5, 0))


def test_rows_permuted_into_one_single_value_are_an_error() -> None:
    # Only the pair (2, 3) differs; the upper triangle of D[p, :] of the second order does not contain it.
    model, brain = np.array([[0.0, 0, 0, 0, 0, 1]]), np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])
    with pytest.raises(BadInput, match="RDM in row 0, permutation 1: .*one value only"):
        null_distribution(model, brain, np.array([[0, 1, 2, 3], [0, 1, 3, 2]]), null="rows_only")


def test_p_is_a_share_of_the_null_by_absolute_value() -> None:
    null = np.array([-0.4, -0.2, 0.1, 0.2, 0.3])
    assert p_value(0.2, null, "share") == pytest.approx(4 / 5)
    assert p_value(-0.3, null, "share") == pytest.approx(2 / 5)
    assert p_value(0.2, null, "plus_one") == pytest.approx(5 / 6)
    assert p_value_greater(0.2, null, "share") == pytest.approx(2 / 5)
    assert p_value_greater(-0.3, null, "plus_one") == pytest.approx(5 / 6)


def test_only_the_share_can_be_zero() -> None:
    null = np.full(99, 0.1)
    assert p_value(0.9, null, "share") == 0
    assert p_value(0.9, null, "plus_one") == pytest.approx(0.01)


def test_p_values_of_a_table_of_scores_are_those_of_each(simulated_rdms: Any) -> None:
    rng = np.random.default_rng(0)
    observed, null = rng.normal(size=(3, 4)), rng.normal(size=(3, 4, 50))
    each = [[p_value(observed[i, j], null[i, j]) for j in range(4)] for i in range(3)]
    np.testing.assert_array_equal(p_value(observed, null), each)


def test_an_equal_null_value_counts_though_it_was_stored_in_single_precision() -> None:
    rounded_down = np.array([0.7], dtype=np.float32)
    assert float(rounded_down[0]) < 0.7
    for test in (p_value, p_value_greater):
        assert test(0.7, rounded_down, "share") == 1
        assert test(0.7, np.array([0.7 - 1e-5]), "share") == 0


def test_the_best_layer_is_compared_with_the_best_layer_of_each_permutation() -> None:
    nulls = np.array([[0.1, -0.9, 0.3, 0.0], [0.2, 0.1, -0.3, 0.4]])
    assert max_statistic_p(0.3, nulls, "share") == pytest.approx(2 / 4)  # maxima .2 .1 .3 .4, never abs(-.9)
    assert max_statistic_p(0.3, nulls, "plus_one") == pytest.approx(3 / 5)
    np.testing.assert_array_equal(best_layer_null(nulls, 0, "max_over_layers"), [0.2, 0.1, 0.3, 0.4])
    np.testing.assert_array_equal(best_layer_null(nulls, 1, "chosen_layer"), nulls[1])


@pytest.mark.parametrize(
    ("observed", "null", "message"),
    [
        (np.nan, [0.1, 0.2], "NaN"),
        (0.1, [0.1, np.nan], "NaN"),
        (0.1, [], "permutations"),
        ([0.1, 0.2], [0.1, 0.2], "permutations"),
    ],
)
def test_a_p_value_of_nothing_is_refused(observed: Any, null: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        p_value(observed, null)
