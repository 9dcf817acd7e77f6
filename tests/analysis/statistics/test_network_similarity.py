"""Similarity of networks, against all pairs of layers written out."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from measured_plainly import plainly
from numpy.typing import NDArray

from alignhouse.analysis.statistics import network_similarity
from alignhouse.analysis.statistics.network_similarity import chosen_layer_similarity, most_alike_layers
from alignhouse.warehouse.errors import BadInput

N = 9


@pytest.fixture
def networks(simulated_rdms: Any) -> dict[str, NDArray[np.float64]]:
    counts = {"a": 3, "b": 1, "c": 4, "d": 2}
    return {name: simulated_rdms(count, N, seed) for seed, (name, count) in enumerate(counts.items())}


@pytest.mark.parametrize("measure", ["spearman", "cka", "cka_debiased", "kendall_tau_a"])
@pytest.mark.parametrize("memory", [1, 5_000, 10**6], ids=["a network a block", "some", "all at once"])
def test_the_most_alike_layers_are_those_of_all_pairs(
    networks: dict[str, NDArray[np.float64]], measure: Any, memory: int
) -> None:
    ticks: list[tuple[int, int]] = []
    found = {
        (each.first, each.second): each
        for each in most_alike_layers(
            networks, measure, memory=memory, tick=lambda done, total: ticks.append((done, total))
        )
    }
    assert set(found) == set(combinations("abcd", 2))
    for (one, other), each in found.items():
        every = np.array(
            [[plainly(measure, x, y, np.arange(N)) for y in networks[other]] for x in networks[one]]
        )
        assert each.similarity == pytest.approx(every.max(), abs=1e-6)
        assert each.layers == np.unravel_index(every.argmax(), every.shape)
    assert ticks[-1][0] == ticks[-1][1]


def test_chosen_layers_are_compared_with_each_other(networks: dict[str, NDArray[np.float64]]) -> None:
    layers = np.stack([each[0] for each in networks.values()])
    found = chosen_layer_similarity(layers, "pearson", list(networks))
    np.testing.assert_allclose(found, np.corrcoef(layers), rtol=0, atol=1e-12)


def test_two_blocks_of_networks_take_the_memory_that_is_allowed() -> None:
    """Four layers of 36 pairs, or 45 inner products, in single precision."""
    shapes = dict.fromkeys("abcde", (4, 36))
    for measure, values in (("spearman", 4 * 36), ("whitened_cosine", 4 * 45)):
        blocks = network_similarity._blocks(shapes, measure, 2 * 2 * values * 4)  # type: ignore[arg-type]
        assert blocks == [["a", "b"], ["c", "d"], ["e"]]
        a_byte_less = network_similarity._blocks(shapes, measure, 2 * 2 * values * 4 - 2)  # type: ignore[arg-type]
        assert a_byte_less == [["a"], ["b"], ["c"], ["d"], ["e"]]


def test_a_single_network_is_like_no_other(networks: dict[str, NDArray[np.float64]]) -> None:
    with pytest.raises(BadInput, match="similarity of networks: expected at least 2, found 1"):
        list(most_alike_layers({"a": networks["a"]}, "spearman"))


def test_a_bad_layer_is_named(networks: dict[str, NDArray[np.float64]]) -> None:
    networks["b"] = np.ones((1, N * (N - 1) // 2))
    names = {name: [f"conv{i}" for i in range(len(each))] for name, each in networks.items()}
    with pytest.raises(BadInput, match="RDM of b, layer conv0 cannot be ranked"):
        list(most_alike_layers(networks, "spearman", layer_names=names))
    with pytest.raises(BadInput, match="RDM of b, layer conv0 cannot be ranked"):
        chosen_layer_similarity(networks["b"], "spearman", ["b, layer conv0"])
