"""Fingerprints of a layer's activations: a few kilobytes that suffice to compare layers and stimuli.

A large network's layers have gigabytes of activations, so these are not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.features.taps import leading_sum

if TYPE_CHECKING:
    import torch

_SKETCH = 256
# Rounding to float32 (relative step 1.2e-7) makes a share of variance of about the square of that step.
ROUNDING = 1e-13


@dataclass(frozen=True)
class Fingerprint:
    """Of the activations of one layer for one stimulus, averaged over the leading dimension.

    digest : equal for the same values, whatever their shape and order. No distance depends on the order of
        the features.
    sketch : (256,) float64, a random projection of the activations after subtraction of their mean.
    varies : whether the features differ from one another.
    """

    digest: tuple[int, float, int]
    sketch: NDArray[np.float64]
    varies: bool


def fingerprint(output: torch.Tensor) -> Fingerprint:
    """The fingerprint of what a layer returns in one call."""
    read = leading_sum(output, (1.0,))
    values = read.total.cpu().numpy()
    digest = (len(values), read.scale, _sum_of_hashes(values))
    return Fingerprint(digest, _sketch(values), bool((values != values[0]).any()))


def are_alike(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether a layer has the same pattern for two stimuli, up to rounding and to a constant."""
    between = float(((one.sketch - other.sketch) ** 2).sum()) / 2
    total = float((one.sketch**2).sum() + (other.sketch**2).sum())
    return between <= ROUNDING * total


def are_equal(one: Fingerprint, other: Fingerprint, *, rounded: bool) -> bool:
    """Whether two layers have the same values, in any order. rounded : or, in one order, up to rounding."""
    return one.digest == other.digest or (
        rounded and one.digest[0] == other.digest[0] and are_alike(one, other) and one.varies
    )


def _sum_of_hashes(values: NDArray[np.floating]) -> int:
    """A hash of a multiset of values: the sum of the values' hashes by splitmix64 (Steele et al. 2014)."""
    hashes = values.view(np.dtype(f"u{values.itemsize}")).astype(np.uint64)
    hashes += np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        hashes ^= hashes >> np.uint64(shift)
        hashes *= np.uint64(factor)
    hashes ^= hashes >> np.uint64(31)
    return int(hashes.sum(dtype=np.uint64))


def _sketch(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """A count sketch (Charikar, Chen and Farach-Colton 2002), which keeps squared distances on average.

    Every feature is added, with a random sign, to one of the sums. Sums without signs would not do: those of
    normalised activations are zero.
    """
    centred = (values - values.mean(dtype=np.float64)) * _signs(len(values))
    if lacking := -len(centred) % _SKETCH:
        centred = np.concatenate([centred, np.zeros(lacking)])
    sums: NDArray[np.float64] = centred.reshape(-1, _SKETCH).sum(axis=0)
    return sums


@lru_cache(maxsize=2)
def _signs(width: int) -> NDArray[np.int8]:
    return np.random.default_rng(0).integers(0, 2, width, dtype=np.int8) * np.int8(2) - np.int8(1)
