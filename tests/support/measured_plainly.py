"""Every measure of similarity by its definition, on RDMs written out with copies of their conditions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

Float = NDArray[np.float64]


def plainly(measure: str, one: Float, other: Float, kept: NDArray[Any]) -> float:
    """The measure of two condensed RDMs among the conditions `kept`, which may repeat.

    Pairs of a condition with its own copies do not count.
    """
    a, b = (squareform(each)[np.ix_(kept, kept)] for each in (one, other))
    apart = kept[:, None] != kept
    upper = np.triu(apart)
    x, y = a[upper], b[upper]
    if measure in ("spearman", "rho_a"):
        x, y = (rankdata(each) - (each.size + 1) / 2 for each in (x, y))
        if measure == "rho_a":
            return float(12 * (x @ y) / (x.size**3 - x.size))
        return cosine(x, y)
    if measure == "kendall_tau_a":
        of_x, of_y = (np.sign(each[:, None] - each) for each in (x, y))
        return float((of_x * of_y).sum() / (x.size * (x.size - 1)))
    if measure == "pearson":
        return cosine(x - x.mean(), y - y.mean())
    if measure == "cosine":
        return cosine(x, y)
    if measure == "cka_debiased":
        return cosine(*(without_effects(each, kept, upper) for each in (a, b)))
    if measure == "whitened_correlation":
        a, b = (np.where(apart, each - each[upper].mean(), 0) for each in (a, b))
    counted = apart | np.eye(len(kept), dtype=bool)
    return cosine(*(inner_products(each)[counted] for each in (a, b)))


def cosine(x: Float, y: Float) -> float:
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


def inner_products(distances: Float) -> Float:
    """-H D H / 2 of a square RDM."""
    centring = np.eye(len(distances)) - 1 / len(distances)
    return np.asarray(-centring @ distances @ centring / 2)


def without_effects(distances: Float, kept: NDArray[Any], upper: NDArray[np.bool_]) -> Float:
    """What the least-squares fit u_i + u_j leaves of -D / 2; copies share the effect of their condition."""
    first, second = (kept[each] for each in np.nonzero(upper))
    design = np.zeros((first.size, kept.max() + 1))
    np.add.at(design, (np.arange(first.size), first), 1)
    np.add.at(design, (np.arange(first.size), second), 1)
    values = -distances[upper] / 2
    return np.asarray(values - design @ np.linalg.lstsq(design, values, rcond=None)[0])
