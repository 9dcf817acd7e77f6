"""Voxel encoding: how well a layer predicts each voxel's responses to stimuli that it was not fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.ridge import RidgeLayer
from alignhouse.analysis.kernels.ridge_fits import AlphaPer, Blocks, ridge_fit
from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, FloatArray
from alignhouse.analysis.kernels.threads import in_threads
from alignhouse.analysis.statistics.layer_choice import TIE_TOLERANCE
from alignhouse.warehouse.errors import BadInput

# Fewer cannot be permuted in a useful number of orders.
FEWEST_TEST_STIMULI = 4


@dataclass(frozen=True)
class RegionVoxels:
    """Predictions and responses of the voxels of one region of one subject, ready to correlate.

    Attributes
    ----------
    predictions : (L, V, m), and responses : (V, m), float32 or float64. Each row is centred and has length 1,
        so that the dot product of two rows is Pearson's r.
    ceiling : (V,) float64, all above 0; 1 where no ceiling is known.
    used : (W,) bool, which of the W given voxels are the V voxels; the others have a ceiling of 0.
    """

    predictions: NDArray[np.floating]
    responses: NDArray[np.floating]
    ceiling: FloatArray
    used: NDArray[np.bool_]

    @property
    def left_out(self) -> int:
        """The number of voxels that are left out because their ceiling is 0."""
        return int(np.count_nonzero(~self.used))

    def scores(self) -> FloatArray:
        """Pearson's r of each layer and voxel: (L, V) float64."""
        products = np.einsum("lvm,vm->lv", self.predictions, self.responses, dtype=np.float64)
        return np.clip(products, -1, 1)

    def medians(self, *, normalised: bool = True) -> FloatArray:
        """Median over voxels of r, divided by the voxel's ceiling if `normalised`: (L,) float64."""
        scores = self.scores()
        return np.asarray(np.median(scores / self.ceiling if normalised else scores, axis=1))


@dataclass(frozen=True)
class RegionEncoding:
    """Predictions of L layers for the W voxels of one region of one subject.

    Attributes
    ----------
    predictions : (L, W, m), responses of the m scored stimuli, minus the mean of the training responses.
    training : (F, L) float64, median over voxels of the cross-validated R squared on the training stimuli, in
        each of F fits (1 if there is one split). It never sees the stimuli that the fit is scored on.
    folds : (m,) the fit that predicted each stimulus; all 0 if there is one split.
    """

    predictions: NDArray[np.floating]
    training: FloatArray
    folds: NDArray[np.intp]


def voxel_ceiling(ncsnr: ArrayLike, repetitions: ArrayLike) -> FloatArray:
    """The highest expected r of each voxel, given its noise: (W,) float64 in [0, 1).

    sqrt(ncsnr^2 / (ncsnr^2 + mean(1 / repetitions))): the share of the variance of averaged responses that is
    signal, as a correlation (Allen et al. 2022, Nat Neurosci 25, 116, Methods, "noise ceiling").

    Parameters
    ----------
    ncsnr : (W,) standard deviation of the signal over that of the noise of one presentation. 0: no signal.
    repetitions : presentations averaged in each response: one number, or (m,), one per scored stimulus.

    Raises BadInput for negative numbers, NaN, and fewer than 1 repetition.
    """
    ratio, times = np.asarray(ncsnr, dtype=np.float64), np.asarray(repetitions, dtype=np.float64)
    if ratio.ndim != 1 or not (np.isfinite(ratio) & (ratio >= 0)).all():
        raise BadInput("ncsnr of voxels", expected="finite numbers of at least 0", found=_first_odd(ratio))
    if times.size == 0 or not (np.isfinite(times) & (times >= 1)).all():
        raise BadInput("repetitions", expected="numbers of at least 1", found=_first_odd(times, least=1))
    signal = np.square(ratio)
    return np.sqrt(signal / (signal + np.mean(1 / times)))


def encode_split(
    layers: Sequence[RidgeLayer],
    train: Blocks,
    *,
    alpha_per: AlphaPer = "voxel",
    memory: int = DEFAULT_MEMORY,
) -> RegionEncoding:
    """Fit on the training split, and predict the test split; see `ridge_fits.ridge_fit` for the arguments."""
    fit = ridge_fit(layers, train, alpha_per=alpha_per, memory=memory)
    return RegionEncoding(
        fit.predictions,
        np.median(1 - fit.errors, axis=1)[None],
        np.zeros(fit.predictions.shape[2], np.intp),
    )


