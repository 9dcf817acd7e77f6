"""Non-negative least squares of many small problems at once, from sums of products."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.warehouse.errors import AlignhouseError

# A gradient below this, for predictors of length 1 and a target of length about 1, is rounding.
NO_GRADIENT = 1e-12
# The other predictors explain all but this length of a predictor of length 1: its weight would be rounding.
LEFT_ALONE = 1e-6
# Lawson and Hanson's own program stops after three steps for each predictor; ties may need more.
STEPS_A_PREDICTOR = 10

Mask = NDArray[np.bool_]


def least_squares_of_products(
    gram: FloatArray, moments: FloatArray, start: FloatArray | None = None
) -> FloatArray:
    """Weights w >= 0 that minimise |y - X w|, for K targets in each of M problems: (M, K, p) float64.

    All problems take the steps of Lawson & Hanson (1974, chapter 23) side by side. A predictor that adds
    nothing to those with weights, such as a copy of one, keeps weight 0.

    Parameters
    ----------
    gram : (M, p, p), products X'X of the predictors. moments : (M, K, p), products X'y.
    start : (M, K, p) weights of at least 0 to start from, which are least squares among the predictors with a
        positive weight, such as the solution for fewer predictors. Default: 0.
    """
    scale = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    scale = np.where(scale > 0, scale, 1)
    unit = gram / scale[:, :, None] / scale[:, None, :]
    target = moments / scale[:, None]
    lengths = np.abs(target).max(axis=2, keepdims=True)
    target = target / np.where(lengths > 0, lengths, 1)
    # The problems are the last axis, so that each step is one numpy operation over all of them.
    n_predictors = gram.shape[1]
    repeated = np.repeat(unit.transpose(1, 2, 0), moments.shape[1], axis=2)
    first = np.zeros_like(target)
    if start is not None:
        first = start * scale[:, None] / np.where(lengths > 0, lengths, 1)
    weights = _solve(repeated, *(each.reshape(-1, n_predictors).T for each in (target, first)))
    found: FloatArray = weights.T.reshape(moments.shape) * lengths / scale[:, None]
    return found


def with_one_more(
    gram: FloatArray,
    moments: FloatArray,
    weights: FloatArray,
    crossed: FloatArray,
    squares: FloatArray,
    added: FloatArray,
) -> FloatArray:
    """Weights (M, K, p + 1) of K targets, once each of M predictors joins p that they have in common.

    As `least_squares_of_products`, but most solutions follow from `weights`: a predictor whose gradient is
    not positive gets none, and usually no other weight reaches 0 when one enters.

    Parameters
    ----------
    gram, moments : (p, p) and (K, p), products of the p predictors with themselves and with the targets.
    weights : (K, p), the solution for these p.
    crossed, squares, added : (M, p), (M,) and (M, K), products of each new predictor with the p, with itself
        and with the targets.
    """
    scale = np.sqrt(np.diagonal(gram))
    scale = np.where(scale > 0, scale, 1)
    own = np.sqrt(squares)[:, None]
    own = np.where(own > 0, own, 1)
    # All predictors of length 1.
    unit, targets, start = gram / scale / scale[:, None], moments / scale, weights * scale
    across, with_targets = crossed / scale / own, added / own
    rounding = NO_GRADIENT * np.abs(targets).max(axis=1)
    active = start > 0
    passive = np.where(active[:, :, None] & active[:, None, :], unit, 0)
    places = np.arange(len(gram))
    passive[:, places, places] = np.where(active, np.diagonal(unit), 1)
    inverse = np.linalg.inv(passive) * active[:, :, None]
    # How the weights give way to one of the new predictor: (M, K, p).
    way = np.tensordot(across, inverse, (1, 2))
    left = np.where(squares > 0, 1, 0)[:, None] - np.einsum("mp,mkp->mk", across, way)
    gradient = with_targets - across @ start.T
    enters = gradient > np.maximum(rounding, NO_GRADIENT * np.abs(with_targets))
    alone = left > LEFT_ALONE
    weight = np.where(enters & alone, gradient / np.where(alone, left, 1), 0)
    found = np.empty((*weight.shape, len(gram) + 1))
    found[..., :-1] = start - way * weight[..., None]
    found[..., -1] = weight
    # A weight that would become negative, or another predictor whose gradient becomes positive.
    others = (targets - start @ unit) - weight[..., None] * (across[:, None] - way @ unit)
    wrong = np.where(active, found[..., :-1] <= 0, others > rounding[:, None]).any(axis=2)
    new, of_target = np.nonzero(enters & (wrong | ~alone))
    found[..., :-1] /= scale
    found[..., -1] /= own
    if len(new):
        every, of_every = together(gram, moments, crossed, squares, added)
        first = np.column_stack([weights, np.zeros(len(weights))])[of_target]
        solved = least_squares_of_products(every[new], of_every[new, of_target][:, None], first[:, None])
        found[new, of_target] = solved[:, 0]
    return found


def together(
    gram: FloatArray, moments: FloatArray, crossed: FloatArray, squares: FloatArray, added: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Products (M, p + 1, p + 1) and (M, K, p + 1) of p predictors and one more; see `with_one_more`."""
    size = len(gram) + 1
    every, of_every = np.empty((len(crossed), size, size)), np.empty((*added.shape, size))
    every[:, :-1, :-1] = gram
    every[:, -1, :-1] = every[:, :-1, -1] = crossed
    every[:, -1, -1] = squares
    of_every[:, :, :-1] = moments
    of_every[:, :, -1] = added
    return every, of_every


