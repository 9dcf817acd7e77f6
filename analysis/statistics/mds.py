"""Distances between RDMs, and classical multidimensional scaling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from alignhouse.analysis.kernels.similarity import FloatArray, spearman
from alignhouse.warehouse.errors import BadInput


@dataclass(frozen=True)
class MdsMap:
    """Points whose Euclidean distances approximate given distances.

    Attributes
    ----------
    coordinates : (n, d) float64, centred; axes by decreasing variance. The largest coordinate of each
        axis is positive.
    shares : (d,) share of each axis in the sum of the absolute eigenvalues. They sum to 1 if d dimensions
        reproduce the distances exactly.
    """

    coordinates: FloatArray
    shares: FloatArray


def second_order_distances(rdms: ArrayLike, names: Sequence[str] | None = None) -> FloatArray:
    """1 - Spearman's rho between every two of the RDMs (n, P): (n, n) float64, 0 on the diagonal.

    Kriegeskorte, Mur & Bandettini (2008), fig. 9. Errors use `names` for the RDMs. Raises BadInput for NaN,
    infinity and RDMs whose values are all equal.
    """
    rows = np.asarray(rdms)
    distances = 1 - spearman(rows, rows, a_names=names, b_names=names)
    distances = (distances + distances.T) / 2
    np.fill_diagonal(distances, 0)
    return np.asarray(np.maximum(distances, 0))


def classical_mds(distances: ArrayLike, dimensions: int = 2) -> MdsMap:
    """Classical (metric) scaling of symmetric distances (n, n) (Torgerson 1952, Psychometrika 17, 401).

    The eigenvectors of -1/2 J D^2 J, J the centring matrix, times the roots of their eigenvalues. Dimensions
    beyond the number of positive eigenvalues are 0.

    Raises
    ------
    BadInput : not square, not symmetric, negative, NaN, or not 0 on the diagonal.
    """
    given = np.asarray(distances, dtype=np.float64)
    square = given.ndim == 2 and given.shape[0] == given.shape[1] and given.shape[0] > 0
    if not square or not np.isfinite(given).all() or (given < 0).any() or np.diagonal(given).any():
        raise BadInput(
            "distances to scale",
            expected="a square of finite numbers from 0 on, 0 on its diagonal",
            found=f"shape {given.shape}",
        )
    if not np.allclose(given, given.T, atol=1e-12):
        raise BadInput("distances to scale", expected="a symmetric matrix")
    n = len(given)
    centring = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-0.5 * centring @ np.square(given) @ centring)
    values, vectors = values[::-1], vectors[:, ::-1]
    sizes = np.abs(values).sum()
    # An eigenvalue that differs from 0 by rounding only is not a dimension.
    positive = np.where(values > 1e-12 * max(sizes, 1e-300), values, 0.0)
    coordinates, shares = np.zeros((n, dimensions)), np.zeros(dimensions)
    used = min(n, dimensions)
    coordinates[:, :used] = vectors[:, :used] * np.sqrt(positive[:used])
    if sizes > 0:
        shares[:used] = positive[:used] / sizes
    largest = coordinates[np.abs(coordinates).argmax(axis=0), np.arange(dimensions)]
    return MdsMap(coordinates * np.where(largest < 0, -1.0, 1.0), shares)
