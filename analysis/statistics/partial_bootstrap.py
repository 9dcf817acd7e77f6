"""Bootstraps of partial Spearman correlations given control RDMs, over stimuli, subjects and both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, FloatArray, checked_rdms, condition_count
from alignhouse.analysis.kernels.threads import Tick, in_threads, slices, untold
from alignhouse.analysis.kernels.weighted_ranks import (
    SortedRdms,
    Weights,
    bytes_to_rank,
    names_of,
    sets_a_batch,
)
from alignhouse.analysis.kernels.weighted_vectors import copies_of_pairs, weighted_products
from alignhouse.analysis.statistics.bootstrap import STIMULI, SUBJECTS, BootstrapScores, resample_counts
from alignhouse.analysis.statistics.partial import FEWEST_LEFT
from alignhouse.analysis.statistics.seen import (
    IntArray,
    Seen,
    SharedStimuli,
    everything_seen,
    sets_of,
    sharing,
    zeros_for_unseen,
)
from alignhouse.warehouse.cores import cores

Array = NDArray[Any]

# Eigenvalues of a correlation matrix below this are rounding.
COLLINEAR = 1e-10
# A share of variance below this is rounding: the score of such a resample counts as 0.
NO_RESIDUAL = 1e-10


def partial_bootstrap(
    layers: ArrayLike,
    brain: Mapping[str, ArrayLike],
    controls: ArrayLike,
    observed: Mapping[str, FloatArray],
    *,
    draws: int,
    seed: int,
    seen: Seen | None = None,
    memory: int = DEFAULT_MEMORY,
    layer_names: Sequence[str] | None = None,
    tick: Tick = untold,
) -> dict[str, BootstrapScores]:
    """Bootstrap distributions of the partial score of every layer (L, P) in every region, given controls.

    As `bootstrap.bootstrap_scores`, with the same draws for the same seed, unless many controls need more
    distinct stimuli. In each resample, layers, brains and controls are ranked and residualised again.

    Parameters
    ----------
    brain : region -> (S, P). controls : (C, P), which may be constant. observed : region -> (L, S), the
        partial correlations of all stimuli.
    draws, seed : number of resamples of each kind, and their seed. memory : bytes for working buffers.
    seen : region -> (S, n), the stimuli that each subject saw; None for all. Each subject counts with the
        part of a resample that it saw.

    Raises BadInput as `bootstrap_scores` does.
    """
    rows, given = checked_rdms(layers, layer_names), checked_rdms(controls, None)
    n_pairs = rows.shape[1]
    n_stimuli = condition_count(n_pairs)
    counts = resample_counts(
        n_stimuli, draws, seed, STIMULI, fewest=fewest_distinct(len(given)), seen=sets_of(seen)
    )
    drawn = {
        roi: resample_counts(len(np.asarray(each)), draws, seed, SUBJECTS) for roi, each in brain.items()
    }
    # Labels that few stimuli share are constant in resamples without these.
    sorted_controls = SortedRdms(given, names_of(None, len(given)), may_be_constant=True)
    regions = {roi: checked_rdms(zeros_for_unseen(each, seen, roi), None) for roi, each in brain.items()}
    groups = [
        (group, {roi: _sorted(regions[roi], roi, rows) for roi, rows in group.rows.items()})
        for group in sharing(everything_seen(regions) if seen is None else seen)
    ]
    place = {roi: index for index, roi in enumerate(regions)}
    n_regions = len(regions)
    memory_a_thread = memory // 2 // cores()
    most_subjects = max(len(each) for each in regions.values())
    a_set = n_pairs * 8 * (2 * n_regions + 2 * most_subjects + 2 * len(given) + 4) + bytes_to_rank(n_pairs)
    batch = sets_a_batch(n_pairs, a_set, memory_a_thread // 2)
    scores = np.zeros((len(rows), 2 * n_regions, draws))
    blocks = slices(len(rows), max(1, memory // 2 // (8 * n_pairs)))
    for number, block in enumerate(blocks):
        sorted_layers = SortedRdms(rows[block], names_of(layer_names, block.stop - block.start, block.start))
        for of_block, (group, subjects) in enumerate(groups):

            def score(
                some: slice,
                block: slice = block,
                of: SortedRdms = sorted_layers,
                group: SharedStimuli = group,
                subjects: Mapping[str, SortedRdms] = subjects,
            ) -> None:
                weights = Weights(copies_of_pairs(counts[some] * group.seen), some.start, "resample")
                basis = _bases(sorted_controls, weights)
                shares = {
                    roi: np.stack([np.ones_like(drawn[roi][some][:, own]), drawn[roi][some][:, own]])
                    / len(regions[roi])
                    for roi, own in group.rows.items()
                }
                columns = _mean_residuals(subjects, weights, basis, shares)
                n_means = columns.shape[1]
                columns = np.concatenate([columns, basis], axis=1) * np.sqrt(weights.weights)[:, None]
                found = weighted_products(of, weights, columns, memory=memory_a_thread // 2)
                # The length of a layer's residual, from its projections on the controls.
                remaining = 1 - np.square(found[:, n_means:]).sum(axis=1)
                places = [kind * n_regions + place[roi] for kind in range(2) for roi in subjects]
                scores[block, places, some] += found[:, :n_means] * _inverse_root(remaining)[:, None]

            def told(done: int, total: int, before: int = number * len(groups) + of_block) -> None:
                tick(before * total + done, len(blocks) * len(groups) * total)

            in_threads(score, slices(draws, batch), told)
    np.clip(scores, -1, 1, out=scores)
    return {
        roi: _record(observed[roi], scores[:, index], scores[:, n_regions + index], drawn[roi], n_stimuli)
        for roi, index in place.items()
    }


def _inverse_root(squares: FloatArray) -> FloatArray:
    """1 / root, or 0 where the squares are only rounding."""
    return np.where(squares > NO_RESIDUAL, 1 / np.sqrt(np.maximum(squares, NO_RESIDUAL)), 0)


def _sorted(rdms: Array, roi: str, rows: IntArray) -> SortedRdms:
    return SortedRdms(rdms[rows], [f"region {roi}, row {row}" for row in rows])


def fewest_distinct(n_controls: int) -> int:
    """The fewest distinct stimuli with enough pairs for a correlation given so many controls."""
    fewest = 3
    while fewest * (fewest - 1) // 2 < n_controls + 1 + FEWEST_LEFT:
        fewest += 1
    return fewest


def _record(
    rho: FloatArray, stimuli: Array, both: Array, drawn: NDArray[np.int32], n_stimuli: int
) -> BootstrapScores:
    n_subjects = rho.shape[1]
    several = n_subjects > 1
    return BootstrapScores(
        observed=rho.mean(axis=1),
        stimuli=stimuli,
        subjects=rho @ drawn.T / n_subjects if several else None,
        both=both if several else None,
        n_stimuli=n_stimuli,
        n_subjects=n_subjects,
    )


def _roots(rdms: SortedRdms, weights: Weights) -> Array:
    """Unit weighted ranks of m RDMs times the roots of the weights, (b, m, P): their dot product is rho.

    Those of a constant RDM are 0.
    """
    ranks = np.empty((len(rdms), *weights.weights.shape))
    lengths = rdms.vectors(slice(0, len(rdms)), weights, ranks)
    ranks /= np.where(lengths > 0, lengths, 1)[:, :, None]
    ranks *= np.sqrt(weights.weights)
    return ranks.transpose(1, 0, 2)


def _bases(controls: SortedRdms, weights: Weights) -> Array:
    """Orthonormal bases of the controls in each resample, (b, C, P); zero rows where they are collinear."""
    roots = _roots(controls, weights)
    values, vectors = np.linalg.eigh(np.matmul(roots, roots.transpose(0, 2, 1)))
    kept = values > COLLINEAR
    inverse = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1)), 0)
    return np.matmul((vectors * inverse[:, None]).transpose(0, 2, 1), roots)


def _mean_residuals(
    brain: Mapping[str, SortedRdms], weights: Weights, basis: Array, shares: Mapping[str, FloatArray]
) -> Array:
    """Sums over subjects of unit residuals times `shares` (2, b, S): (b, 2 R, P), of all, then of drawn."""
    means = np.empty((2, len(brain), *weights.weights.shape))
    for region, (roi, subjects) in enumerate(brain.items()):
        residuals = np.array(_roots(subjects, weights))
        residuals -= np.matmul(np.matmul(residuals, basis.transpose(0, 2, 1)), basis)
        squares = np.einsum("bsp,bsp->bs", residuals, residuals)
        inverse = _inverse_root(squares)
        for kind, of_kind in enumerate(shares[roi]):
            means[kind, region] = np.einsum("bs,bsp->bp", inverse * of_kind, residuals)
    return means.reshape(-1, *weights.weights.shape).transpose(1, 0, 2)