def _solve(gram: FloatArray, target: FloatArray, weights: FloatArray) -> FloatArray:
    """Weights (p, N) of N problems, from products (p, p, N) and (p, N), and the weights to start from."""
    weights = weights.copy()
    passive = weights > 0
    # Predictors that rounding drove out at once; they would enter again for ever.
    refused = np.zeros(target.shape, bool)
    left = np.arange(target.shape[1])
    for _ in range(STEPS_A_PREDICTOR * len(target)):
        gradient = target[:, left] - (gram * weights[:, left]).sum(axis=1)
        gradient[passive[:, left] | refused[:, left]] = 0
        entering = gradient.argmax(axis=0)
        goes_on = gradient[entering, np.arange(len(entering))] > NO_GRADIENT
        left, entering, gram = left[goes_on], entering[goes_on], gram[:, :, goes_on]
        if not len(left):
            return weights
        passive[entering, left] = True
        weights[:, left], passive[:, left] = _feasible(
            gram, target[:, left], weights[:, left], passive[:, left]
        )
        stays = passive[entering, left]
        refused[:, left[stays]] = False
        refused[entering[~stays], left[~stays]] = True
    raise AlignhouseError("non-negative least squares did not end", hint="please report this")


def _feasible(
    gram: FloatArray, target: FloatArray, weights: FloatArray, passive: Mask
) -> tuple[FloatArray, Mask]:
    """Solve for the passive weights; drop those that would become negative, until none does."""
    rest = np.arange(target.shape[1])
    while len(rest):
        solved = _solved(gram, target[:, rest], passive[:, rest])
        negative = passive[:, rest] & (solved <= 0)
        again = negative.any(axis=0)
        weights[:, rest[~again]] = solved[:, ~again]
        rest, solved, negative, gram = rest[again], solved[:, again], negative[:, again], gram[:, :, again]
        # The longest step from the old weights towards the solution that keeps all weights at least 0.
        old: NDArray[Any] = weights[:, rest]
        steps = np.where(negative, old / np.where(negative, old - solved, 1), np.inf)
        step = steps.min(axis=0, initial=np.inf) if len(rest) else np.empty(0)
        kept = passive[:, rest] & ~(negative & (steps <= step))
        passive[:, rest] = kept
        weights[:, rest] = np.where(kept, np.maximum(old + step * (solved - old), 0), 0)
    return weights, passive


def _solved(gram: FloatArray, target: FloatArray, passive: Mask) -> FloatArray:
    """Least squares with the passive predictors only; all other weights are 0. Gauss's elimination."""
    a = np.where(passive[:, None] & passive, gram, 0)
    diagonal = np.arange(len(gram))
    a[diagonal, diagonal] = np.where(passive, gram[diagonal, diagonal], 1)
    b = np.where(passive, target, 0)
    for row in range(len(gram) - 1):
        factors = a[row + 1 :, row] / a[row, row]
        a[row + 1 :, row + 1 :] -= factors[:, None] * a[row, row + 1 :]
        b[row + 1 :] -= factors * b[row]
    for row in reversed(range(len(gram))):
        b[row] = (b[row] - (a[row, row + 1 :] * b[row + 1 :]).sum(axis=0)) / a[row, row]
    return b
