"""Gram matrices of control models, from their distances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.ridge import NO_DIFFERENCE
from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.warehouse.errors import BadInput

# Distances whose squares are squared Euclidean distances.
SQUARED = ("euclidean", "absolute difference")
# Distances that are squared Euclidean distances themselves, up to a factor. 1 - cosine is half the squared
# distance of vectors of length 1. 1 - Pearson is the same of centred vectors. Similarities 1 - Jaccard are a
# positive semidefinite matrix (Gower & Legendre 1986, J Classif 3, 5, theorem 9).
AS_THEY_ARE = ("cosine", "correlation", "jaccard", "squared_euclidean")
# Relative to the largest eigenvalue. Rounding is far smaller, also of single precision.
MOST_NEGATIVE = 1e-6


def control_gram(rdm: ArrayLike, distance: str) -> FloatArray:
    """Inner products (n, n) of points with the distances `rdm` (P,), centred over all stimuli.

    -1/2 C D C with the squared distances D and the centring matrix C (Torgerson 1952, Psychometrika 17, 401).
    Raises BadInput for a distance that is not known here.
    """
    from scipy.spatial.distance import squareform

    given = np.asarray(rdm, dtype=np.float64)
    if distance in SQUARED:
        given = np.square(given)
    elif distance not in AS_THEY_ARE:
        raise BadInput("distance of a control", expected=", ".join((*SQUARED, *AS_THEY_ARE)), found=distance)
    squared = squareform(given)
    means = squared.mean(axis=0)
    return -0.5 * (squared - means - (means - means.mean())[:, None])


def why_no_gram(gram: FloatArray) -> str:
    """Why there are no points with these inner products, or "" if there are.

    Their Gram matrix has no eigenvalue below 0, except for rounding (`MOST_NEGATIVE`).
    """
    values = np.linalg.eigvalsh(gram)
    share = values[0] / values[-1] if values[-1] > 0 else -np.inf
    if share >= -MOST_NEGATIVE:
        return ""
    return f"its distances are not Euclidean: smallest eigenvalue {share:.2g} of the largest"


def does_not_vary(gram: FloatArray, stimuli: Sequence[NDArray[np.intp]]) -> bool:
    """Whether the points are equal within any of some sets of `stimuli` (rows of the Gram matrix)."""
    least = NO_DIFFERENCE * np.abs(gram).max()
    for rows in stimuli:
        own = gram[np.ix_(rows, rows)]
        if np.trace(own) / len(rows) - own.mean() <= least:
            return True
    return False
