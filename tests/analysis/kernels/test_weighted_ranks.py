"""Weighted ranks, against ranks of pairs that are repeated by their weight."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from alignhouse.analysis.kernels.weighted_ranks import SortedRdms, Weights, names_of
from alignhouse.warehouse.errors import BadInput


@pytest.mark.parametrize("n_sets", [1, 4, 7, 16])
@pytest.mark.parametrize("most", [2, 400, 4_000, pytest.param(40_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("ties", ["none", "many", "some rows"])
def test_ranks_are_scipys_of_pairs_written_out(n_sets: int, most: int, ties: str) -> None:
    # Sums of up to 84, 16,800, 168,000 and 1.7 million: numbers of 16 bits and of 32.
    rng = np.random.default_rng([n_sets, most])
    rdms, counts = rng.random((3, 21)), rng.integers(0, most + 1, (n_sets, 21)).astype(np.int32)
    counts[:, :2] = most
    if ties == "many":
        rdms = np.round(rdms, 1)
    elif ties == "some rows":
        rdms[1] = np.round(rdms[1], 1)
    found = np.empty((3, n_sets, 21))
    lengths = SortedRdms(rdms, names_of(None, 3)).vectors(slice(0, 3), Weights(counts, 0, "set"), found)
    for rdm, of_rdm, length in zip(rdms, found, lengths, strict=True):
        for weights, of_set, of_length in zip(counts, of_rdm, length, strict=True):
            written_out = 2 * rankdata(np.repeat(rdm, weights)) - (weights.sum() + 1)
            first_copies = np.cumsum(weights) - weights
            counted = np.flatnonzero(weights)
            np.testing.assert_array_equal(of_set[counted], written_out[first_copies[counted]])
            assert of_length == pytest.approx(np.linalg.norm(written_out), rel=1e-12)


def test_some_of_many_rdms_are_ranked_as_if_alone() -> None:
    rng = np.random.default_rng(0)
    rdms, counts = np.round(rng.random((6, 45)), 2), rng.integers(0, 3, (5, 45)).astype(np.int32)
    several, alone = np.empty((2, 5, 45), np.float32), np.empty((1, 5, 45), np.float32)
    SortedRdms(rdms, names_of(None, 6)).vectors(slice(3, 5), Weights(counts, 0, "set"), several)
    SortedRdms(rdms[4:5], names_of(None, 1)).vectors(slice(0, 1), Weights(counts, 0, "set"), alone)
    np.testing.assert_array_equal(several[1], alone[0])


def test_a_set_that_leaves_one_value_names_the_rdm_and_the_set() -> None:
    rdms, counts = np.random.default_rng(0).random((3, 15)), np.ones((2, 15), np.int32)
    rdms[1, :5] = 0.5
    counts[1, 5:] = 0
    with pytest.raises(BadInput, match=r"RDM of conv2, resample 8: .*found one value only"):
        SortedRdms(rdms, names_of(["conv1", "conv2", "fc"], 3)).vectors(
            slice(0, 3), Weights(counts, 7, "resample"), np.empty((3, 2, 15))
        )
