"""Ridge regression by its formula on features, to compare the fits by Gram matrices with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def ridge_of_features(x: Float, y: Float, x_new: Float, alphas: Sequence[float]) -> tuple[Float, Float]:
    """Generalised cross-validation errors (A, V), over those of the mean, and predictions (A, m, V).

    Predictions lack the mean of `y`. Penalties are in units of the mean eigenvalue of the inner products.
    """
    means, y_means = x.mean(axis=0), y.mean(axis=0)
    centred, n = x - means, len(x)
    scale = np.trace(centred @ centred.T) / n
    of_mean = ((y - y_means) ** 2).mean(axis=0) / (1 - 1 / n) ** 2
    errors, fits = [], []
    for alpha in alphas:
        inverse = np.linalg.inv(centred.T @ centred + alpha * scale * np.eye(x.shape[1]))
        hat = centred @ inverse @ centred.T + 1 / n
        residual = y - hat @ y
        errors.append((residual**2).mean(axis=0) / (1 - np.trace(hat) / n) ** 2 / of_mean)
        fits.append((x_new - means) @ inverse @ centred.T @ (y - y_means))
    return np.stack(errors), np.stack(fits)
