"""Correction of p-values for the number of tests."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.statistics.permutation import p_value_greater
from alignhouse.warehouse.errors import BadInput

Correction = Literal["bonferroni", "holm", "benjamini_hochberg"]


def adjusted_p_values(p: ArrayLike, method: Correction) -> FloatArray:
    """p-values (T,) of one family of tests, adjusted for their number: (T,) float64, at most 1, same order.

    "bonferroni" and "holm" (Holm 1979, step-down) control the chance of any false positive under every
    dependence of the tests. "benjamini_hochberg" (1995) controls the expected share of false positives among
    all positives, for tests that are independent or positively dependent.
    Raises BadInput for values outside [0, 1].
    """
    values = np.asarray(p, dtype=np.float64)
    outside = ~((values >= 0) & (values <= 1))
    if values.ndim != 1 or outside.any():
        raise BadInput(
            "p-values to adjust",
            expected="a row of numbers in [0, 1]",
            found=f"{values[outside].ravel()[0]}" if outside.any() else f"shape {values.shape}",
        )
    if values.size == 0:
        return values
    if method == "bonferroni":
        return np.minimum(1.0, values * values.size)
    order = np.argsort(values, kind="stable")
    if method == "benjamini_hochberg":
        # The same operations as scipy's `false_discovery_control`. scipy.stats takes a second to load.
        scaled = values[order] * (values.size / np.arange(1, values.size + 1))
        stepped = np.minimum.accumulate(scaled[::-1])[::-1]
    else:
        stepped = np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, stepped)
    return adjusted


def family_wise_p(observed: ArrayLike, null: ArrayLike) -> FloatArray:
    """p of each of T statistics against the highest of all T under each permutation: (T,) float64.

    Parameters
    ----------
    observed : (T,) statistics in one unit; high values count against the null hypothesis.
    null : (T, K), each statistic under K permutations. All tests share the permutations and their order, so
        the correction is not too strict for similar tests.

    The chance of a false positive at p <= alpha is at most alpha, whether or not other tests have an effect
    (maximum statistic, single step; Westfall & Young 1993; Nichols & Holmes 2002). p is one-sided, (1 +
    count) / (1 + K). Raises BadInput for wrong shapes, no tests and NaN.
    """
    scores, values = np.asarray(observed, dtype=np.float64), np.asarray(null)
    if scores.ndim != 1 or values.ndim != 2 or len(values) != len(scores) or values.size == 0:
        raise BadInput(
            "family of tests",
            expected="statistics (T,) and nulls (T, K), T and K at least 1",
            found=f"{scores.shape} and {values.shape}",
        )
    highest = values.max(axis=0)
    return p_value_greater(scores, np.broadcast_to(highest, (len(scores), highest.size)))
