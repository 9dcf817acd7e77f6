"""Banded ridge regression by random search: several Gram matrices, each with a weight of its own.

A candidate is a vector of weights. Ridge regression on the weighted sum of Gram matrices equals ridge
regression on the features side by side, each set scaled by the root of its weight. All voxels share the
candidates, each decomposed once, and each voxel takes its best (Dupre la Tour, Eickenberg, Nunez-Elizalde &
Gallant 2022, NeuroImage 264, 119728).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.devices import Precision
from alignhouse.analysis.kernels.ridge import ALPHAS, NO_DIFFERENCE, RidgeLayer, ridge_layers
from alignhouse.analysis.kernels.ridge_fits import RidgeFit, in_memory, ridge_errors, ridge_fit, ridge_fits
from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, FloatArray
from alignhouse.analysis.kernels.threads import slices
from alignhouse.warehouse.errors import BadInput

IntArray = NDArray[np.intp]

# Draws of weights alternate: of nearly all bands, and of a few bands at a time (as in the paper above).
CONCENTRATIONS = (1.0, 0.1)
# Sums of weights differ from 1 by rounding only.
SUM_TOLERANCE = 1e-6
# Candidates that are decomposed together: enough to keep all cores busy.
MOST_AT_ONCE = 16
# Independent random streams of one seed.
BANDS, SHARES = 11, 12


@dataclass(frozen=True)
class BandedFit:
    """The best candidate of each of V voxels.

    predictions : (V, m), of the m test stimuli, minus the mean of the training responses.
    errors : (V,) float64, the cross-validated error on the training stimuli, over that of the training mean.
    chosen : (V,) index of the candidate; -1 where a fit that was given as `start` is better than all.
    """

    predictions: NDArray[np.floating]
    errors: FloatArray
    chosen: IntArray


def unit_grams(grams: Sequence[ArrayLike], train: ArrayLike, names: Sequence[str]) -> FloatArray:
    """Gram matrices (K, N, N), centred over the training stimuli, whose mean eigenvalue over these is 1.

    Then equal weights let each set of features contribute equal variance, whatever its width and scale.

    Raises BadInput, with the name, for shapes that do not fit, NaN, and training stimuli that do not differ.
    """
    rows = np.asarray(train, dtype=np.intp)
    found = []
    for name, gram in zip(names, grams, strict=True):
        products = np.asarray(gram, dtype=np.float64)
        if products.ndim != 2 or len(set(products.shape)) != 1 or not np.isfinite(products).all():
            raise BadInput(
                f"Gram matrix of {name}",
                expected="finite numbers, stimuli by stimuli",
                found=f"shape {products.shape}, {np.count_nonzero(~np.isfinite(products))} not finite",
            )
        means = products[:, rows].mean(axis=1)
        centred = products - means - (means - means[rows].mean())[:, None]
        scale = centred[rows, rows].mean()
        if scale <= NO_DIFFERENCE * np.abs(products).max():
            raise BadInput(
                f"Gram matrix of {name}", expected="training stimuli that differ", found="all equal"
            )
        found.append(centred / scale)
    if len({each.shape for each in found}) != 1:
        raise BadInput(
            "Gram matrices of a model",
            expected="at least one, all of the same stimuli",
            found=[each.shape for each in found],
        )
    return np.stack(found)


def band_weights(n_bands: int, candidates: int, seed: int) -> FloatArray:
    """Candidates (C, K) on the simplex: equal weights, then Dirichlet draws. A single band needs one only.

    Gamma variates are the quantiles of uniform numbers, so that a seed gives the same draws everywhere.
    """
    return _drawn(n_bands, candidates, seed, BANDS)


def joint_weights(one: ArrayLike, other: ArrayLike, candidates: int, seed: int) -> FloatArray:
    """Candidates (C, K1 + K2) of two sets together, from their own candidates (C1, K1) and (C2, K2).

    Candidate i has the i-th weights of each set, in turn, times a share of each set that is drawn.
    """
    first, second = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    shares = _drawn(2, candidates, seed, SHARES)
    places = np.arange(len(shares))
    return np.concatenate(
        [shares[:, :1] * first[places % len(first)], shares[:, 1:] * second[places % len(second)]], axis=1
    )


def _drawn(n_bands: int, candidates: int, seed: int, stream: int) -> FloatArray:
    from scipy.special import gammaincinv

    if n_bands < 1 or candidates < 1:
        raise BadInput("candidates of weights", expected="at least one, of one band", found=candidates)
    if n_bands == 1:
        return np.ones((1, 1))
    raw = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(stream, n_bands))).random_raw(
        candidates * n_bands
    )
    # 53 bits, never 0 or 1.
    uniform = ((raw >> np.uint64(11)) + 0.5) / 2.0**53
    concentrations = np.resize(CONCENTRATIONS, candidates)[:, None]
    draws = gammaincinv(concentrations, uniform.reshape(candidates, n_bands))
    weights: FloatArray = draws / draws.sum(axis=1, keepdims=True)
    weights[0] = 1 / n_bands
    return weights


def banded_fit(
    grams: Sequence[ArrayLike],
    weights: ArrayLike,
    train: ArrayLike,
    test: ArrayLike,
    responses: NDArray[Any],
    *,
    names: Sequence[str],
    groups: Sequence[IntArray] = (),
    start: Sequence[BandedFit] = (),
    alphas: ArrayLike = ALPHAS,
    folds: ArrayLike | None = None,
    precision: Precision = "float32",
    memory: int = DEFAULT_MEMORY,
) -> BandedFit:
    """Fit `responses` (n, V) to the training stimuli by the best of C candidates, for each voxel or group.

    Parameters
    ----------
    grams : K matrices (N, N); see `unit_grams`. weights : (C, K), each row at least 0, with sum 1.
    train, test : (n,) and (m,) indices of rows of the Gram matrices.
    groups : places of voxels that share candidate and penalty, those with the lowest mean error; together all
        voxels. () chooses for each voxel.
    start : fits of the same voxels, groups, stimuli, alphas and folds, which a candidate must be better than.
    alphas, folds, precision : see `ridge.ridge_layer`. memory : bytes for working buffers.

    Raises BadInput as `unit_grams`, `ridge_layer` and `ridge_fits` do, and for weights off the simplex.
    """
    scaled = unit_grams(grams, train, names)
    given = _checked_weights(weights, len(scaled))
    n_train, n_test, n_voxels = np.size(train), np.size(test), responses.shape[-1]
    best = _Best(groups)
    for each in start:
        best.take(replace(each, chosen=np.full(n_voxels, -1)))
    # A decomposition with the operators of all penalties; the errors and predictions of all voxels.
    n_alphas = np.size(alphas)
    a_candidate = 8 * (n_train**2 * 3 + n_alphas * n_train * n_test) + 8 * n_voxels * (n_alphas + 2 * n_test)
    at_once = max(1, min(MOST_AT_ONCE, memory // 2 // a_candidate))
    for some in slices(len(given), at_once):
        labels = [f"{' + '.join(names)}, candidate {index}" for index in range(some.start, some.stop)]
        layers = ridge_layers(
            [np.tensordot(row, scaled, 1) for row in given[some]],
            train,
            test,
            names=labels,
            alphas=alphas,
            folds=folds,
            precision=precision,
        )
        fit = _fit_of_groups(layers, responses, groups, memory // 2)
        for index in range(len(layers)):
            best.take(
                BandedFit(fit.predictions[index], fit.errors[index], np.full(n_voxels, some.start + index))
            )
    return best.found()


def _fit_of_groups(
    layers: Sequence[RidgeLayer], responses: NDArray[Any], groups: Sequence[IntArray], memory: int
) -> RidgeFit:
    """The fit of all layers, with a penalty of each voxel or of each group."""
    if not groups:
        return ridge_fit(layers, in_memory(responses), memory=memory)
    errors = ridge_errors(layers, responses, memory=memory)
    chosen = np.empty(errors.shape[:2], np.intp)
    for own in groups:
        chosen[:, own] = errors[:, own].mean(axis=1, dtype=np.float64).argmin(axis=1)[:, None]
    [fit] = ridge_fits(layers, [responses], chosen=chosen, memory=memory)
    return fit


class _Best:
    """The fit with the lowest error so far, for each voxel or each group; the first if fits tie."""

    def __init__(self, groups: Sequence[IntArray]) -> None:
        self._groups = groups
        self._best: BandedFit | None = None

    def take(self, fit: BandedFit) -> None:
        best = self._best
        if best is None:
            self._best = fit
            return
        if best.predictions.shape != fit.predictions.shape:
            raise BadInput("fits to start from", expected=best.predictions.shape, found=fit.predictions.shape)
        lower = fit.errors < best.errors
        for own in self._groups:
            lower[own] = fit.errors[own].mean() < best.errors[own].mean()
        self._best = BandedFit(
            np.where(lower[:, None], fit.predictions, best.predictions),
            np.where(lower, fit.errors, best.errors),
            np.where(lower, fit.chosen, best.chosen),
        )

    def found(self) -> BandedFit:
        assert self._best is not None
        return self._best


def _checked_weights(weights: ArrayLike, n_bands: int) -> FloatArray:
    given = np.asarray(weights, dtype=np.float64)
    fits = given.ndim == 2 and given.shape[0] > 0 and given.shape[1] == n_bands
    if not fits or not (given >= 0).all() or (np.abs(given.sum(axis=1) - 1) > SUM_TOLERANCE).any():
        raise BadInput(
            "weights of Gram matrices",
            expected=f"rows of {n_bands} numbers of at least 0, with sum 1",
            found=f"shape {given.shape}" if not fits else given[(given.sum(axis=1) - 1).argmax()].tolist(),
        )
    return given
