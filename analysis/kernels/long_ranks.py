"""Ranks of one RDM at a time, in little more memory than its values, for RDMs of thousands of stimuli."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.similarity import all_equal, checked_rdms
from alignhouse.analysis.kernels.threads import in_threads, slices
from alignhouse.warehouse.cores import cores

# Values that one thread ranks at a time.
VALUES_A_CHUNK = 2**18
# More bits of a value's key would not survive the rounding of float64.
MOST_KEY_BITS = 44
# Finding the bounds of more parts takes as long as it saves.
MOST_PARTS = 4
# Bytes of buffers for each value: key and place in one integer, and its rank.
BYTES_A_VALUE = 12


def long_ranks(
    rdm: NDArray[Any], names: Sequence[str] | None = None, index: int = 0
) -> tuple[NDArray[np.int32], float]:
    """Doubled tie-averaged ranks of an RDM (P,) minus their mean, (P,) int32; and their sum of squares.

    They equal `similarity.rank(rdm[None])`, in half of the memory: whole numbers up to P, exact for any P
    below 2^31, where float32 is exact below 2^24. numpy sorts integers faster than it finds the order of
    floats. So each value becomes a key of about 40 bits, and its place follows in the same integer. Values
    with equal keys are then put into order, which takes twice the memory if all but one of them are equal.

    Raises BadInput, with the name `names[index]`, for NaN or infinity and for values that are all equal.
    """
    rows = checked_rdms(rdm[None], None if names is None else [names[index]])
    n_values = rows.shape[1]
    low, high = float(rows.min()), float(rows.max())
    if low == high:
        raise all_equal(rows[0], names, index)
    place_bits = np.uint64(max(1, (n_values - 1).bit_length()))
    packed = _packed(rows[0], low, high, place_bits)
    _sort(packed)
    ranks = np.empty(n_values, np.int32)
    # The cubed numbers of equal values, of each chunk.
    cubes: list[int] = []

    def rank_chunk(some: slice) -> None:
        order = (packed[some] & ((np.uint64(1) << place_bits) - np.uint64(1))).astype(np.intp)
        # All indices are valid: "clip" only skips numpy's bounds check.
        values = np.take(rows[0], order, mode="clip")
        if (values[1:] < values[:-1]).any():
            # Different values can have equal keys.
            by_value = np.argsort(values, kind="stable")
            order, values = order[by_value], values[by_value]
        differs = values[1:] != values[:-1]
        if differs.all():
            ranks[order] = np.arange(2 * some.start + 1 - n_values, 2 * some.stop - n_values, 2)
            cubes.append(order.size)
            return
        first = np.append(0, np.flatnonzero(differs) + 1)
        size = np.diff(first, append=order.size)
        # As in `similarity.ranked_rows`, for values that begin at place `some.start`.
        ranks[order] = np.repeat(2 * (first + some.start) + size - n_values, size)
        sizes, counts = np.unique(size, return_counts=True)
        cubes.append(sum(int(each) ** 3 * int(count) for each, count in zip(sizes, counts, strict=True)))

    in_threads(rank_chunk, _chunks(packed, place_bits))
    return ranks, (n_values**3 - sum(cubes)) / 3


def _packed(values: NDArray[Any], low: float, high: float, place_bits: np.uint64) -> NDArray[np.uint64]:
    """For each value, its key above its place: (P,). A higher value has no lower key."""
    key_bits = min(MOST_KEY_BITS, 63 - int(place_bits))
    with np.errstate(over="ignore"):
        scale = np.float64(2.0**key_bits - 1) / (np.float64(high) - np.float64(low))
    packed = np.arange(len(values), dtype=np.uint64)
    # Without keys, all values are sorted as one chunk.
    if np.isfinite(scale) and scale > 0:

        def add_keys(some: slice) -> None:
            keys = (values[some].astype(np.float64) - low) * scale
            packed[some] |= keys.astype(np.uint64) << place_bits

        in_threads(add_keys, slices(len(values), VALUES_A_CHUNK))
    return packed


def _sort(packed: NDArray[np.uint64]) -> None:
    """Sort in place, a part in each thread."""
    parts = slices(len(packed), -(-len(packed) // min(cores(), MOST_PARTS)))
    if len(parts) > 1:
        # Afterwards, no value of a part is larger than those of the next part.
        packed.partition([part.start for part in parts[1:]])
    in_threads(lambda part: packed[part].sort(), parts)


def _chunks(packed: NDArray[np.uint64], place_bits: np.uint64) -> list[slice]:
    """Slices of sorted keys; equal keys are in the same one."""
    found, start = [], 0
    while start < len(packed):
        last = packed[min(start + VALUES_A_CHUNK, len(packed)) - 1] >> place_bits
        stop = int(np.searchsorted(packed, (last + np.uint64(1)) << place_bits))
        found.append(slice(start, stop))
        start = stop
    return found
