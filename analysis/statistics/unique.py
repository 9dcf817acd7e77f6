"""Tests of what layers explain of brains beyond control RDMs, linear in dissimilarities.

They belong to the unique variance of `regression`: a regression of a brain's dissimilarities on those of the
layer and of the controls, tested by permutations of the stimuli.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, FloatArray
from alignhouse.analysis.kernels.threads import Tick, in_threads, product, slices, untold
from alignhouse.analysis.statistics.partial import (
    ResidualBrains,
    Values,
    control_basis,
    family_p,
    residualised,
    unit_rows,
)
from alignhouse.analysis.statistics.partial_seen import residuals_partly_seen
from alignhouse.analysis.statistics.permutation import null_rows_and_columns, p_value_greater
from alignhouse.analysis.statistics.seen import Seen, SharedStimuli, everything_seen

VALUES: Values = "dissimilarities"
# Layers at a time, for the CPU cache.
LAYERS_A_BLOCK = 16


@dataclass(frozen=True)
class UniqueScores:
    """What L layers explain alone in one region with S subjects, given the controls.

    Attributes
    ----------
    r : (L, S) float64, partial Pearson correlations of dissimilarities. A layer's weight in the regression on
        layer and controls has the same sign.
    mean : (L,) float64, their mean over subjects.
    p_layer : (L,) one-sided p of a layer that was chosen beforehand: weights are not negative.
    p_family : (L,) one-sided p against the highest mean of the network's layers under each permutation.

    All are NaN for a layer whose dissimilarities are a combination of the controls'.
    """

    r: FloatArray
    mean: FloatArray
    p_layer: FloatArray
    p_family: FloatArray


@dataclass(frozen=True)
class LinearBrains:
    """Brain RDMs as residuals of their dissimilarities, made once for all networks.

    basis : (k, P) float64, of the controls over all pairs of stimuli; see `control_basis`.
    n_subjects : region -> S.
    groups : the subjects who saw the same stimuli, and their residuals among the pairs of these.
    """

    basis: FloatArray
    n_subjects: Mapping[str, int]
    groups: Sequence[tuple[SharedStimuli, ResidualBrains]]


def linear_brains(
    brain: Mapping[str, NDArray[np.generic]],
    controls: NDArray[np.generic],
    names: Sequence[str] | None = None,
    seen: Seen | None = None,
) -> LinearBrains:
    """Residuals of brain RDMs, region -> (S, P), given the controls (C, P) with `names` (C).

    seen : region -> (S, n), the stimuli that each subject saw; None for all. Raises BadInput as
    `partial.residual_brains` does, and for a subject who saw fewer than 4 stimuli.
    """
    partly_seen = residuals_partly_seen(
        brain, controls, names, everything_seen(brain) if seen is None else seen, VALUES
    )
    basis = control_basis(controls, names, VALUES)
    return LinearBrains(basis, partly_seen.n_subjects, partly_seen.groups)


def unique_scores(
    layers: ArrayLike,
    brains: LinearBrains,
    permutations: ArrayLike,
    *,
    memory: int = DEFAULT_MEMORY,
    layer_names: Sequence[str] | None = None,
    families: Sequence[slice] | None = None,
    tick: Tick = untold,
) -> dict[str, UniqueScores]:
    """Partial Pearson correlations of layers (L, P) with every subject of every region, and their tests.

    Each p-value is the larger of two. One permutes the stimuli of the layer (Legendre 2000, J Stat Comput
    Simul 67, 37). The other permutes those of the layer's residual given the controls: double semi-partialing
    (Dekker, Krackhardt & Snijders 2007, Psychometrika 72, 563). Both permute rows and columns together, and
    residualise again. With few stimuli each alone has too many false positives: see docs/statistics.md. A
    layer is its residual plus a combination of controls, so both nulls come from the same products.

    Where subjects saw different stimuli, all stimuli of the layer are permuted, the same way for all
    subjects, and each subject counts with the pairs that it saw.

    Parameters
    ----------
    permutations : (K, n) int, orders of the stimuli. families : rows of `layers` that belong to one network,
        for `p_family`; default: all of them.
    memory : bytes for working buffers, in addition to the nulls. layer_names : (L), names for errors.
    tick : called as permutations are done.

    Returns region -> UniqueScores. Raises BadInput as `similarity.checked_rdms` does.
    """
    rows = unit_rows(layers, VALUES, layer_names)
    parts = _Parts.of(rows, brains.basis)
    left = parts.left.copy()
    r = {roi: np.empty((len(rows), count)) for roi, count in brains.n_subjects.items()}
    place = {roi: index for index, roi in enumerate(r)}
    n_permutations = len(np.asarray(permutations))
    nulls = np.zeros((2, len(rows), len(place), n_permutations), np.float32)
    for number, (group, of_group) in enumerate(brains.groups):
        own, own_left = parts.residuals, parts.left
        if not group.pairs.all():
            own, own_left = residualised(
                unit_rows(np.asarray(layers)[:, group.pairs], VALUES, layer_names), of_group.basis, VALUES
            )
        left &= own_left
        for roi, subjects in group.rows.items():
            r[roi][:, subjects] = np.clip(product(own, of_group.residuals[roi].T), -1, 1)

        def told(done: int, total: int, before: int = number) -> None:
            tick(before * total + done, len(brains.groups) * total)

        shares = [len(subjects) / brains.n_subjects[roi] for roi, subjects in group.rows.items()]
        columns = np.concatenate([of_group.averages * np.array(shares)[:, None], of_group.basis])
        _add_nulls(
            nulls, [place[roi] for roi in group.rows], parts, columns, group.pairs, permutations, memory, told
        )
    own_families = [slice(0, len(left))] if families is None else families
    found = {}
    for roi, index in place.items():
        r[roi][~left] = np.nan
        mean = r[roi].mean(axis=1)
        p_layer = np.full_like(mean, np.nan)
        if left.any():
            p_layer[left] = np.max([p_value_greater(mean[left], each[left, index]) for each in nulls], axis=0)
        p_family = np.max([family_p(mean, each[:, index], left, own_families) for each in nulls], axis=0)
        found[roi] = UniqueScores(r[roi], mean, p_layer, p_family)
    return found


@dataclass(frozen=True)
class _Parts:
    """Unit rows (L, P) as `lengths` times unit `residuals`, plus `weights` times the `basis` of the controls.

    left : (L,) whether a residual is more than rounding; otherwise it is 0.
    """

    residuals: FloatArray
    lengths: FloatArray
    weights: FloatArray
    basis: FloatArray
    left: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: FloatArray, basis: FloatArray) -> _Parts:
        weights = product(rows, basis.T)
        lengths = np.sqrt(np.maximum(1 - np.square(weights).sum(axis=1), 0))
        residuals, left = residualised(rows.copy(), basis, VALUES)
        return cls(residuals, lengths, weights, basis, left)


def _add_nulls(
    nulls: NDArray[np.float32],
    places: Sequence[int],
    parts: _Parts,
    columns: FloatArray,
    pairs: NDArray[np.bool_],
    permutations: ArrayLike,
    memory: int,
    tick: Tick,
) -> None:
    """Add the nulls (2, L, R, K) of the subjects who saw `pairs` (P,), of layers and of their residuals.

    columns : (R' + k, p) of the seen pairs, the regions at `places`, and the basis of the controls.
    """
    n_regions = len(places)
    partly = not pairs.all()
    if partly:
        # Among some of the pairs, a permuted layer is not centred, and its length varies.
        columns = np.concatenate([columns, np.full((1, columns.shape[1]), columns.shape[1] ** -0.5)])
        columns, narrow = np.zeros((len(columns), len(pairs))), columns
        columns[:, pairs] = narrow

    def permuted(rows: FloatArray, columns: FloatArray = columns, tick: Tick = untold) -> NDArray[np.float32]:
        rows32 = rows.astype(np.float32)
        return null_rows_and_columns(rows32, columns, permutations, memory=memory, tick=tick)

    # Together, because the columns are permuted once.
    products = permuted(np.concatenate([parts.residuals, parts.basis]), tick=tick)
    of_residuals, of_basis = products[: len(parts.residuals)], products[len(parts.residuals) :]
    squares = np.ones((2, len(parts.residuals), 1), np.float32)
    if partly:
        rows = parts.residuals * parts.lengths[:, None] + parts.weights @ parts.basis
        counted = pairs[None].astype(np.float64)
        squares = np.stack([permuted(np.square(each), counted)[:, 0] for each in (rows, parts.residuals)])
    weights, lengths = parts.weights.astype(np.float32), parts.lengths.astype(np.float32)
    flat = of_basis.reshape(len(of_basis), -1)

    def add(some: slice) -> None:
        residuals = of_residuals[some]
        layers = residuals * lengths[some, None, None]
        layers += (weights[some] @ flat).reshape(layers.shape)
        for null, each, length in zip(nulls, (layers, residuals), squares, strict=True):
            remaining = length[some] - np.square(each[:, n_regions:]).sum(axis=1)
            each[:, :n_regions] /= np.sqrt(np.maximum(remaining, np.finfo(np.float32).eps))[:, None]
            null[some, places] += each[:, :n_regions]

    in_threads(add, slices(len(of_residuals), LAYERS_A_BLOCK))
