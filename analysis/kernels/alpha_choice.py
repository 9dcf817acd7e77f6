"""Cross-validated errors of every penalty, without a fit for each: generalised, or over k folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.devices import Precision, to_device
from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.warehouse.errors import BadInput

# Row blocks of a triangular factor. More blocks skip more of its zeros, but multiply in smaller pieces.
TRIANGLE_BLOCKS = 16


class ErrorsOfAlphas(Protocol):
    """How well each penalty predicts stimuli that it was not fitted on."""

    def errors(self, rows: Any) -> Any:
        """Errors (v, A) of A penalties for responses `rows` (v, n), one voxel a row, centred over stimuli.

        They are divided by the error of the training mean: 1 is no better than the mean, 0 is perfect.
        """

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays of this record."""


@dataclass(frozen=True)
class GeneralisedErrors:
    """Generalised cross-validation (Golub, Heath & Wahba 1979, Technometrics 21, 215).

    With H the hat matrix of ridge regression with an intercept, the error of a penalty is

        (|y - H y|^2 / n) / (1 - tr H / n)^2

    In the basis of the eigenvectors U of the Gram, |y - H y|^2 is the sum of squares of U'y, each shrunk by
    alpha / (lambda + alpha). So all penalties of a voxel need one product U'y.

    vectors : (n, n), U. shrinkage : (n, A), the squares of alpha / (lambda + alpha), divided by
    (1 - tr H / n)^2, and by the same of the mean alone.
    """

    vectors: Any
    shrinkage: Any

    def errors(self, rows: Any) -> Any:
        moved = rows @ self.vectors
        moved *= moved
        return (moved @ self.shrinkage) / _squares(rows)[:, None]

    @property
    def nbytes(self) -> int:
        return int(self.vectors.nbytes + self.shrinkage.nbytes)


@dataclass(frozen=True)
class HeldOutErrors:
    """k-fold cross-validation: the mean over folds of the mean squared error in the fold.

    The errors of stimuli that are left out follow from the fit to all stimuli: with G = C (K + alpha)^-1 C, K
    the centred Gram and C the centring matrix, those of fold f are (G_ff)^-1 (G y)_f. This is exact for ridge
    regression with an intercept, in which each fit centres by its own training stimuli (the block form of
    the leave-one-out formula; Cook & Weisberg 1982, Residuals and Influence in Regression). They are linear
    in y, so their sum of squares is |R y|^2 with one triangular R for each penalty, half of a full product.

    factors : for each row block of R, (n - i, A w): the w rows from i, from column i on, of all A penalties.
    folds : (n, F), 1 where a stimulus is in a fold.
    """

    factors: Sequence[Any]
    folds: Any
    n_alphas: int

    def errors(self, rows: Any) -> Any:
        n_voxels, n = rows.shape
        total = 0
        for factor in self.factors:
            part = rows[:, n - len(factor) :] @ factor
            part *= part
            total = total + part.reshape(n_voxels, self.n_alphas, -1).sum(-1)
        return total / self._errors_of_mean(rows)[:, None]

    def _errors_of_mean(self, rows: Any) -> Any:
        """The same error (v,) of predicting the mean of the other folds."""
        sizes = self.folds.sum(0)
        others = len(self.folds) - sizes
        # Rows are centred, so the mean of the other folds is -sum / others.
        sums, squares = rows @ self.folds, (rows * rows) @ self.folds
        errors = squares + sums * sums * (2 / others + sizes / others**2)
        return (errors / sizes).sum(1) / len(sizes)

    @property
    def nbytes(self) -> int:
        return int(sum(each.nbytes for each in self.factors) + self.folds.nbytes)


def generalised_errors(
    values: Any, vectors: Any, alphas: FloatArray, precision: Precision, device: str | None
) -> GeneralisedErrors:
    """The record of a layer from eigenvalues (n,) and eigenvectors (n, n) of its centred training Gram."""
    n = len(values)
    shrunk = alphas / (values[:, None] + alphas)
    # The intercept and the penalised directions. Of the n values, one belongs to the constant direction.
    left = 1 - (1 + (values[:, None] / (values[:, None] + alphas)).sum(axis=0)) / n
    relative = np.square(shrunk * (1 - 1 / n) / left)
    return GeneralisedErrors(to_device(vectors, device, precision), to_device(relative, device, precision))


def held_out_errors(
    values: FloatArray,
    vectors: FloatArray,
    alphas: FloatArray,
    folds: NDArray[np.intp],
    precision: Precision,
    device: str | None,
) -> HeldOutErrors:
    """The record of a layer for `folds` (n,), the fold of each training stimulus; see `checked_folds`."""
    members = [np.flatnonzero(folds == fold) for fold in range(int(folds.max()) + 1)]
    # The constant direction has no penalty and no residual.
    centred = vectors - vectors.mean(axis=0)
    triangles: list[FloatArray] = []
    for alpha in alphas:
        inverse = (centred / (values + alpha)) @ centred.T
        residuals = np.concatenate(
            [
                np.linalg.solve(inverse[np.ix_(own, own)], inverse[own]) / np.sqrt(own.size * len(members))
                for own in members
            ]
        )
        triangles.append(np.asarray(np.linalg.qr(residuals, mode="r")))
    n, width = len(values), -(-len(values) // TRIANGLE_BLOCKS)
    factors = [
        to_device(
            np.concatenate([each[start : start + width, start:].T for each in triangles], axis=1),
            device,
            precision,
        )
        for start in range(0, n, width)
    ]
    indicator = (folds[:, None] == np.arange(len(members))).astype(np.float64)
    return HeldOutErrors(factors, to_device(indicator, device, precision), len(alphas))


def checked_folds(folds: Any, n: int) -> NDArray[np.intp]:
    """`folds` as (n,) int; BadInput unless they are numbered 0 to F - 1, F at least 2, none empty."""
    given = np.asarray(folds)
    fits = given.shape == (n,) and given.dtype.kind in "iu" and given.size > 0
    if not fits or not np.array_equal(np.unique(given), np.arange(max(2, int(given.max()) + 1))):
        raise BadInput(
            "folds of stimuli",
            expected=f"{n} whole numbers, 0 to F - 1, with at least 2 folds and none empty",
            found=f"{given.dtype} of shape {given.shape}"
            + (f", folds {np.unique(given).tolist()[:10]}" if fits else ""),
        )
    return given.astype(np.intp, copy=False)


def _squares(rows: Any) -> Any:
    """Sums of squares (v,) of rows (v, n)."""
    return (rows * rows).sum(1)
