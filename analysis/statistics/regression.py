"""Multiple-regression RSA: how much of a brain RDM a layer and control RDMs explain, alone and together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.similarity import FloatArray, checked_rdms, condition_count
from alignhouse.analysis.kernels.threads import Tick, in_threads, product, slices, untold
from alignhouse.analysis.statistics.nonnegative import least_squares_of_products

Mask = NDArray[np.bool_]

MOST_FOLDS = 5
# Four stimuli have six pairs. Fewer could not show how well a prediction does.
FEWEST_STIMULI_A_FOLD = 4
FEWEST_STIMULI = 2 * FEWEST_STIMULI_A_FOLD
# Differences of variance below this are rounding.
NO_VARIANCE = 1e-10
# Regressions at a time: enough to spread numpy's overhead, few enough for the CPU cache (measured).
REGRESSIONS_A_BLOCK = 2048


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


@dataclass(frozen=True)
class _Products:
    """Sums of products over the pairs of one part of the stimuli, all values minus their training means.

    controls : (C, C). layers_controls : (L, C). layers : (L,) squares. controls_brains : (C, S).
    layers_brains : (L, S). brains : (S,) squares.
    """

    controls: FloatArray
    layers_controls: FloatArray
    layers: FloatArray
    controls_brains: FloatArray
    layers_brains: FloatArray
    brains: FloatArray


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
        train, test = _products_of(rows, given, brains, fitted, held_out)
        total += test.brains
        errors += _errors(train, test)
        tick(fold + 1, n_folds)
    shares = 1 - errors / total
    found, start = {}, 0
    for roi, each in brain.items():
        own = slice(start, start + len(np.asarray(each)))
        found[roi] = VarianceParts(*(shares[kind, :, own] for kind in range(3)))
        start = own.stop
    return found


def _products_of(
    layers: FloatArray, controls: FloatArray, brains: FloatArray, fitted: Mask, held_out: Mask
) -> tuple[_Products, _Products]:
    """The products over training pairs, and over held-out pairs."""
    means = [each[:, fitted].mean(axis=1, keepdims=True) for each in (layers, controls, brains)]
    found = []
    for pairs in (fitted, held_out):
        of_layers, of_controls, of_brains = (
            each[:, pairs] - mean for each, mean in zip((layers, controls, brains), means, strict=True)
        )
        found.append(
            _Products(
                controls=of_controls @ of_controls.T,
                layers_controls=product(of_layers, of_controls.T),
                layers=np.einsum("ij,ij->i", of_layers, of_layers),
                controls_brains=of_controls @ of_brains.T,
                layers_brains=product(of_layers, of_brains.T),
                brains=np.einsum("ij,ij->i", of_brains, of_brains),
            )
        )
    return found[0], found[1]


def _errors(train: _Products, test: _Products) -> FloatArray:
    """Squared errors over the held-out pairs, of controls, layer and both: (3, L, S)."""
    n_layers, n_brains = train.layers_brains.shape
    errors = np.empty((3, n_layers, n_brains))
    of_controls = least_squares_of_products(train.controls[None], train.controls_brains.T[None])
    errors[0] = _of_weights(
        of_controls,
        test.controls[None],
        test.controls_brains.T[None],
        test.brains,
    )
    alone = np.where(train.layers > 0, train.layers, 1)[:, None]
    weights = np.maximum(train.layers_brains, 0) / alone
    errors[1] = test.brains - 2 * weights * test.layers_brains + weights**2 * test.layers[:, None]

    def both(some: slice) -> None:
        start = np.zeros((some.stop - some.start, n_brains, len(train.controls) + 1))
        start[:, :, :-1] = of_controls
        weights = least_squares_of_products(*_together(train, some), start)
        errors[2, some] = _of_weights(weights, *_together(test, some), test.brains)

    in_threads(both, slices(n_layers, max(1, REGRESSIONS_A_BLOCK // n_brains)))
    return errors


def _together(products: _Products, some: slice) -> tuple[FloatArray, FloatArray]:
    """Products of all predictors of some layers, the layer last: (l, C + 1, C + 1) and (l, S, C + 1)."""
    n_controls = len(products.controls)
    n_layers, n_brains = products.layers_brains[some].shape
    gram = np.empty((n_layers, n_controls + 1, n_controls + 1))
    gram[:, :-1, :-1] = products.controls
    gram[:, -1, :-1] = gram[:, :-1, -1] = products.layers_controls[some]
    gram[:, -1, -1] = products.layers[some]
    moments = np.empty((n_layers, n_brains, n_controls + 1))
    moments[:, :, :-1] = products.controls_brains.T
    moments[:, :, -1] = products.layers_brains[some]
    return gram, moments


def _of_weights(
    weights: FloatArray, gram: FloatArray, moments: FloatArray, squares: FloatArray
) -> FloatArray:
    """Squared errors of predictions: |y - w x|^2 = y y - 2 w (x y) + w (x x) w."""
    explained = np.einsum("lsc,lsc->ls", weights, 2 * moments - np.matmul(weights, gram))
    return squares - explained
