"""Voxel encoding without a test split: every stimulus is predicted by a fit to the other folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.alpha_choice import checked_folds
from alignhouse.analysis.kernels.ridge import RidgeLayer, ridge_layers
from alignhouse.analysis.kernels.ridge_fits import AlphaPer, in_memory, ridge_fit
from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY
from alignhouse.analysis.kernels.threads import Tick, slices, untold
from alignhouse.analysis.statistics.encoding import RegionEncoding, region_voxels
from alignhouse.analysis.statistics.encoding_null import checked_orders
from alignhouse.analysis.statistics.regression import stimulus_folds
from alignhouse.warehouse.errors import BadInput

AlphaBy = Literal["generalised", "folds"]


def fold_layers(
    grams: Sequence[ArrayLike],
    folds: ArrayLike,
    *,
    names: Sequence[str],
    alpha_by: AlphaBy = "generalised",
    seed: int = 0,
    **settings: Any,
) -> list[list[RidgeLayer]]:
    """The layers of each fit: F lists of L, each decomposed without the stimuli of its fold.

    Parameters
    ----------
    grams : L matrices (n, n). folds : (n,) the fold of each stimulus; see `regression.stimulus_folds`.
    alpha_by : "generalised" cross-validation, or cross-validation over "folds" within the training stimuli
        (up to 5, at random by `seed`). Neither sees the held-out fold.
    settings : alphas, precision and device; see `ridge.ridge_layer`.

    Raises BadInput as `ridge_layer` does, and for folds that are not numbered from 0.
    """
    own = _checked(folds)
    layers = []
    for fold in range(int(own.max()) + 1):
        train, test = np.flatnonzero(own != fold), np.flatnonzero(own == fold)
        inner = None if alpha_by == "generalised" else stimulus_folds(train.size, seed)
        layers.append(ridge_layers(grams, train, test, names=names, folds=inner, **settings))
    return layers


def encode_folds(
    layers: Sequence[Sequence[RidgeLayer]],
    responses: NDArray[Any],
    folds: ArrayLike,
    *,
    alpha_per: AlphaPer = "voxel",
    memory: int = DEFAULT_MEMORY,
) -> RegionEncoding:
    """Predict each fold of the `responses` (n, V) from a fit to the others. `layers` are `fold_layers`.

    `encoding.region_voxels` says how folds make one r. Raises BadInput as `ridge_fits.ridge_fit` does.
    """
    own = _checked(folds)
    if len(layers) != int(own.max()) + 1 or responses.ndim != 2 or len(responses) != len(own):
        raise BadInput(
            "encoding over folds",
            expected=f"layers of {int(own.max()) + 1} folds, responses ({len(own)} stimuli, voxels)",
            found=f"{len(layers)} folds, shape {responses.shape}",
        )
    first = layers[0]
    predictions = np.empty((len(first), responses.shape[1], len(own)), first[0].precision)
    training = np.empty((len(layers), len(first)))
    for fold, each in enumerate(layers):
        fit = ridge_fit(each, in_memory(responses[own != fold]), alpha_per=alpha_per, memory=memory)
        predictions[:, :, own == fold] = fit.predictions
        training[fold] = np.median(1 - fit.errors, axis=1)
    return RegionEncoding(predictions, training, own)


def refitted_null(
    layers: Sequence[Sequence[RidgeLayer]],
    responses: NDArray[Any],
    folds: ArrayLike,
    orders: ArrayLike,
    *,
    ceiling: ArrayLike | None = None,
    alpha_per: AlphaPer = "voxel",
    memory: int = DEFAULT_MEMORY,
    tick: Tick = untold,
) -> NDArray[np.float32]:
    """Median over voxels of r / ceiling, refitted to permuted responses: (L, K) float32.

    Stimulus i gets the responses to stimulus `orders`[k, i], and everything is fitted again. Permuting
    finished predictions would be wrong here: the fits of two folds use each other's responses, so predictions
    and responses are not exchangeable (docs/encoding.md has the error rates of both). The decompositions are
    used again. A permutation costs as much as the encoding itself.
    """
    places = checked_orders(orders, len(responses))
    n_layers, (n, n_voxels) = len(layers[0]), responses.shape
    null = np.empty((n_layers, len(places)), np.float32)
    # Several orders are fitted as more voxels. Predictions, and their copy that is standardised, take most.
    an_order = 8 * n * n_voxels * (n_layers + 2)
    at_once = 1 if alpha_per == "region" else max(1, memory // 2 // an_order)
    for some in slices(len(places), at_once):
        permuted = responses[places[some]].transpose(1, 0, 2).reshape(n, -1)
        encoding = encode_folds(layers, permuted, folds, alpha_per=alpha_per, memory=memory // 2)
        ceilings = None if ceiling is None else np.tile(np.asarray(ceiling), some.stop - some.start)
        voxels = region_voxels(encoding, permuted, ceiling=ceilings)
        scores = (voxels.scores() / voxels.ceiling).reshape(n_layers, some.stop - some.start, -1)
        null[:, some] = np.median(scores, axis=2)
        tick(some.stop, len(places))
    return null


def _checked(folds: ArrayLike) -> NDArray[np.intp]:
    return checked_folds(folds, np.asarray(folds).size)
