"""Variance of voxels that two sets of features explain alone, together, and in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.banded_ridge import BandedFit, band_weights, banded_fit, joint_weights
from alignhouse.analysis.kernels.medians import medians_in_place
from alignhouse.analysis.kernels.ridge import ALPHAS
from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, FloatArray
from alignhouse.analysis.kernels.threads import in_threads, slices
from alignhouse.analysis.statistics.encoding import FEWEST_TEST_STIMULI
from alignhouse.analysis.statistics.encoding_folds import AlphaBy
from alignhouse.analysis.statistics.regression import stimulus_folds
from alignhouse.warehouse.errors import BadInput

IntArray = NDArray[np.intp]

# Twenty found nearly the same parts on simulated brains (docs/encoding.md).
CANDIDATES = 60
# Draws of one task of a thread.
DRAWS_A_BLOCK = 64
# Those that resamples give.
PartName = Literal["unique_one", "unique_other", "shared"]
UNIQUE: tuple[PartName, ...] = ("unique_one", "unique_other")
# Of a voxel's variance over all scored stimuli. Less in a resample is rounding.
LEAST_VARIANCE = 1e-12


@dataclass(frozen=True)
class Splits:
    """Which stimuli are fitted, and which of the m scored stimuli each fit predicts.

    train : F times (n,) rows of the Gram matrices. test : F times rows; together the m scored stimuli.
    folds : (m,) the fit of each scored stimulus. scored : (m,) their rows.
    """

    train: Sequence[IntArray]
    test: Sequence[IntArray]
    folds: IntArray
    scored: IntArray

    @classmethod
    def of(cls, train: ArrayLike, scored: ArrayLike, folds: ArrayLike | None = None) -> Splits:
        """Of a training and a test split; or of `folds` (n,) of all stimuli, if they are given."""
        rows = np.asarray(scored, dtype=np.intp)
        if folds is None:
            return cls([np.asarray(train, dtype=np.intp)], [rows], np.zeros(len(rows), np.intp), rows)
        own = np.asarray(folds, dtype=np.intp)
        every = range(int(own.max()) + 1)
        return cls(
            [np.flatnonzero(own != fold) for fold in every],
            [np.flatnonzero(own == fold) for fold in every],
            own,
            np.arange(len(own)),
        )


@dataclass(frozen=True)
class SetFits:
    """One set of K Gram matrices, fitted to V voxels.

    weights : (C, K), the candidates. fits : one for each of the F splits.
    """

    grams: Sequence[ArrayLike]
    names: Sequence[str]
    weights: FloatArray
    fits: Sequence[BandedFit]

    def of_voxels(self, voxels: IntArray) -> SetFits:
        """The same of some voxels."""
        fits = [
            BandedFit(each.predictions[voxels], each.errors[voxels], each.chosen[voxels])
            for each in self.fits
        ]
        return SetFits(self.grams, self.names, self.weights, fits)

    def predictions(self, splits: Splits) -> NDArray[np.floating]:
        """(V, m), of the scored stimuli, minus the means of the training responses."""
        first = self.fits[0].predictions
        found = np.empty((len(first), len(splits.folds)), first.dtype)
        for fold, each in enumerate(self.fits):
            found[:, splits.folds == fold] = each.predictions
        return found


@dataclass(frozen=True)
class VoxelParts:
    """R squared of V voxels on the scored stimuli: (V,) float64 each; see `voxel_parts`.

    one, other : of each set alone. both : of the joint model.
    """

    one: FloatArray
    other: FloatArray
    both: FloatArray

    @property
    def unique_one(self) -> FloatArray:
        """What the first set adds to the other. Below 0 where the joint model predicts worse."""
        return self.both - self.other

    @property
    def unique_other(self) -> FloatArray:
        """What the other set adds to the first."""
        return self.both - self.one

    @property
    def shared(self) -> FloatArray:
        """What both sets explain: the sum of the single R squared minus that of the joint model."""
        return self.one + self.other - self.both

    def medians(self, ceiling: ArrayLike | None = None) -> dict[str, float]:
        """Name -> median over voxels of each part, divided by the squared ceiling (V,) if there is one.

        Voxels with a ceiling of 0 are left out. Medians do not add up as the parts of a voxel do. Raises
        BadInput if no voxel is left.
        """
        squared = squared_ceiling(ceiling, len(self.both))
        used = squared > 0
        parts = {
            "one": self.one,
            "other": self.other,
            "both": self.both,
            "unique_one": self.unique_one,
            "unique_other": self.unique_other,
            "shared": self.shared,
        }
        return {name: float(np.median(each[used] / squared[used])) for name, each in parts.items()}


def fit_set(
    grams: Sequence[ArrayLike],
    splits: Splits,
    responses: NDArray[Any],
    *,
    names: Sequence[str],
    groups: Sequence[IntArray] = (),
    candidates: int = CANDIDATES,
    alphas: ArrayLike = ALPHAS,
    alpha_by: AlphaBy = "generalised",
    seed: int = 0,
    memory: int = DEFAULT_MEMORY,
    **settings: Any,
) -> SetFits:
    """Banded ridge regression of `responses` (N, V) on one set of Gram matrices (N, N).

    Parameters
    ----------
    groups : voxels that share weights and a penalty, see `banded_ridge.banded_fit`; () for each on its own.
    candidates : number of weight vectors, drawn by `seed`; see `banded_ridge.band_weights`.
    alpha_by : how candidates and penalties are chosen on the training stimuli of each split; see
        `encoding_folds.fold_layers`. alphas, precision : see `ridge.ridge_layer`. memory : bytes.

    Raises BadInput as `banded_ridge.banded_fit` does.
    """
    weights = band_weights(len(grams), candidates, seed)
    how = {"groups": groups, "alphas": alphas, "memory": memory, **settings}
    fits = _fits(grams, names, weights, splits, responses, alpha_by, seed, [()] * len(splits.train), how)
    return SetFits(grams, names, weights, fits)


def fit_both(
    one: SetFits,
    other: SetFits,
    splits: Splits,
    responses: NDArray[Any],
    *,
    groups: Sequence[IntArray] = (),
    candidates: int = CANDIDATES,
    alphas: ArrayLike = ALPHAS,
    alpha_by: AlphaBy = "generalised",
    seed: int = 0,
    memory: int = DEFAULT_MEMORY,
    **settings: Any,
) -> SetFits:
    """The joint model of two sets that were fitted to the same voxels with the same settings.

    Its candidates are those of both sets and `candidates` mixtures of them, so that its error on the training
    stimuli is never above that of either set. Arguments and errors as for `fit_set`.
    """
    weights = joint_weights(one.weights, other.weights, candidates, seed)
    grams, names = [*one.grams, *other.grams], [*one.names, *other.names]
    starts = list(zip(one.fits, other.fits, strict=True))
    how = {"groups": groups, "alphas": alphas, "memory": memory, **settings}
    return SetFits(
        grams,
        names,
        weights,
        _fits(grams, names, weights, splits, responses, alpha_by, seed, starts, how),
    )


def _fits(
    grams: Sequence[ArrayLike],
    names: Sequence[str],
    weights: FloatArray,
    splits: Splits,
    responses: NDArray[Any],
    alpha_by: AlphaBy,
    seed: int,
    starts: Sequence[Sequence[BandedFit]],
    how: dict[str, Any],
) -> list[BandedFit]:
    return [
        banded_fit(
            grams,
            weights,
            train,
            test,
            responses[train],
            names=names,
            start=start,
            folds=None if alpha_by == "generalised" else stimulus_folds(len(train), seed),
            **how,
        )
        for train, test, start in zip(splits.train, splits.test, starts, strict=True)
    ]


def partition(
    one: Sequence[ArrayLike],
    other: Sequence[ArrayLike],
    splits: Splits,
    responses: NDArray[Any],
    **settings: Any,
) -> VoxelParts:
    """The parts of two sets of Gram matrices, from all steps. Settings are those of `fit_set`."""
    first, second = (
        fit_set(each, splits, responses, names=[f"{name} {i}" for i in range(len(each))], **settings)
        for name, each in (("one", one), ("other", other))
    )
    both = fit_both(first, second, splits, responses, **settings)
    predictions = [each.predictions(splits) for each in (first, second, both)]
    return voxel_parts(predictions, responses[splits.scored], splits.folds)


def voxel_parts(predictions: Sequence[NDArray[Any]], responses: NDArray[Any], folds: ArrayLike) -> VoxelParts:
    """R squared of three models: 1 - (sum of squared errors) / (sum of squares of the responses).

    Responses and predictions are centred within each fold, as for r (`encoding.region_voxels`). This R
    squared is below 0 for predictions that are worse than the mean. A squared correlation would count noise
    and inverted predictions as explained, and would make differences of models depend on their scale.

    Parameters
    ----------
    predictions : of one set, the other, and both, (V, m) each. responses : (m, V). folds : (m,).

    Raises BadInput for shapes that do not fit, too few stimuli, NaN, and constant responses.
    """
    own = np.asarray(folds)
    rows = _centred(np.asarray(responses, dtype=np.float64).T, own)
    if {each.shape for each in predictions} != {rows.shape} or len(predictions) != 3:
        raise BadInput(
            "predictions of three models",
            expected=f"{rows.shape} each, voxels by stimuli",
            found=[each.shape for each in predictions],
        )
    if rows.shape[1] < FEWEST_TEST_STIMULI:
        raise BadInput("scored stimuli", expected=f"at least {FEWEST_TEST_STIMULI}", found=rows.shape[1])
    total = np.square(rows).sum(axis=1)
    if not (total > 0).all():
        raise BadInput(
            f"responses to the scored stimuli, voxel {np.argmin(total > 0)}",
            expected="finite values that differ",
            found="all equal, or NaN",
        )
    found = [1 - np.square(rows - _centred(each, own)).sum(axis=1) / total for each in predictions]
    if not np.isfinite(found).all():
        raise BadInput("predictions of voxels", expected="finite numbers", found="NaN or infinity")
    return VoxelParts(*found)


def resampled_parts(
    predictions: Sequence[NDArray[Any]],
    responses: NDArray[Any],
    counts: ArrayLike,
    *,
    ceiling: ArrayLike | None = None,
    parts: Sequence[PartName] = UNIQUE,
) -> FloatArray:
    """Medians over voxels of K parts, in resamples of the test stimuli: (K, B) float64.

    The fits and the ceilings stay as they are. For a test split only: a stimulus that is drawn twice would be
    in the training and in the scored fold.

    Parameters
    ----------
    predictions, responses : as in `voxel_parts`. counts : (B, m), see `bootstrap.resample_counts`.
    ceiling : (V,), as in `VoxelParts.medians`. parts : (K,), names of parts of `VoxelParts`.

    Raises BadInput for wrong shapes, and if a voxel has no variance in a resample.
    """
    drawn = np.asarray(counts, dtype=np.float64)
    if drawn.ndim != 2 or drawn.shape[1] != len(responses):
        raise BadInput(
            "resamples of the stimuli", expected=f"counts (resamples, {len(responses)})", found=drawn.shape
        )
    squared = squared_ceiling(ceiling, responses.shape[1])
    used = squared > 0
    folds = np.zeros(len(responses), np.intp)
    rows = _centred(np.asarray(responses, dtype=np.float64).T[used], folds)
    errors = [rows - _centred(each[used], folds) for each in predictions]
    least = LEAST_VARIANCE * np.square(rows).mean(axis=1)
    shares = drawn / drawn.sum(axis=1, keepdims=True)
    found = np.empty((len(parts), len(shares)))

    def resample(some: slice) -> None:
        def variance(values: FloatArray) -> FloatArray:
            of_draws: FloatArray = shares[some] @ np.square(values).T - np.square(shares[some] @ values.T)
            return of_draws

        total = variance(rows)
        if (total <= least).any():
            raise BadInput(
                "resamples of the stimuli",
                expected="responses that differ in each resample",
                found="a voxel whose responses are equal",
                hint="more test stimuli help",
            )
        one, other, both = (variance(each) for each in errors)
        for row, part in enumerate(parts):
            if part == "shared":
                explained = total - one - other + both
            else:
                explained = (other if part == "unique_one" else one) - both
            found[row, some] = medians_in_place(explained / total / squared[used])

    in_threads(resample, slices(len(shares), DRAWS_A_BLOCK))
    return found


def squared_ceiling(ceiling: ArrayLike | None, n_voxels: int) -> FloatArray:
    """The highest expected R squared (V,); ones if no ceiling is known. BadInput if no voxel has signal."""
    if ceiling is None:
        return np.ones(n_voxels)
    known = np.asarray(ceiling, dtype=np.float64)
    if known.shape != (n_voxels,) or not ((known >= 0) & (known <= 1)).all() or not known.any():
        raise BadInput(
            "ceilings of voxels",
            expected=f"{n_voxels} numbers from 0 to 1, not all 0",
            found=f"shape {known.shape}, {known.min(initial=1)} to {known.max(initial=0)}",
        )
    return np.square(known)


def _centred(rows: NDArray[Any], folds: IntArray) -> FloatArray:
    """`rows` (V, m) in float64, minus their means in each fold."""
    found = np.array(rows, dtype=np.float64)
    for fold in np.unique(folds):
        found[:, folds == fold] -= found[:, folds == fold].mean(axis=1, keepdims=True)
    return found
