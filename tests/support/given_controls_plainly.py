"""Partial correlations and regressions given control RDMs, written out plainly, to compare with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

Array = NDArray[Any]


def residual(values: Array, controls: Array) -> Array:
    """Values (P,) minus their least-squares regression on a constant and the controls (C, P)."""
    design = np.column_stack([np.ones(len(values)), controls.T])
    found: Array = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return found


def partial_pearson(x: Array, y: Array, controls: Array) -> float:
    """Pearson's r of the residuals, each of its own regression on the controls."""
    return float(np.corrcoef(residual(x, controls), residual(y, controls))[0, 1])


def partial_spearman(x: Array, y: Array, controls: Array) -> float:
    """Pearson's r of the residuals of ranks, each of its own regression on the controls' ranks."""
    given = np.stack([rankdata(each) for each in controls]) if len(controls) else controls
    return partial_pearson(rankdata(x), rankdata(y), given)


def permuted(rdm: Array, order: Array) -> Array:
    """A condensed RDM whose stimuli are permuted."""
    return squareform(squareform(rdm, checks=False)[np.ix_(order, order)], checks=False)


def cross_validated_r2(predictors: Array, brain: Array, folds: Array) -> float:
    """R squared of one non-negative regression, from the pairs themselves; folds (n,) of the stimuli."""
    first, second = np.triu_indices(len(folds), 1)
    error = total = 0.0
    for fold in np.unique(folds):
        train = (folds[first] != fold) & (folds[second] != fold)
        test = (folds[first] == fold) & (folds[second] == fold)
        x_mean, y_mean = predictors[:, train].mean(axis=1), brain[train].mean()
        weights, _ = nnls((predictors[:, train].T - x_mean), brain[train] - y_mean)
        predicted = y_mean + (predictors[:, test].T - x_mean) @ weights
        error += ((brain[test] - predicted) ** 2).sum()
        total += ((brain[test] - y_mean) ** 2).sum()
    return 1 - error / total
