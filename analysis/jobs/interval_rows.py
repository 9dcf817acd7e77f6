"""Intervals as columns of fact tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.jobs.scope import Scope
from alignhouse.analysis.statistics.bootstrap import BootstrapScores
from alignhouse.analysis.statistics.intervals import intervals_of


@dataclass(frozen=True)
class Resampling:
    """How the uncertainty of scores is estimated.

    draws, level : of the bootstraps. halvings : of the stimuli, to choose layers on.
    train : stimuli to choose layers on instead, where the study has others beside them; or none.
    """

    draws: int
    level: float
    halvings: int
    train: frozenset[str] = frozenset()


def bounds(scores: BootstrapScores, level: float) -> dict[str, NDArray[Any]]:
    """Columns of all intervals of `scores`: kind by kind, in each the rows of `scores` in their order."""
    kinds = intervals_of(scores, level)
    count = len(scores.observed)
    return {
        "resampled": np.repeat(np.array([kind for kind, _ in kinds], dtype=object), count),
        "method": np.repeat(np.array([method for _, method in kinds], dtype=object), count),
        "statistic": np.tile(scores.observed, len(kinds)),
        "lower": np.concatenate([each.lower for each in kinds.values()]),
        "upper": np.concatenate([each.upper for each in kinds.values()]),
    }


def chance(scope: Scope, resampling: Resampling, count: int) -> dict[str, Any]:
    """Columns that say what the intervals were drawn with."""
    return {
        "level": [resampling.level] * count,
        "draws": [resampling.draws] * count,
        "seed": [scope.seed] * count,
    }
