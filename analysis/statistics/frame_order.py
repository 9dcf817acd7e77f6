"""Differences between the scores of a network and of the same network that saw frames in another order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.statistics.bootstrap import BootstrapScores, difference_scores
from alignhouse.analysis.statistics.intervals import (
    Interval,
    dual_p,
    expanded_percentile_p,
    intervals_of,
)

Array = NDArray[Any]
Comparison = Literal["same_layer", "best_layer"]
COMPARISONS: tuple[Comparison, ...] = ("same_layer", "best_layer")


@dataclass(frozen=True)
class OrderDifference:
    """The difference between a network's scores with the usual and with another order of frames.

    layer, layer_in_order : indices of the compared layers. rho, rho_in_order : their scores.
    resampled, method : of `interval`, a pair of numbers.
    p_value : two-sided, of no difference in the population that is resampled.
    """

    layer: int
    layer_in_order: int
    rho: float
    rho_in_order: float
    resampled: str
    method: str
    interval: Interval
    p_value: float

    @property
    def difference(self) -> float:
        """The usual order's score minus the other's."""
        return self.rho - self.rho_in_order


def order_difference(
    usual: BootstrapScores, other: BootstrapScores, comparison: Comparison, level: float = 0.95
) -> OrderDifference:
    """Compare the scores of a network's L layers with those of the same layers in another order of frames.

    "best_layer" compares the highest layer of each order. "same_layer" compares one layer, which has the
    highest mean of both orders. Both choices treat the orders alike, and are made again in every resample:
    where order does not matter, neither order gains by them. A layer chosen by the usual order alone would.

    The interval and its p-value are those of the dual bootstrap, of other stimuli and subjects; with one
    subject, the expanded percentiles of other stimuli. Raises BadInput unless both have the same draws.
    """
    if comparison == "best_layer":
        layers = int(usual.observed.argmax()), int(other.observed.argmax())
        differences = difference_scores(usual.best_layer(), other.best_layer())
    else:
        layers = (int((usual.observed + other.observed).argmax()),) * 2
        differences = _of_same_layer(usual, other)
    found = intervals_of(differences, level)
    if ("both", "dual") in found:
        resampled, method = "both", "dual"
        assert differences.both is not None
        assert differences.subjects is not None
        p = dual_p(
            differences.observed,
            differences.both,
            differences.subjects,
            differences.stimuli,
            differences.n_subjects,
            differences.n_stimuli,
        )
    else:
        resampled, method = "stimuli", "expanded_percentile"
        p = expanded_percentile_p(differences.stimuli, differences.n_stimuli)
    return OrderDifference(
        *layers,
        float(usual.observed[layers[0]]),
        float(other.observed[layers[1]]),
        resampled,
        method,
        found[resampled, method],
        float(p[0]),
    )


def _of_same_layer(usual: BootstrapScores, other: BootstrapScores) -> BootstrapScores:
    """The difference of the layer with the highest sum of both, in each resample: a record with L = 1."""
    differences = difference_scores(usual, other)

    def of(kind: str) -> Any:
        one, two = getattr(usual, kind), getattr(other, kind)
        if one is None:
            return None
        highest = (one + two).argmax(axis=0)[None]
        return np.take_along_axis(getattr(differences, kind), highest, axis=0)

    return BootstrapScores(
        of("observed"), of("stimuli"), of("subjects"), of("both"), usual.n_stimuli, usual.n_subjects
    )
