"""Distances between the patterns of stimuli, computed from their Gram matrix where possible.

n stimuli, D features, X (n, D). RDMs are condensed: (n (n - 1) / 2,) float64, the upper triangle row by row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.features.gram import Block, angle_rdm, as_numpy, correlation_rdm_of_gram

Matrix = NDArray[np.float64]
Distance = Literal["correlation", "cosine", "euclidean", "manhattan"]


def rdm_of_gram(gram: Matrix, means: Matrix, width: int, distance: Distance) -> Matrix:
    """RDM for any distance that is a function of inner products: all except manhattan.

    Parameters
    ----------
    gram : (n, n) inner products of the rows of X after subtracting each row's mean.
    means : (n,) these means.
    width : D.
    distance : "correlation", 1 - Pearson; "cosine", 1 - cosine of the angle; "euclidean".

    Raises
    ------
    BadInput : a pattern has no variance (correlation), or is all zero (cosine).
    """
    if distance == "correlation":
        return correlation_rdm_of_gram(gram)
    if distance == "cosine":
        return cosine_rdm(gram + width * np.outer(means, means))
    if distance == "euclidean":
        return euclidean_rdm(gram, means, width)
    raise ValueError(f"{distance} is no function of inner products")


def cosine_rdm(gram: Matrix) -> Matrix:
    """1 - cosine between rows, from their inner products (n, n).

    Raises
    ------
    BadInput : a row is all zero.
    """
    return angle_rdm(gram, "cosine between stimuli", "patterns that are not all zero")


def euclidean_rdm(gram: Matrix, means: Matrix, width: int) -> Matrix:
    """Euclidean distance between rows, from inner products of the centred rows, and the rows' means.

    |x - y|^2 = |x'|^2 + |y'|^2 - 2 x'y' + D (mean x - mean y)^2, where x' = x - mean x. Centring first avoids
    the cancellation of a large common mean.
    """
    rows, columns = np.triu_indices(len(gram), 1)
    squares = np.diag(gram)
    squared = squares[rows] + squares[columns] - 2 * gram[rows, columns]
    squared = np.maximum(squared, 0.0) + width * (means[rows] - means[columns]) ** 2
    distances: Matrix = np.sqrt(squared)
    return distances


def manhattan_rdm(blocks: Iterable[Block]) -> Matrix:
    """Sum of absolute differences between rows.

    Parameters
    ----------
    blocks : (n, columns) each, together all columns of X.
    """
    from scipy.spatial.distance import pdist

    total: Matrix | None = None
    for block in blocks:
        part = pdist(as_numpy(block), "cityblock")
        total = part if total is None else total + part
    assert total is not None
    return total


def rdm_of_rows(rows: Matrix, distance: Distance) -> Matrix:
    """RDM of the rows of a matrix in memory, (n, columns) float64.

    Raises
    ------
    BadInput : as in `rdm_of_gram`.
    """
    if distance == "manhattan":
        return manhattan_rdm([rows])
    means = rows.mean(axis=1)
    centred = rows - means[:, None]
    return rdm_of_gram(centred @ centred.T, means, rows.shape[1], distance)
