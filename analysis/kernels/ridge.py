"""Kernel ridge regression of many voxels on the Gram matrices of many layers.

A layer is decomposed once. Then every penalty, voxel and person costs matrix products only. All formulas are
written once for numpy and torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.alpha_choice import (
    ErrorsOfAlphas,
    checked_folds,
    generalised_errors,
    held_out_errors,
)
from alignhouse.analysis.kernels.devices import Precision, to_device
from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.kernels.threads import in_threads
from alignhouse.warehouse.errors import BadInput

IntArray = NDArray[np.intp]

# Relative to the mean eigenvalue of the training Gram: from hardly any shrinkage to nearly the mean.
ALPHAS = np.array([10.0**power for power in range(-4, 6)])
# With fewer, an intercept and one direction already fit nearly perfectly.
FEWEST_TRAINING_STIMULI = 4
# Features whose centred Gram is this much smaller than the plain one differ by rounding only.
NO_DIFFERENCE = 1e-12


@dataclass(frozen=True)
class RidgeLayer:
    """A layer that is ready to predict; see `ridge_layer`.

    Attributes
    ----------
    name : for errors. alphas : (A,) float64, penalties in units of the Gram.
    operators : (A, m, n); operators[a] @ y are the predictions of the m test stimuli, minus the training
        mean, for training responses y (n,) that are centred. choice : the errors of all penalties.
    precision, device : of the operators.
    """

    name: str
    alphas: FloatArray
    operators: Any
    choice: ErrorsOfAlphas
    precision: Precision
    device: str | None

    @property
    def n_train(self) -> int:
        return int(self.operators.shape[2])

    @property
    def n_test(self) -> int:
        return int(self.operators.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes that the layer takes in memory."""
        return int(self.operators.nbytes) + self.choice.nbytes


def centred_grams(
    gram: ArrayLike, train: ArrayLike, test: ArrayLike, *, name: str = "layer"
) -> tuple[FloatArray, FloatArray]:
    """Gram matrices of features minus their mean over the training stimuli: (n, n), and (m, n) of test rows.

    `gram` is (N, N), the products of the features of all stimuli; `train` (n,) and `test` (m,) are indices
    of its rows. The test stimuli do not enter the mean (Schoelkopf, Smola & Mueller 1998, Neural Comput 10,
    1299, appendix A). Raises BadInput for wrong shapes, NaN, a stimulus in both sets, and too few stimuli.
    """
    products, fitted, held_out = _checked_gram(gram, train, test, name)
    within = products[np.ix_(fitted, fitted)]
    across = products[np.ix_(held_out, fitted)]
    means = within.mean(axis=0)
    across = across - across.mean(axis=1, keepdims=True) - (means - means.mean())
    within = within - means - (means - means.mean())[:, None]
    return within, across


