"""Scores under resampled stimuli, for bootstraps and split halves.

Each stimulus is weighted by how often it was drawn. Resampled RDMs are neither built nor sorted again: see
`weighted_vectors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from alignhouse.analysis.kernels.devices import Precision
from alignhouse.analysis.kernels.measure_names import Measure
from alignhouse.analysis.kernels.measures import vector_length
from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, FloatArray, checked_rdms, condition_count
from alignhouse.analysis.kernels.threads import Tick, in_threads, slices, untold
from alignhouse.analysis.kernels.weighted_ranks import (
    Array,
    Int32Array,
    names_of,
)
from alignhouse.analysis.kernels.weighted_vectors import (
    PartOfWeights,
    WeightedRdms,
    bytes_of_a_set,
    sets_together,
    weighted_products,
    weighted_rdms,
    weights_of_copies,
)
from alignhouse.analysis.statistics.seen import IntArray, Seen, everything_seen, sharing, zeros_for_unseen
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import BadInput


@dataclass(frozen=True)
class ResampledScores:
    """Scores of L layers in one region under B resamples.

    Attributes
    ----------
    all_subjects : (L, B), mean over the region's subjects of the similarity on the resampled stimuli.
    drawn_subjects : (L, B), the mean weighted by how often each subject was drawn; None if subjects were
        not drawn.
    """

    all_subjects: Array
    drawn_subjects: Array | None


def resampled_scores(
    models: ArrayLike,
    brain: Mapping[str, ArrayLike],
    stimulus_counts: ArrayLike,
    subject_counts: Mapping[str, ArrayLike] | None = None,
    *,
    measure: Measure = "spearman",
    seen: Seen | None = None,
    precision: Precision = "float64",
    memory: int = DEFAULT_MEMORY,
    layer_names: Sequence[str] | None = None,
    tick: Tick = untold,
) -> dict[str, ResampledScores]:
    """Similarity of layers with the subjects of a region, on resampled stimuli, averaged over subjects.

    A resample with c_i copies of stimulus i has c_i c_j copies of the pair (i, j). Pairs of a stimulus with
    its own copies are left out, because their dissimilarity is 0 by definition. For measures of ranks the
    result equals that of ranking the resampled RDM, ties averaged. For measures of inner products, a copy is
    one more point about the centroid of all.

    Parameters
    ----------
    models : (L, P), one condensed RDM a layer.
    brain : region -> (S, P), one condensed RDM a subject; regions may have different subjects.
    stimulus_counts : (B, n) whole numbers, how often each resample holds each stimulus.
    subject_counts : region -> (B, S), how often it holds each subject; None to resample stimuli only.
    measure : see `measures.similarity`.
    seen : region -> (S, n), the stimuli that each subject saw; None for all. A subject is scored on the seen
        stimuli of a resample; values of other pairs are not used.
    precision : of the matrix product: "float64" is accurate to 1e-12, "float32" to 1e-6.
    memory : bytes for working buffers, in addition to the inputs, eight bytes for each value of `brain`, and
        the result.
    layer_names : (L), names of the layers for errors. tick : called as resamples are done.

    Returns region -> ResampledScores, in `precision`. Raises BadInput as `similarity.rank` does, for counts
    that do not fit, and for a resample in which an RDM is constant among the stimuli that a subject saw.
    """
    rows = checked_rdms(models, layer_names)
    n_pairs = rows.shape[1]
    labels = {
        roi: [f"region {roi}, row {row}" for row in range(len(np.asarray(each)))]
        for roi, each in brain.items()
    }
    regions = {
        roi: checked_rdms(zeros_for_unseen(each, seen, roi), labels[roi]) for roi, each in brain.items()
    }
    counts = _checked_counts(stimulus_counts, n_pairs, regions)
    drawn = _checked_subjects(subject_counts, regions, len(counts))
    groups = [
        _Group(
            counts * group.seen,
            {
                roi: weighted_rdms(
                    regions[roi][own], names_of([labels[roi][row] for row in own], len(own)), measure
                )
                for roi, own in group.rows.items()
            },
            {
                roi: _shares(len(counts), len(regions[roi]), own, drawn[roi] if drawn else None)
                for roi, own in group.rows.items()
            },
        )
        for group in sharing(everything_seen(regions) if seen is None else seen)
    ]
    place = {roi: index for index, roi in enumerate(regions)}
    n_kinds = 1 if drawn is None else 2
    n_columns = len(regions) * n_kinds
    dtype = np.dtype(precision)

    # Half of the memory is for sorted layers. Each thread uses half of its share of the rest for brain ranks.
    memory_a_thread = memory // 2 // cores()
    most_subjects = max(len(each) for group in groups for each in group.subjects.values())
    n_entries = vector_length(n_pairs, measure)
    a_set = n_entries * dtype.itemsize * (n_columns + most_subjects + 4) + bytes_of_a_set(n_pairs, measure)
    batch = sets_together(n_pairs, measure, a_set, memory_a_thread // 2)
    scores = np.zeros((len(rows), n_columns, len(counts)), dtype)
    blocks = slices(len(rows), max(1, memory // 2 // (8 * n_pairs)))
    for number, block in enumerate(blocks):
        names = names_of(layer_names, block.stop - block.start, block.start)
        layers = weighted_rdms(rows[block], names, measure)
        for of_block, group in enumerate(groups):
            columns = [kind * len(regions) + place[roi] for kind in range(n_kinds) for roi in group.subjects]

            def score(
                resamples: slice,
                block: slice = block,
                layers: WeightedRdms = layers,
                group: _Group = group,
                columns: list[int] = columns,
            ) -> None:
                counts = group.counts[resamples]
                for weights in weights_of_copies(counts, resamples.start, "resample", measure):
                    brains = _mean_unit_vectors(group, weights, resamples, dtype)
                    scores[block, columns, resamples] += weighted_products(
                        layers, weights, brains, memory=memory_a_thread // 2
                    )

            def told(done: int, total: int, before: int = number * len(groups) + of_block) -> None:
                tick(before * total + done, len(blocks) * len(groups) * total)

            in_threads(score, slices(len(counts), batch), told)
    np.clip(scores, -1, 1, out=scores)
    return {
        roi: ResampledScores(scores[:, index], None if drawn is None else scores[:, len(regions) + index])
        for roi, index in place.items()
    }


@dataclass(frozen=True)
class _Group:
    """Subjects who saw the same stimuli.

    counts : (B, n), how often each resample holds each stimulus that they saw.
    subjects : region -> their S RDMs. shares : region -> (B, kinds, S), the share of each in the region's
    mean, of all subjects and, if subjects are drawn, of the drawn ones.
    """

    counts: Int32Array
    subjects: Mapping[str, WeightedRdms]
    shares: Mapping[str, FloatArray]


def _shares(n_resamples: int, n_subjects: int, rows: IntArray, drawn: FloatArray | None) -> FloatArray:
    """`_Group.shares` of the subjects `rows` of a region; `drawn` has the drawn shares of all subjects."""
    shares = np.full((n_resamples, 1 if drawn is None else 2, len(rows)), 1 / n_subjects)
    if drawn is not None:
        shares[:, 1] = drawn[:, rows]
    return shares


def _mean_unit_vectors(group: _Group, weights: PartOfWeights, resamples: slice, dtype: np.dtype) -> Array:
    """Sums over subjects of their shares of unit vectors, times the weights of the entries: (b, C, entries).

    The dot product with a layer's unit vector is its score, so one vector replaces all subjects. The C
    columns are the regions, once for all subjects and, if subjects are drawn, once for the drawn ones.
    """
    n_resamples, n_entries = weights.weights.shape
    n_kinds = next(iter(group.shares.values())).shape[1]
    means = np.empty((n_kinds, len(group.subjects), n_resamples, n_entries), dtype)
    for region, (roi, subjects) in enumerate(group.subjects.items()):
        n_subjects = len(subjects)
        vectors = np.empty((n_subjects, n_resamples, n_entries), dtype)
        lengths = subjects.vectors(slice(0, n_subjects), weights, vectors).T[:, None]
        shares = group.shares[roi][resamples] / lengths
        product = np.matmul(shares.astype(dtype), vectors.transpose(1, 0, 2))
        means[:, region] = product.transpose(1, 0, 2)
    means *= weights.weights
    return means.reshape(-1, n_resamples, n_entries).transpose(1, 0, 2)


def _checked_counts(counts: ArrayLike, n_pairs: int, regions: Mapping[str, Array]) -> Int32Array:
    n = condition_count(n_pairs)
    for roi, each in regions.items():
        if each.shape[1] != n_pairs:
            raise BadInput(
                f"RDMs of region {roi}", expected=f"{n_pairs} pairs, as the models", found=each.shape[1]
            )
    if not regions:
        raise BadInput("resampled scores", expected="at least one region", found="none")
    whole = np.asarray(counts)
    if whole.ndim != 2 or whole.dtype.kind not in "iu" or whole.shape[1] != n or not len(whole):
        raise BadInput(
            "counts of stimuli",
            expected=f"whole numbers, at least one row of {n}",
            found=f"{whole.dtype} of shape {whole.shape}",
        )
    if whole.min() < 0 or whole.sum(axis=1).max() > 2 * n:
        raise BadInput("counts of stimuli", expected=f"0 or more, at most {2 * n} in all", found="others")
    return whole.astype(np.int32)


def _checked_subjects(
    counts: Mapping[str, ArrayLike] | None, regions: Mapping[str, Array], n_resamples: int
) -> dict[str, FloatArray] | None:
    """Region -> (B, S), the share of each subject in a resample; shares sum to 1."""
    if counts is None:
        return None
    shares = {}
    for roi, subjects in regions.items():
        drawn = np.asarray(counts[roi], dtype=np.float64)
        if drawn.shape != (n_resamples, len(subjects)):
            raise BadInput(
                f"counts of subjects in region {roi}",
                expected=f"shape {(n_resamples, len(subjects))}",
                found=drawn.shape,
            )
        total = drawn.sum(axis=1, keepdims=True)
        if drawn.min() < 0 or not total.all():
            raise BadInput(
                f"counts of subjects in region {roi}",
                expected="0 or more, at least one subject a resample",
                found="others",
            )
        shares[roi] = drawn / total
    return shares
