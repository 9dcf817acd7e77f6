"""Non-negative least squares of many small problems at once, from sums of products."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.warehouse.errors import AlignhouseError

# A gradient below this, for predictors of length 1 and a target of length about 1, is rounding.
NO_GRADIENT = 1e-12
# Lawson and Hanson's own program stops after this many steps for each predictor.
STEPS_A_PREDICTOR = 10


def least_squares_of_products(gram: FloatArray, moments: FloatArray) -> FloatArray:
    """Weights w >= 0 that minimise |y - X w|, for K targets in each of M problems: (M, K, p) float64.

    All problems take the steps of Lawson & Hanson (1974, chapter 23) side by side. A predictor that adds
    nothing to those with weights, such as a copy of one, keeps weight 0.

    Parameters
    ----------
    gram : (M, p, p), products X'X of the predictors. moments : (M, K, p), products X'y.
    """
    scale = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    scale = np.where(scale > 0, scale, 1)
    n_targets, n_predictors = moments.shape[1:]
    unit = gram / scale[:, :, None] / scale[:, None, :]
    lengths = np.abs(moments / scale[:, None]).max(axis=2, keepdims=True)
    target = (moments / scale[:, None] / np.where(lengths > 0, lengths, 1)).reshape(-1, n_predictors)
    of_problem = np.repeat(np.arange(len(gram)), n_targets)
    weights = np.zeros_like(target)
    passive = np.zeros(target.shape, bool)
    # Predictors that rounding drove out at once; they would enter again for ever.
    refused = np.zeros(target.shape, bool)
    open_problems = np.arange(len(target))
    for _ in range(STEPS_A_PREDICTOR * n_predictors):
        products = unit[of_problem[open_problems]]
        gradient = target[open_problems] - np.einsum("npq,nq->np", products, weights[open_problems])
        gradient[passive[open_problems] | refused[open_problems]] = 0
        entering = gradient.argmax(axis=1)
        goes_on = gradient[np.arange(len(entering)), entering] > NO_GRADIENT
        open_problems, products = open_problems[goes_on], products[goes_on]
        if not len(open_problems):
            found: FloatArray = weights.reshape(moments.shape) * lengths / scale[:, None]
            return found
        entering = entering[goes_on]
        passive[open_problems, entering] = True
        weights[open_problems], passive[open_problems] = _feasible(
            products, target[open_problems], weights[open_problems], passive[open_problems]
        )
        stays = passive[open_problems, entering]
        refused[open_problems[stays]] = False
        refused[open_problems[~stays], entering[~stays]] = True
    raise AlignhouseError("non-negative least squares did not end", hint="please report this")


def _feasible(
    gram: FloatArray, moments: FloatArray, weights: FloatArray, passive: NDArray[np.bool_]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Solve for the passive weights; drop those that would become negative, until none does."""
    weights, passive = weights.copy(), passive.copy()
    rest = np.arange(len(weights))
    while len(rest):
        solved = _solved(gram[rest], moments[rest], passive[rest])
        negative = passive[rest] & (solved <= 0)
        done = ~negative.any(axis=1)
        weights[rest[done]] = solved[done]
        rest, solved, negative = rest[~done], solved[~done], negative[~done]
        # The longest step from the old weights towards the solution that keeps all weights at least 0.
        old: FloatArray = weights[rest]
        steps = np.where(negative, old / np.where(negative, old - solved, 1), np.inf)
        step = steps.min(axis=1, keepdims=True)
        weights[rest] = np.maximum(old + step * (solved - old), 0)
        dropped = negative & (steps <= step)
        passive[rest] &= ~dropped
        weights[rest] = np.where(passive[rest], weights[rest], 0)
    return weights, passive


def _solved(gram: FloatArray, moments: FloatArray, passive: NDArray[np.bool_]) -> FloatArray:
    """Least squares with the passive predictors only; all other weights are 0."""
    masked = gram * (passive[:, :, None] & passive[:, None, :])
    diagonal = np.arange(gram.shape[1])
    masked[:, diagonal, diagonal] = np.where(passive, gram[:, diagonal, diagonal], 1)
    solved: FloatArray = np.linalg.solve(masked, np.where(passive, moments, 0)[:, :, None])[:, :, 0]
    return solved