def ridge_layer(
    gram: ArrayLike,
    train: ArrayLike,
    test: ArrayLike,
    *,
    alphas: ArrayLike = ALPHAS,
    folds: ArrayLike | None = None,
    precision: Precision = "float32",
    device: str | None = None,
    name: str = "layer",
) -> RidgeLayer:
    """Decompose the Gram of a layer, for ridge regression with an intercept from `train` to `test`.

    Parameters
    ----------
    gram : (N, N) products of the features of all stimuli, any scale, float64 for full accuracy.
    train, test : (n,) and (m,) indices of rows; no stimulus may be in both.
    alphas : (A,) penalties, multiples of the mean eigenvalue of the centred training Gram. So the same
        numbers suit layers of any width and scale.
    folds : None chooses by generalised cross-validation (`alpha_choice.GeneralisedErrors`); (n,) fold of each
        training stimulus, 0 to F - 1, chooses by cross-validation over these folds
        (`alpha_choice.HeldOutErrors`), which is equal to fitting every fold.
    precision : of the products with voxels. The decomposition is always in float64. See docs/encoding.md for
        the accuracy of float32.
    device : None multiplies with numpy; a name ("cuda", "cpu") multiplies with torch on that device.

    Raises BadInput, with the name, as `centred_grams` does; for alphas that are not positive; for wrong
    folds; and for features that are equal for all training or all test stimuli.
    """
    within, across = centred_grams(gram, train, test, name=name)
    given = np.asarray(alphas, dtype=np.float64)
    if given.ndim != 1 or given.size == 0 or not (np.isfinite(given) & (given > 0)).all():
        raise BadInput("penalties alphas", expected="positive numbers, at least one", found=given.tolist())
    size = np.abs(np.diag(np.asarray(gram))[np.asarray(train)]).max()
    spread = across - across.mean(axis=0)
    for what, differs in (("training", np.diag(within).max()), ("test", np.abs(spread).max())):
        if differs <= NO_DIFFERENCE * size:
            raise BadInput(
                f"features of {name}",
                expected=f"{what} stimuli that differ",
                found="all equal",
                hint="leave the layer out",
            )
    values, vectors = np.linalg.eigh(within)
    # Negative eigenvalues are rounding.
    values = np.maximum(values, 0)
    penalties = given * values.mean()
    operators = np.stack([(across @ (vectors / (values + alpha))) @ vectors.T for alpha in penalties])
    choice: ErrorsOfAlphas
    if folds is None:
        choice = generalised_errors(values, vectors, penalties, precision, device)
    else:
        own = checked_folds(folds, len(values))
        choice = held_out_errors(values, vectors, penalties, own, precision, device)
    return RidgeLayer(name, penalties, to_device(operators, device, precision), choice, precision, device)


def ridge_layers(
    grams: Sequence[ArrayLike], train: ArrayLike, test: ArrayLike, *, names: Sequence[str], **settings: Any
) -> list[RidgeLayer]:
    """`ridge_layer` for each of `grams`, one layer a core. Settings are those of `ridge_layer`."""
    if len(names) != len(grams):
        raise BadInput("names of layers", expected=f"{len(grams)}, one a Gram matrix", found=len(names))
    found: dict[int, RidgeLayer] = {}

    def prepare(index: int) -> None:
        found[index] = ridge_layer(grams[index], train, test, name=names[index], **settings)

    in_threads(prepare, range(len(grams)))
    return [found[index] for index in range(len(grams))]


def _checked_gram(
    gram: ArrayLike, train: ArrayLike, test: ArrayLike, name: str
) -> tuple[FloatArray, IntArray, IntArray]:
    products = np.asarray(gram)
    if products.ndim != 2 or len(set(products.shape)) != 1 or products.dtype.kind not in "fiu":
        raise BadInput(
            f"Gram matrix of {name}",
            expected="real numbers, stimuli by stimuli",
            found=f"{products.dtype} of shape {products.shape}",
        )
    rows = {"training": _checked_rows(train, len(products)), "test": _checked_rows(test, len(products))}
    for what, fewest in (("training", FEWEST_TRAINING_STIMULI), ("test", 2)):
        if rows[what].size < fewest:
            raise BadInput(f"{what} stimuli", expected=f"at least {fewest}", found=rows[what].size)
    both = np.intersect1d(rows["training"], rows["test"])
    if both.size:
        raise BadInput(
            "test stimuli", expected="none of the training stimuli", found=f"stimulus {both[0]} in both"
        )
    used = products[:, np.union1d(rows["training"], rows["test"])]
    if not np.isfinite(used[np.union1d(rows["training"], rows["test"])]).all():
        raise BadInput(f"Gram matrix of {name}", expected="finite numbers", found="NaN or infinity")
    return products.astype(np.float64, copy=False), rows["training"], rows["test"]


def _checked_rows(rows: ArrayLike, n_stimuli: int) -> IntArray:
    given = np.asarray(rows)
    fits = given.ndim == 1 and given.dtype.kind in "iu"
    if not fits or np.unique(given).size < given.size or (given < 0).any() or (given >= n_stimuli).any():
        raise BadInput(
            "rows of the Gram matrix",
            expected=f"different whole numbers from 0 to {n_stimuli - 1}",
            found=given.tolist()[:10] if given.ndim else given,
        )
    return given.astype(np.intp, copy=False)
