"""How far two measures agree on the order of networks, of groups of networks, and of regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.statistics.intervals import percentile_interval
from alignhouse.warehouse.errors import BadInput

# Two things have an order, but no correlation of orders.
FEWEST_OF_AN_ORDER = 3


@dataclass(frozen=True)
class Agreement:
    """Agreement of two orders of n things, and its interval over resamples; None if the things are too few.

    statistic : in [-1, 1], a rank correlation; or in [0, 1], a share of pairs in the same order.
    lower, upper : percentiles over resamples. Each resample adds noise to both orders, so the agreement of
        resamples tends to be lower than that of the data; an interval may lie below the statistic.
    """

    statistic: float | None
    lower: float | None
    upper: float | None
    n: int


def order_agreement(
    one: ArrayLike, other: ArrayLike, one_samples: ArrayLike, other_samples: ArrayLike, level: float
) -> Agreement:
    """Spearman's rho of the scores of n things by two measures.

    Parameters
    ----------
    one, other : (n,) scores by each measure. one_samples, other_samples : (n, B), in the same B resamples.
    level : of the interval.

    Raises BadInput for shapes that differ. Orders in which all things tie have no correlation: such resamples
    do not count, and without others the result is None.
    """
    scores, samples = _checked(one, other, one_samples, other_samples)
    n = scores.shape[1]
    if n < FEWEST_OF_AN_ORDER:
        return Agreement(None, None, None, n)
    return _with_interval(_rank_correlations(*scores[:, :, None]), _rank_correlations(*samples), level, n)


def group_agreement(
    one: ArrayLike,
    other: ArrayLike,
    one_samples: ArrayLike,
    other_samples: ArrayLike,
    groups: Sequence[str],
    level: float,
) -> Agreement:
    """Share of the pairs of groups whose medians have the same order by both measures.

    Parameters as in `order_agreement`, of networks; groups : (n,), the group of each. A pair that ties by one
    measure alone is in another order. The result counts groups; a single group has no order.
    """
    scores, samples = _checked(one, other, one_samples, other_samples)
    names = sorted(set(groups))
    if len(names) < 2:
        return Agreement(None, None, None, len(names))
    members = [np.flatnonzero(np.array(groups) == name) for name in names]

    def shares(values: FloatArray) -> FloatArray:
        medians = np.stack([np.median(values[:, of], axis=1) for of in members], axis=1)
        same = [
            np.sign(medians[0, a] - medians[0, b]) == np.sign(medians[1, a] - medians[1, b])
            for a, b in combinations(range(len(names)), 2)
        ]
        return np.asarray(np.mean(same, axis=0))

    return _with_interval(shares(scores[:, :, None]), shares(samples), level, len(names))


def _with_interval(observed: FloatArray, samples: FloatArray, level: float, n: int) -> Agreement:
    kept = samples[np.isfinite(samples)]
    if not np.isfinite(observed[0]) or not kept.size:
        return Agreement(None, None, None, n)
    bounds = percentile_interval(kept, level)
    return Agreement(float(observed[0]), float(bounds.lower), float(bounds.upper), n)


def _rank_correlations(one: FloatArray, other: FloatArray) -> FloatArray:
    """Spearman's rho of columns (n, B) with columns (n, B): (B,), NaN where all values of a column tie."""
    from scipy.stats import rankdata

    a, b = (rankdata(each, axis=0) - (len(each) + 1) / 2 for each in (one, other))
    lengths = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    with np.errstate(invalid="ignore"):
        return np.asarray((a * b).sum(axis=0) / lengths)


def _checked(
    one: ArrayLike, other: ArrayLike, one_samples: ArrayLike, other_samples: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores (2, n) and samples (2, n, B)."""
    shapes = [np.shape(each) for each in (one, other, one_samples, other_samples)]
    if shapes[0] != shapes[1] or shapes[2] != shapes[3] or shapes[2][:1] != shapes[0]:
        raise BadInput("agreement of measures", expected="the same things and resamples", found=str(shapes))
    scores = np.stack([np.asarray(each, dtype=np.float64) for each in (one, other)])
    samples = np.stack([np.asarray(each, dtype=np.float64) for each in (one_samples, other_samples)])
    return scores, samples
