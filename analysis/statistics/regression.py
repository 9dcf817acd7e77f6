"""Multiple-regression RSA: how much of a brain RDM a layer and control RDMs explain, alone and together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.similarity import FloatArray, checked_rdms, condition_count
from alignhouse.analysis.kernels.threads import Tick, in_threads, slices, untold
from alignhouse.analysis.statistics.nonnegative import (
    least_squares_of_products,
    together,
    with_one_more,
)

Mask = NDArray[np.bool_]

MOST_FOLDS = 5
# Four stimuli have six pairs. Fewer could not show how well a prediction does.
FEWEST_STIMULI_A_FOLD = 4
FEWEST_STIMULI = 2 * FEWEST_STIMULI_A_FOLD
# Differences of variance below this are rounding.
NO_VARIANCE = 1e-10
# Layers at a time: enough to spread numpy's overhead, few enough for the CPU cache (measured).
LAYERS_A_BLOCK = 32


@dataclass(frozen=True)
class VarianceParts:
    """Cross-validated R squared of L layers in one region with S subjects: each (L, S) float64.

    controls : of the controls alone. layer : of the layer alone. both : of all together. Differences that are
    only rounding are 0.
    """

    controls: FloatArray
    layer: FloatArray
    both: FloatArray

    @property
    def unique_layer(self) -> FloatArray:
        """What only the layer explains: R squared of all minus that of the controls."""
        return _without_rounding(self.both - self.controls)

    @property
    def unique_controls(self) -> FloatArray:
        """What only the controls explain: R squared of all minus that of the layer."""
        return _without_rounding(self.both - self.layer)

    @property
    def shared(self) -> FloatArray:
        """What both explain: the sum of the single R squared minus that of all."""
        return _without_rounding(self.controls + self.layer - self.both)


def _without_rounding(differences: FloatArray) -> FloatArray:
    return np.where(np.abs(differences) < NO_VARIANCE, 0, differences)


def stimulus_folds(n_stimuli: int, seed: int) -> NDArray[np.intp]:
    """The fold of each stimulus, (n,) int: up to `MOST_FOLDS` folds of equal sizes (+-1), at random."""
    n_folds = max(2, min(MOST_FOLDS, n_stimuli // FEWEST_STIMULI_A_FOLD))
    draws = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(n_folds,))).random_raw(n_stimuli)
    folds = np.empty(n_stimuli, np.intp)
    folds[np.argsort(draws, kind="stable")] = np.arange(n_stimuli) % n_folds
    return folds


def variance_parts(
    layers: ArrayLike,
    brain: Mapping[str, ArrayLike],
    controls: ArrayLike,
    folds: NDArray[np.intp],
    *,
    tick: Tick = untold,
) -> dict[str, VarianceParts]:
    """Cross-validated R squared of layers (L, P), controls (C, P) and both, for each subject of each region.

    A brain's dissimilarities are a sum of a constant and of weighted dissimilarities of the predictors, with
    weights of at least 0 (non-negative least squares; Khaligh-Razavi & Kriegeskorte 2014; Jozwik et al.
    2016). Weights are fitted on the pairs among the stimuli outside a fold, and predict the pairs among the
    stimuli of the fold. R squared is 1 - SSE / SST, summed over folds; SST is the error of the constant
    alone. So it is below 0 if a prediction is worse than the constant.

    Parameters
    ----------
    brain : region -> (S, P). folds : (n,) see `stimulus_folds`. tick : called as folds are done.

    A constant or repeated predictor gets no weight of its own: predictions stay unique. Raises BadInput for
    NaN.
    """
    rows, given = (checked_rdms(each, None).astype(np.float64) for each in (layers, controls))
    brains = np.concatenate([checked_rdms(each, None) for each in brain.values()]).astype(np.float64)
    first, second = np.triu_indices(condition_count(rows.shape[1]), 1)
    n_folds = int(folds.max()) + 1
    errors = np.zeros((3, len(rows), len(brains)))
    total = np.zeros(len(brains))
    for fold in range(n_folds):
        fitted = (folds[first] != fold) & (folds[second] != fold)
        held_out = (folds[first] == fold) & (folds[second] == fold)
        train, test = _Part.both(given, brains, fitted, held_out)
        total += test.squares
        _add_errors(errors, rows, train, test)
        tick(fold + 1, n_folds)
    shares = 1 - errors / total
    found, start = {}, 0
    for roi, each in brain.items():
        own = slice(start, start + len(np.asarray(each)))
        found[roi] = VarianceParts(*(shares[kind, :, own] for kind in range(3)))
        start = own.stop
    return found


@dataclass(frozen=True)
class _Part:
    """Controls (C, p) and brains (S, p) among the training or held-out pairs, minus their training means.

    pairs : (P,) bool, p of them. gram : (C, C), moments : (S, C), squares : (S,), sums of their products.
    """

    pairs: Mask
    controls: FloatArray
    brains: FloatArray
    gram: FloatArray
    moments: FloatArray
    squares: FloatArray

    @classmethod
    def both(
        cls, controls: FloatArray, brains: FloatArray, fitted: Mask, held_out: Mask
    ) -> tuple[_Part, _Part]:
        """The training and the held-out part."""
        means = [each[:, fitted].mean(axis=1, keepdims=True) for each in (controls, brains)]
        return cls._of(fitted, controls, brains, means), cls._of(held_out, controls, brains, means)

    @classmethod
    def _of(cls, pairs: Mask, controls: FloatArray, brains: FloatArray, means: list[FloatArray]) -> _Part:
        given, of_brains = controls[:, pairs] - means[0], brains[:, pairs] - means[1]
        squares = np.einsum("ij,ij->i", of_brains, of_brains)
        return cls(pairs, given, of_brains, given @ given.T, of_brains @ given.T, squares)


@dataclass(frozen=True)
class _Layers:
    """Sums of products of l layers with themselves (l,), with controls (l, C) and with brains (l, S)."""

    squares: FloatArray
    controls: FloatArray
    brains: FloatArray

    @classmethod
    def of(cls, part: _Part, layers: FloatArray, mean: FloatArray) -> _Layers:
        rows = layers[:, part.pairs] - mean
        return cls(np.einsum("ij,ij->i", rows, rows), rows @ part.controls.T, rows @ part.brains.T)


def _add_errors(errors: FloatArray, layers: FloatArray, train: _Part, test: _Part) -> None:
    """Add squared errors over the held-out pairs, of controls, layer and both, to `errors` (3, L, S)."""
    of_controls = least_squares_of_products(train.gram[None], train.moments[None])[0]
    errors[0] += _of_weights(of_controls[None], test.gram[None], test.moments[None], test.squares)

    def add(some: slice) -> None:
        rows = layers[some]
        mean = rows[:, train.pairs].mean(axis=1, keepdims=True)
        fit, held_out = _Layers.of(train, rows, mean), _Layers.of(test, rows, mean)
        weights = np.maximum(fit.brains, 0) / np.where(fit.squares > 0, fit.squares, 1)[:, None]
        errors[1, some] += (
            test.squares - 2 * weights * held_out.brains + weights**2 * held_out.squares[:, None]
        )
        weights = with_one_more(train.gram, train.moments, of_controls, fit.controls, fit.squares, fit.brains)
        gram, moments = together(
            test.gram, test.moments, held_out.controls, held_out.squares, held_out.brains
        )
        errors[2, some] += _of_weights(weights, gram, moments, test.squares)

    in_threads(add, slices(len(layers), LAYERS_A_BLOCK))


def _of_weights(
    weights: FloatArray, gram: FloatArray, moments: FloatArray, squares: FloatArray
) -> FloatArray:
    """Squared errors of predictions: |y - w x|^2 = y y - 2 w (x y) + w (x x) w."""
    explained = np.einsum("lsc,lsc->ls", weights, 2 * moments - np.matmul(weights, gram))
    return squares - explained
