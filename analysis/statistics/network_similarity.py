"""How alike networks are: similarity of their layers' RDMs, by the measure that compares them with brains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.kendall import tau_a
from alignhouse.analysis.kernels.measure_names import SIGN_MEASURES, Measure
from alignhouse.analysis.kernels.measures import prepared, similarity, vector_length
from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, FloatArray
from alignhouse.analysis.kernels.threads import Tick, product, untold
from alignhouse.warehouse.errors import BadInput


@dataclass(frozen=True)
class AlikeLayers:
    """The most similar layers of two networks.

    first, second : the networks. layers : index of the layer of each. similarity : of these layers, in single
    precision; if several pairs are equal, the first.
    """

    first: str
    second: str
    layers: tuple[int, int]
    similarity: float


def chosen_layer_similarity(layers: ArrayLike, measure: Measure, names: Sequence[str]) -> FloatArray:
    """Similarity of every two of M layers (M, P), such as the best ones of M networks: (M, M) float64.

    Raises BadInput as `measures.similarity` does.
    """
    rows = np.asarray(layers)
    return similarity(rows, rows, measure, a_names=names, b_names=names)


def most_alike_layers(
    networks: Mapping[str, ArrayLike],
    measure: Measure,
    *,
    memory: int = DEFAULT_MEMORY,
    layer_names: Mapping[str, Sequence[str]] | None = None,
    tick: Tick = untold,
) -> Iterator[AlikeLayers]:
    """The most similar layers of every two networks, of all pairs of their layers.

    Parameters
    ----------
    networks : network -> (L, P), one condensed RDM a layer; lazy arrays are loaded when needed.
    measure : see `measures.similarity`.
    memory : bytes for vectors; with less than all need, some networks are prepared several times.
    layer_names : network -> (L), for errors. tick : called as blocks of networks are compared.

    Yields pairs of networks in an unspecified order, each once. Raises BadInput as `measures.prepared` does.
    """
    names = list(networks)
    if len(names) < 2:
        raise BadInput("similarity of networks", expected="at least 2", found=len(names))
    blocks = _blocks({name: np.shape(networks[name]) for name in names}, measure, memory)
    pairs = [(a, b) for a in range(len(blocks)) for b in range(a, len(blocks))]
    first: dict[str, NDArray[np.float32]] = {}
    held = -1
    for done, (a, b) in enumerate(pairs):
        if a != held:
            first, held = _units(networks, blocks[a], measure, layer_names), a
        second = first if a == b else _units(networks, blocks[b], measure, layer_names)
        for one, ones in first.items():
            for other, others in second.items():
                if a != b or names.index(one) < names.index(other):
                    products = _products(ones, others, measure, memory)
                    place = np.unravel_index(int(products.argmax()), products.shape)
                    found = float(np.clip(products[place], -1, 1))
                    yield AlikeLayers(one, other, (int(place[0]), int(place[1])), found)
        tick(done + 1, len(pairs))


def _blocks(shapes: Mapping[str, tuple[int, ...]], measure: Measure, memory: int) -> list[list[str]]:
    """Networks in blocks, so that two blocks take at most `memory` bytes in single precision."""
    blocks: list[list[str]] = []
    room = 0
    for name, (n_layers, n_pairs) in shapes.items():
        needed = n_layers * vector_length(n_pairs, measure) * np.dtype(np.float32).itemsize
        if needed > room or not blocks:
            blocks.append([])
            room = memory // 2
        blocks[-1].append(name)
        room -= needed
    return blocks


def _products(
    ones: NDArray[np.float32], others: NDArray[np.float32], measure: Measure, memory: int
) -> NDArray[np.floating]:
    """Products of unit vectors (L, M) and (K, M), or of the signs of ranks: (L, K)."""
    if measure in SIGN_MEASURES:
        return tau_a(ones, others, memory=memory // 2)
    return product(ones, others.T)


def _units(
    networks: Mapping[str, ArrayLike],
    names: Sequence[str],
    measure: Measure,
    layer_names: Mapping[str, Sequence[str]] | None,
) -> dict[str, NDArray[np.float32]]:
    units = {}
    for name in names:
        labels = None if layer_names is None else [f"{name}, layer {each}" for each in layer_names[name]]
        units[name] = prepared(networks[name], measure, labels).unit().astype(np.float32)
    return units
