"""Simulated RDMs that are as similar to each other as those of layers and brains; they are no results."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SUBJECTS_A_REGION = 13


def n_pairs(n_stimuli: int) -> int:
    return n_stimuli * (n_stimuli - 1) // 2


def rdms(rows: int, pairs: int, *, seed: int, shared: float = 0.3) -> NDArray[np.float64]:
    """Dissimilarities (rows, pairs) between 0 and 2, each mixed with one common RDM."""
    common = np.random.default_rng(0).random(pairs)
    own = np.random.default_rng([1, seed]).random((rows, pairs))
    return 2 * (shared * common + (1 - shared) * own)


def sizes(total: int, parts: int) -> list[int]:
    """Divide `total` into `parts` integers that differ by at most one."""
    return [total // parts + (part < total % parts) for part in range(parts)]
