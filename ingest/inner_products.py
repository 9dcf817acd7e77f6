"""RDMs from the inner products of patterns, of networks and of brains.

n patterns over D features, X (n, D). Their Gram matrix is that of the rows after subtracting each row's mean:
G = X'X'^T, (n, n). With the rows' means and D, it gives every distance that is a function of inner products.
RDMs are condensed: (n (n - 1) / 2,) float64, the upper triangle row by row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from alignhouse.warehouse.errors import BadInput

Matrix = NDArray[np.float64]
OfInnerProducts = Literal["correlation", "cosine", "euclidean", "squared_euclidean"]
Centering = Literal["none", "across_stimuli"]


def rdm_of_gram(gram: Matrix, means: Matrix, width: int, distance: str) -> Matrix:
    """RDM for any distance that is a function of inner products: all except manhattan.

    Parameters
    ----------
    gram : (n, n) inner products of the rows of X after subtracting each row's mean.
    means : (n,) these means.
    width : D.
    distance : "correlation", 1 - Pearson; "cosine", 1 - cosine of the angle; "euclidean";
        "squared_euclidean", its square.

    Raises
    ------
    BadInput : a pattern has no variance (correlation), or is all zero (cosine).
    """
    if distance == "correlation":
        return correlation_rdm_of_gram(gram)
    if distance == "cosine":
        return cosine_rdm(gram + width * np.outer(means, means))
    if distance == "euclidean":
        distances: Matrix = np.sqrt(squared_euclidean_rdm(gram, means, width))
        return distances
    if distance == "squared_euclidean":
        return squared_euclidean_rdm(gram, means, width)
    raise ValueError(f"{distance} is no function of inner products")


def centred_rdm_of_gram(
    gram: Matrix, means: Matrix, width: int, distance: str, centering: Centering
) -> Matrix:
    """As `rdm_of_gram`, after each feature's mean over the patterns is subtracted if `centering` says so."""
    if centering == "across_stimuli":
        gram, means = centre_stimuli(gram), means - means.mean()
    return rdm_of_gram(gram, means, width, distance)


def centre_stimuli(gram: Matrix) -> Matrix:
    """Gram matrix after subtracting each feature's mean over stimuli: H G H with H = I - 11'/n."""
    return gram - gram.mean(axis=0) - gram.mean(axis=1)[:, None] + gram.mean()


def correlation_rdm_of_gram(gram: Matrix) -> Matrix:
    """1 - Pearson between rows, from the Gram matrix of the centred rows.

    Returns
    -------
    (n (n - 1) / 2,) float64, the upper triangle row by row.

    Raises
    ------
    BadInput : a row has no variance.
    """
    return angle_rdm(gram, "correlation between stimuli", "features that vary within every stimulus")


def cosine_rdm(gram: Matrix) -> Matrix:
    """1 - cosine between rows, from their inner products (n, n).

    Raises
    ------
    BadInput : a row is all zero.
    """
    return angle_rdm(gram, "cosine between stimuli", "patterns that are not all zero")


def angle_rdm(gram: Matrix, what: str, expected: str) -> Matrix:
    """1 - cosine of the angle between rows, from their inner products; condensed.

    Parameters
    ----------
    what, expected : texts of the error.

    Raises
    ------
    BadInput : a row has length zero.
    """
    squares = np.diag(gram)
    if (squares <= 0).any():
        found = f"none for stimulus {int(np.argmin(squares)) + 1} of {len(squares)}"
        raise BadInput(what, expected=expected, found=found)
    lengths = np.sqrt(squares)
    return of_pairs(
        len(gram),
        lambda row, later: 1.0 - np.clip(gram[row, later] / lengths[later] / lengths[row], -1.0, 1.0),
    )


def squared_euclidean_rdm(gram: Matrix, means: Matrix, width: int) -> Matrix:
    """Squared Euclidean distance, from inner products of the centred rows and the rows' means.

    |x - y|^2 = |x'|^2 + |y'|^2 - 2 x'y' + D (mean x - mean y)^2, where x' = x - mean x. Centring first avoids
    the cancellation of a large common mean.
    """
    squares = np.diag(gram)

    def of_row(row: int, later: slice) -> Matrix:
        squared = squares[row] + squares[later] - 2 * gram[row, later]
        squares_of_means: Matrix = width * (means[row] - means[later]) ** 2
        return np.maximum(squared, 0.0) + squares_of_means

    return of_pairs(len(gram), of_row)


def of_pairs(n: int, of_row: Callable[[int, slice], Matrix]) -> Matrix:
    """A value for each pair of n patterns, (n (n - 1) / 2,) float64, without further arrays of that size.

    Parameters
    ----------
    of_row : called with each row and the slice of later rows; returns the values of these pairs.
    """
    found: Matrix = np.empty(n * (n - 1) // 2)
    start = 0
    for row in range(n - 1):
        stop = start + n - 1 - row
        found[start:stop] = of_row(row, slice(row + 1, n))
        start = stop
    return found


def triangle_of(gram: Matrix) -> Matrix:
    """The upper triangle of a Gram matrix with its diagonal, row by row, (n (n + 1) / 2,)."""
    return np.concatenate([gram[row, row:] for row in range(len(gram))])


def gram_of_triangle(triangle: Matrix, n: int) -> Matrix:
    """The symmetric matrix (n, n) whose upper triangle `triangle_of` gave."""
    gram = np.empty((n, n))
    rows, columns = np.triu_indices(n)
    gram[rows, columns] = triangle
    gram[columns, rows] = triangle
    return gram
