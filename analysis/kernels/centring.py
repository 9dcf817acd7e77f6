"""RDMs of squared distances as centred inner products, which whitened measures and CKA compare.

n conditions, P = n (n - 1) / 2 pairs. Conditions may have weights, such as their numbers of copies in a
resample: c copies of a condition are c points in the same place.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FloatArray = NDArray[np.float64]


@cache
def pair_places(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of each pair of n conditions, (P,) each: the upper triangle, row by row."""
    row, column = np.triu_indices(n, 1)
    return row, column


def centred_gram(rdm: Array, counts: FloatArray) -> FloatArray:
    """Inner products of points about their centroid, from their squared distances: (b, P + n).

    With D the square RDM and H = I - 1 c' / sum(c), this is -H D H' / 2 (Gower 1966, Biometrika 53, 325):
    first the P pairs, then the n conditions with themselves.

    Parameters
    ----------
    rdm : (P,), squared distances. counts : (b, n), the weight of each condition in each of b sets.
    """
    n = counts.shape[1]
    row, column = pair_places(n)
    total = counts.sum(axis=1, keepdims=True)
    from_centroid = _weighted_sums(rdm, counts) / total
    within = np.einsum("ij,ij->i", counts, from_centroid)[:, None] / total
    from_centroid -= within / 2
    gram = np.empty((len(counts), len(rdm) + n))
    pairs = np.take(from_centroid, row, axis=1, out=gram[:, : len(rdm)], mode="clip")
    pairs += from_centroid[:, column]
    pairs -= rdm
    pairs /= 2
    gram[:, len(rdm) :] = from_centroid
    return gram


def u_centred(rdm: Array, counts: FloatArray) -> FloatArray:
    """-D / 2 without the effects of single conditions: (b, P).

    Each pair (i, j) loses u_i + u_j, the least-squares fit over all pairs, with weights c_i c_j. With equal
    weights this is the U-centred matrix of Szekely & Rizzo (2014, Ann Stat 42, 2382), whose inner products
    estimate those of the population without bias (Song et al. 2012, JMLR 13, 1393). Pairs of a condition with
    its own copies are left out.

    Parameters
    ----------
    rdm : (P,), squared distances. counts : (b, n), the weight of each condition in each of b sets.
    """
    row, column = pair_places(counts.shape[1])
    effects = _effects(-0.5 * _weighted_sums(rdm, counts), counts)
    centred: FloatArray = -0.5 * rdm - effects[:, row] - effects[:, column]
    return centred


def _effects(sums: FloatArray, counts: FloatArray) -> FloatArray:
    """The effects u_i (b, n): (sum(c) - 2 c_i) u_i + sum_j c_j u_j = sums_i, the normal equations."""
    of_others = counts.sum(axis=1, keepdims=True) - 2 * counts
    if (of_others > 0).all():
        share = counts / of_others
        weighted = np.einsum("ij,ij->i", share, sums) / (1 + share.sum(axis=1))
        return np.asarray((sums - weighted[:, None]) / of_others)
    # A condition with half of the copies: the division above is not possible.
    equations = np.eye(counts.shape[1]) * of_others[:, :, None] + counts[:, None, :]
    return np.stack([np.linalg.lstsq(*each, rcond=None)[0] for each in zip(equations, sums, strict=True)])


def _weighted_sums(rdm: Array, counts: FloatArray) -> FloatArray:
    """The weighted sum of the distances of each condition to all others: (b, n)."""
    n = counts.shape[1]
    row, column = pair_places(n)
    square = np.zeros((n, n))
    square[row, column] = square[column, row] = rdm
    return np.asarray(counts @ square)
