"""The null of Kendall's tau-a: blocks of regions, permutations and signs change nothing; errors are told."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from measured_plainly import plainly
from numpy.typing import NDArray

from alignhouse.analysis.kernels.kendall import ENOUGH_COLUMNS, sign_rows, signs, tau_a_within
from alignhouse.analysis.kernels.similarity import rank
from alignhouse.analysis.statistics import kendall_null
from alignhouse.analysis.statistics.kendall_null import null_of_signs
from alignhouse.analysis.statistics.permutation import permute_condensed, stimulus_permutations
from alignhouse.warehouse.errors import BadInput

N = 16


def ranks(rdms: NDArray[np.float64]) -> NDArray[np.float32]:
    return rank(rdms).centred.astype(np.float32)


@pytest.mark.parametrize(("memory", "groups"), [(1, 1), (30_000, 3), (60_000, 2), (10**7, 1)])
def test_blocks_of_regions_and_permutations_change_nothing(
    simulated_rdms: Any, memory: int, groups: int
) -> None:
    layers = simulated_rdms(3, N, 0, ties=True)
    brain = [simulated_rdms(count, N, count) for count in (2, 1, 3)]
    orders, ticks = stimulus_permutations(N, 7, 0), list[tuple[int, int]]()
    null = null_of_signs(
        ranks(layers),
        [ranks(each) for each in brain],
        orders,
        memory=memory,
        tick=lambda done, total: ticks.append((done, total)),
    )
    moved = layers[:, permute_condensed(orders)]
    for roi, subjects in enumerate(brain):
        every = np.arange(N)
        expected = [
            [
                np.mean([plainly("kendall_tau_a", each, subject, every) for subject in subjects])
                for each in of_layer
            ]
            for of_layer in moved
        ]
        np.testing.assert_allclose(null[:, roi], expected, rtol=0, atol=1e-7)
    assert ticks == sorted(ticks)
    assert ticks[-1][0] == ticks[-1][1] == 7 * groups


def test_working_memory_stays_within_the_setting(simulated_rdms: Any) -> None:
    """The sums of signs of one region would take 3 MB, and all signs of a layer 6 MB."""
    layers, brain = ranks(simulated_rdms(2, 60, 0)), [ranks(simulated_rdms(2, 60, 1))]
    orders, memory = stimulus_permutations(60, 6, 0), 2**20
    null_of_signs(layers[:, :15], [brain[0][:, :15]], stimulus_permutations(6, 2, 0))  # caches
    tracemalloc.start()
    try:
        null = null_of_signs(layers, brain, orders, memory=memory)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < memory
    np.testing.assert_array_equal(null, null_of_signs(layers, brain, orders))


def test_many_subjects_need_larger_numbers(simulated_rdms: Any) -> None:
    """128 equal subjects have sums of 128, one more than a byte holds."""
    [rdm] = simulated_rdms(1, 5, 0)
    for count, bytes_each in ((127, 1), (128, 2), (40_000, 4)):
        assert kendall_null._kind(count).itemsize == bytes_each
    brain = ranks(np.repeat(rdm[None], 128, axis=0))
    null = null_of_signs(ranks(rdm[None]), [brain], np.arange(5)[None])
    assert null[0, 0, 0] == 1


def test_orders_of_other_stimuli_are_refused(simulated_rdms: Any) -> None:
    rdms = ranks(simulated_rdms(2, N, 0))
    with pytest.raises(BadInput, match=f"at least one row of {N}"):
        null_of_signs(rdms, [rdms], stimulus_permutations(N + 1, 2, 0))


@pytest.mark.parametrize("columns", [1, 50, 10**9])
def test_blocks_of_signs_cover_every_two_places_once(columns: int) -> None:
    """The square of a block holds its differences twice, so `once` halves them."""
    places = np.arange(120, dtype=np.float32)
    blocks = list(sign_rows(120, columns))
    count = sum(np.abs(signs(places[None], rows, once=True)).sum() for rows in blocks)
    assert count == 120 * 119 / 2
    sizes = [(rows.stop - rows.start) * (120 - rows.start) for rows in blocks]
    assert max(sizes) <= max(120, min(columns, ENOUGH_COLUMNS))


def test_every_two_of_several_sets_are_compared(simulated_rdms: Any) -> None:
    # More signs than one block holds.
    rdms = np.stack([simulated_rdms(3, N + 2, seed, ties=True) for seed in (0, 1)])
    assert len(list(sign_rows(rdms.shape[2], ENOUGH_COLUMNS))) > 1
    found = tau_a_within(np.stack([ranks(each) for each in rdms]))
    every = np.arange(N + 2)
    expected = [[[plainly("kendall_tau_a", a, b, every) for b in each] for a in each] for each in rdms]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
