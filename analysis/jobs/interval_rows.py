"""Columns of intervals for fact tables."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.statistics.bootstrap import BootstrapScores
from alignhouse.analysis.statistics.intervals import intervals_of


def bounds(scores: BootstrapScores, level: float) -> dict[str, NDArray[Any]]:
    """Columns of all intervals of `scores`, sorted by kind of interval, then in the order of `scores`."""
    kinds = intervals_of(scores, level)
    count = len(scores.observed)
    return {
        "resampled": np.repeat(np.array([kind for kind, _ in kinds], dtype=object), count),
        "method": np.repeat(np.array([method for _, method in kinds], dtype=object), count),
        "statistic": np.tile(scores.observed, len(kinds)),
        "lower": np.concatenate([each.lower for each in kinds.values()]),
        "upper": np.concatenate([each.upper for each in kinds.values()]),
    }


def chance(level: float, draws: int, seed: int, count: int) -> dict[str, list[Any]]:
    """Columns with the level, draws and seed of the intervals of `count` rows."""
    return {"level": [level] * count, "draws": [draws] * count, "seed": [seed] * count}
