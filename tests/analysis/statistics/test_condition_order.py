from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from scipy.spatial.distance import squareform

from alignhouse.analysis.statistics import condition_order
from alignhouse.analysis.statistics.condition_order import clustered_order


def clusters_plainly(square: np.ndarray) -> list[set[int]]:
    """The clusters of average linkage: the two with the smallest mean distance are joined, and so on."""
    clusters: list[set[int]] = [{place} for place in range(len(square))]
    joined = []
    while len(clusters) > 1:
        means = {
            (a, b): np.mean([square[i, j] for i in clusters[a] for j in clusters[b]])
            for a in range(len(clusters))
            for b in range(a)
        }
        a, b = min(means, key=lambda pair: means[pair])
        both = clusters[a] | clusters[b]
        clusters = [each for place, each in enumerate(clusters) if place not in (a, b)] + [both]
        joined.append(both)
    return joined


def stays_together(order: list[int], cluster: set[int]) -> bool:
    places = [order.index(each) for each in cluster]
    return max(places) - min(places) + 1 == len(cluster)


@pytest.mark.parametrize("best_order", [True, False])
def test_each_cluster_of_an_independent_clustering_is_side_by_side(
    monkeypatch: pytest.MonkeyPatch, *, best_order: bool
) -> None:
    monkeypatch.setattr(condition_order, "MOST_BEST_ORDER", 500 if best_order else 2)
    for seed in range(5):
        rdm = np.random.default_rng(seed).random(9 * 8 // 2)
        order = clustered_order(rdm).tolist()
        assert sorted(order) == list(range(9))
        assert all(stays_together(order, cluster) for cluster in clusters_plainly(squareform(rdm)))


def test_neighbours_are_as_similar_as_the_clusters_allow() -> None:
    rdm = np.random.default_rng(1).random(6 * 5 // 2)
    square = squareform(rdm)
    clusters = clusters_plainly(square)
    lengths = [
        sum(square[a, b] for a, b in pairwise(order))
        for order in permutations(range(6))
        if all(stays_together(list(order), cluster) for cluster in clusters)
    ]
    found = sum(square[a, b] for a, b in pairwise(clustered_order(rdm)))
    assert found == pytest.approx(min(lengths))
    assert max(lengths) > min(lengths)


def test_unknown_distances_are_taken_for_the_mean_of_the_others() -> None:
    rdm = np.random.default_rng(2).random(8 * 7 // 2)
    unknown = rdm.copy()
    unknown[[3, 11]] = np.nan
    filled = rdm.copy()
    filled[[3, 11]] = np.nanmean(unknown)
    assert clustered_order(unknown).tolist() == clustered_order(filled).tolist()
    assert sorted(clustered_order(np.full(10, np.nan)).tolist()) == list(range(5))
