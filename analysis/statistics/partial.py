"""Partial Spearman correlations of layers with brains, given control RDMs: scores, nulls, p-values.

The controls are ranked, and layers and brains are ranked and residualised on these ranks once. The dot
product of two unit residuals is their partial correlation. So one matrix product gives all scores, and one
more gives all nulls, as for plain scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.similarity import (
    DEFAULT_MEMORY,
    FloatArray,
    checked_rdms,
    condition_count,
    rank,
)
from alignhouse.analysis.kernels.threads import Tick, product, untold
from alignhouse.analysis.statistics.permutation import null_rows_and_columns, p_value, p_value_greater
from alignhouse.analysis.statistics.rsa import mean_and_sem
from alignhouse.warehouse.errors import BadInput

# Singular values of unit rank vectors below this are rounding: one control is a combination of others.
COLLINEAR = 1e-9
Values = Literal["ranks", "dissimilarities"]
"""What is regressed on the controls."""
# A residual with less than this share of the variance is rounding. One exchanged pair of ranks leaves
# 24 / P^3, which is above 1e-16 for a thousand stimuli; dissimilarities are rounded themselves.
NO_RESIDUAL: Mapping[Values, float] = {"ranks": 1e-20, "dissimilarities": 1e-10}
# With fewer dimensions left beside the mean and the controls, every correlation is near 1 in size.
FEWEST_LEFT = 2


@dataclass(frozen=True)
class PartialScores:
    """Partial scores of L layers in one region with S subjects and K permutations, given the controls.

    Attributes
    ----------
    rho : (L, S) float64, partial Spearman correlations.
    mean : (L,) float64, their mean over subjects. sem : (L,) its standard error; NaN for one subject.
    p_layer : (L,) two-sided p of a layer that was chosen beforehand.
    p_family : (L,) one-sided p against the highest score of all L layers under each permutation.

    All are NaN for a layer whose ranks are a combination of the controls' ranks: nothing of it is left.
    """

    rho: FloatArray
    mean: FloatArray
    sem: FloatArray
    p_layer: FloatArray
    p_family: FloatArray


@dataclass(frozen=True)
class ResidualBrains:
    """Brain RDMs as unit residuals of their ranks or dissimilarities, made once for all networks.

    basis : (k, P) float64, an orthonormal basis of the centred controls, see `control_basis`.
    residuals : region -> (S, P) float64. averages : (R, P) float64, their mean over subjects.
    """

    basis: FloatArray
    residuals: Mapping[str, FloatArray]
    averages: FloatArray


def unit_rows(rdms: ArrayLike, values: Values = "ranks", names: Sequence[str] | None = None) -> FloatArray:
    """Centred ranks or dissimilarities of RDMs (m, P), each row scaled to length 1: (m, P) float64.

    A constant row of dissimilarities becomes 0. Raises BadInput as `rank` does, for ranks.
    """
    if values == "ranks":
        return rank(rdms, names).unit()
    rows = checked_rdms(rdms, names).astype(np.float64)
    varying = (rows != rows[:, :1]).any(axis=1)
    rows -= rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1)
    # The mean of equal values may be rounded.
    rows /= np.where(varying, lengths, np.inf)[:, None]
    return rows


def control_basis(
    controls: ArrayLike, names: Sequence[str] | None = None, values: Values = "ranks"
) -> FloatArray:
    """An orthonormal basis of the centred `values` of control RDMs (C, P): (k, P) float64, k at most C.

    A control that is constant, or whose values are a combination of other controls' values, adds no vector:
    it explains nothing more. So equal controls count once, and constant ones not at all.

    Raises BadInput, with the name of the control, for NaN or infinity; and if the pairs are too few for so
    many controls.
    """
    rows = checked_rdms(controls, names)
    check_enough_pairs(*rows.shape)
    varying = rows[(rows != rows[:, :1]).any(axis=1)]
    if not len(varying):
        return np.empty((0, rows.shape[1]))
    _, sizes, basis = np.linalg.svd(unit_rows(varying, values), full_matrices=False)
    kept: FloatArray = basis[sizes > COLLINEAR * sizes[0]]
    return kept


def check_enough_pairs(n_controls: int, n_pairs: int) -> None:
    """Raise BadInput if RDMs of `n_pairs` have too few pairs for a correlation given so many controls."""
    least = n_controls + 1 + FEWEST_LEFT
    if n_pairs < least:
        raise BadInput(
            f"partial correlation given {n_controls} control RDMs",
            expected=f"at least {least} pairs of stimuli",
            found=f"{condition_count(n_pairs)} stimuli, {n_pairs} pairs",
            hint="name fewer controls in controls.include",
        )


def residual_brains(
    brain: Mapping[str, ArrayLike],
    controls: ArrayLike,
    names: Sequence[str] | None = None,
    values: Values = "ranks",
) -> ResidualBrains:
    """Unit residuals of brain RDMs, region -> (S, P), given the controls (C, P) with `names` (C).

    Raises BadInput as `control_basis` and `rank` do; and if a brain RDM is a combination of the controls.
    """
    basis = control_basis(controls, names, values)
    residuals = {}
    for roi, each in brain.items():
        labels = [f"region {roi}, row {row}" for row in range(len(np.asarray(each)))]
        residuals[roi], left = residualised(unit_rows(each, values, labels), basis, values)
        if not left.all():
            raise BadInput(
                f"RDM of {labels[int(np.argmin(left))]}",
                expected=f"{values} that differ from those of the controls",
                found=f"a combination of the controls' {values}",
                hint="is a control made of this brain?",
            )
    averages = np.stack([each.mean(axis=0) for each in residuals.values()])
    return ResidualBrains(basis, residuals, averages)


def residualised(
    rows: FloatArray, basis: FloatArray, values: Values = "ranks"
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """`unit_rows` (m, P) minus their projections on the `basis` (k, P), scaled to length 1: (m, P) float64.

    Also whether anything is left of each row, (m,) bool; if not, its residual is zero. Overwrites `rows`.
    """
    # The second projection removes what rounding left of the first.
    for _ in range(2 if len(basis) else 0):
        rows -= product(product(rows, basis.T), basis)
    lengths = np.linalg.norm(rows, axis=1)
    left = lengths**2 > NO_RESIDUAL[values]
    rows[left] /= lengths[left, None]
    rows[~left] = 0
    return rows, left


def partial_scores(
    layers: ArrayLike,
    brains: ResidualBrains,
    permutations: ArrayLike,
    *,
    memory: int = DEFAULT_MEMORY,
    layer_names: Sequence[str] | None = None,
    families: Sequence[slice] | None = None,
    tick: Tick = untold,
) -> dict[str, PartialScores]:
    """Partial Spearman correlations of layers (L, P) with every subject of every region, and their tests.

    The partial correlation is the Pearson correlation of the residuals of ranks after linear regression on
    the ranks of the controls. The null permutes the stimuli of the layer's RDM, rows and columns together,
    and residualises it again: of the permutations for partial correlations of distance matrices, this is the
    one that Legendre (2000, J Stat Comput Simul 67, 37) recommends.

    Parameters
    ----------
    permutations : (K, n) int, orders of the stimuli. families : rows of `layers` that belong to one network,
        for `p_family`; default: all of them.
    memory : bytes for working buffers. layer_names : (L), names for errors. tick : called as permutations are
        done.

    Returns region -> PartialScores. Raises BadInput as `rank` does.
    """
    ranks = unit_rows(layers, names=layer_names)
    n_regions = len(brains.averages)
    columns = np.concatenate([brains.averages, brains.basis])
    null = null_rows_and_columns(ranks.astype(np.float32), columns, permutations, memory=memory, tick=tick)
    residuals, left = residualised(ranks, brains.basis)
    # Of each permuted layer, this is what the controls do not explain.
    remaining = 1 - np.square(null[:, n_regions:]).sum(axis=1)
    null = null[:, :n_regions] / np.sqrt(np.maximum(remaining, np.finfo(np.float32).eps))[:, None]
    own = [slice(0, len(left))] if families is None else families
    found = {}
    for index, (roi, of_region) in enumerate(brains.residuals.items()):
        rho = np.clip(product(residuals, of_region.T), -1, 1)
        rho[~left] = np.nan
        found[roi] = tested(rho, null[:, index], left, own)
    return found


def tested(
    rho: FloatArray, null: NDArray[np.floating], left: NDArray[np.bool_], families: Sequence[slice]
) -> PartialScores:
    """The record of scores (L, S) with their null (L, K). left : (L,) whether a layer has a residual."""
    mean, sem = mean_and_sem(rho)
    p_layer = np.full_like(mean, np.nan)
    if left.any():
        p_layer[left] = p_value(mean[left], null[left])
    return PartialScores(rho, mean, sem, p_layer, family_p(mean, null, left, families))


def family_p(
    mean: FloatArray, null: NDArray[np.floating], left: NDArray[np.bool_], families: Sequence[slice]
) -> FloatArray:
    """One-sided p (L,) of each score against the highest of its family under each permutation (L, K).

    Layers that the controls explain fully (`left` is False) do not count, and have NaN.
    """
    p = np.full_like(mean, np.nan)
    for family in families:
        there = np.flatnonzero(left[family]) + family.start
        if len(there):
            highest = np.broadcast_to(null[there].max(axis=0), (len(there), null.shape[1]))
            p[there] = p_value_greater(mean[there], highest)
    return p