def region_voxels(
    encoding: RegionEncoding, responses: ArrayLike, *, ceiling: ArrayLike | None = None
) -> RegionVoxels:
    """Standardise predictions and responses, without the voxels whose ceiling is 0.

    With several folds, both are centred within each fold, and r is computed over all stimuli: the fits of a
    fold leave out its stimuli, so that the mean of its predictions is low where the mean of its responses is
    high, and plain pooling would be biased downwards. r of each fold on its own would be unreliable in
    small folds, and undefined where a fit predicts a constant.

    Parameters
    ----------
    responses : (m, W) of the scored stimuli, in the order of the predictions.
    ceiling : (W,) `voxel_ceiling`; None if it is not known: all voxels count, and nothing is divided.

    Raises BadInput for NaN, constant responses or predictions, wrong shapes, and if no voxel is left.
    """
    predictions, measured = encoding.predictions, np.asarray(responses)
    n_layers, n_voxels, m = predictions.shape
    if measured.shape != (m, n_voxels) or measured.dtype.kind not in "fiu":
        raise BadInput(
            "responses to the scored stimuli",
            expected=f"real numbers ({m} stimuli, {n_voxels} voxels)",
            found=f"{measured.dtype} of shape {measured.shape}",
        )
    if m < FEWEST_TEST_STIMULI:
        raise BadInput("scored stimuli", expected=f"at least {FEWEST_TEST_STIMULI}", found=m)
    known = np.ones(n_voxels) if ceiling is None else np.asarray(ceiling, dtype=np.float64)
    if known.shape != (n_voxels,) or not ((known >= 0) & (known <= 1)).all():
        raise BadInput(
            "ceilings of voxels", expected=f"{n_voxels} numbers from 0 to 1", found=_first_odd(known)
        )
    used = known > 0
    if not used.any():
        raise BadInput("voxels with signal", expected="at least one", found=f"{n_voxels} ceilings of 0")
    voxels = np.flatnonzero(used)
    unit = np.empty((n_layers, voxels.size, m), predictions.dtype)

    def standardise(index: int) -> None:
        unit[index] = _unit_rows(
            predictions[index, voxels], encoding.folds, f"predictions of layer {index}", voxels
        )

    in_threads(standardise, range(n_layers))
    rows = measured[:, voxels].T.astype(predictions.dtype)
    return RegionVoxels(unit, _unit_rows(rows, encoding.folds, "responses", voxels), known[used], used)


def best_layers(training: ArrayLike) -> NDArray[np.intp]:
    """The layer with the highest training score in each fit: (F,), from `training` (S, F, L) of S subjects.

    Scores are averaged over subjects; if layers tie (within 1e-6), the first is chosen. The scored stimuli do
    not enter, so the score of the chosen layer is not inflated by the choice. Raises BadInput for NaN.
    """
    scores = np.asarray(training, dtype=np.float64)
    if scores.ndim != 3 or scores.size == 0 or not np.isfinite(scores).all():
        raise BadInput(
            "choice of a layer",
            expected="finite scores (subjects, fits, layers)",
            found=f"shape {scores.shape}, {np.count_nonzero(~np.isfinite(scores))} not finite",
        )
    mean = scores.mean(axis=0)
    return np.asarray((mean >= mean.max(axis=1, keepdims=True) - TIE_TOLERANCE).argmax(axis=1))


def _unit_rows(
    rows: NDArray[np.floating], folds: NDArray[np.intp], what: str, voxels: NDArray[np.intp]
) -> NDArray[np.floating]:
    """`rows` (V, m), overwritten: centred within folds, of length 1. Errors name `what` and the voxel."""
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        voxel = voxels[np.argmin(finite)]
        raise BadInput(f"{what}, voxel {voxel}", expected="finite numbers", found="NaN or infinity")
    constant = np.ones(len(rows), dtype=bool)
    for fold in range(int(folds.max()) + 1):
        own = folds == fold
        part = rows[:, own]
        constant &= part.min(axis=1) == part.max(axis=1)
        rows[:, own] = part - part.mean(axis=1, keepdims=True)
    length = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    constant |= length[:, 0] == 0
    if constant.any():
        raise BadInput(
            f"{what}, voxel {voxels[np.argmax(constant)]}",
            expected="values that differ between the scored stimuli",
            found="all equal",
            hint="leave it out: r is not defined",
        )
    rows /= length
    return rows


def _first_odd(values: FloatArray, least: float = 0) -> Any:
    """The first value that is not a finite number of at least `least`; if there is none, shape and range."""
    odd = values[~(np.isfinite(values) & (values >= least))]
    if odd.size:
        return odd.ravel()[0]
    return f"shape {values.shape}" + (f", {values.min()} to {values.max()}" if values.size else "")
