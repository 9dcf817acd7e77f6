"""Scores when each stimulus counts as often as it was drawn: the engine of bootstraps and of split halves.

An RDM is sorted once. Under any weights of the pairs, the rank of a pair is then a running sum of weights
over the sorted pairs, so that no resample is ever sorted again, nor written out as an RDM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.devices import Precision
from analysis.similarity import DEFAULT_MEMORY, FloatArray, checked_rdms, condition_count, row_name
from warehouse.errors import BadInput

Int32Array = NDArray[np.int32]
Array = NDArray[Any]

# Resamples that go through the ranks together: the index of a sorted RDM is read once for all of them, and
# their running sums stay in the processor's cache (measured on 5,151 pairs).
RESAMPLES_A_BATCH = 16
# Layers whose ranks are held for one matrix product.
LAYERS_A_PRODUCT = 64


@dataclass(frozen=True)
class ResampledScores:
    """Scores of L layers in one region under B resamples.

    Attributes
    ----------
    all_subjects : (L, B), mean over the region's subjects of Spearman's rho on the resampled stimuli.
    drawn_subjects : (L, B), the mean weighted by how often each subject was drawn; None where none were.
    """

    all_subjects: Array
    drawn_subjects: Array | None


def resampled_scores(
    models: ArrayLike,
    brain: Mapping[str, ArrayLike],
    stimulus_counts: ArrayLike,
    subject_counts: Mapping[str, ArrayLike] | None = None,
    *,
    precision: Precision = "float64",
    memory: int = DEFAULT_MEMORY,
    layer_names: Sequence[str] | None = None,
) -> dict[str, ResampledScores]:
    """Spearman's rho of layers with the subjects of a region, on resampled stimuli, averaged over subjects.

    A resample that holds stimulus i c_i times has the pair (i, j) c_i c_j times; pairs of a stimulus with
    itself are left out, as their dissimilarity is 0 by definition. Its ranks are tie-averaged ranks of that
    list, so the result is what ranking the resampled RDM anew would give.

    Parameters
    ----------
    models : (L, P), one condensed RDM a layer.
    brain : region -> (S, P), one condensed RDM a subject; regions may have different subjects.
    stimulus_counts : (B, n) whole numbers, how often each resample holds each stimulus.
    subject_counts : region -> (B, S), how often it holds each subject; None where only stimuli are resampled.
    precision : of the ranks' matrix product: "float64", right to 1e-12, or "float32", to 1e-6.
    memory : bytes for working buffers, beside the inputs, eight bytes a value of `brain`, and the result.
    layer_names : (L), what errors call the layers.

    Returns region -> ResampledScores, in `precision`. Raises BadInput as `similarity.rank` does, for counts
    that do not fit, and for a resample in which an RDM is constant.
    """
    rows = checked_rdms(models, layer_names)
    n_pairs = rows.shape[1]
    regions = {
        roi: checked_rdms(each, [f"region {roi}, row {row}" for row in range(len(np.asarray(each)))])
        for roi, each in brain.items()
    }
    counts = _checked_counts(stimulus_counts, n_pairs, regions)
    drawn = _checked_subjects(subject_counts, regions, len(counts))
    sorted_brain = {roi: _Sorted(each) for roi, each in regions.items()}
    n_columns = len(regions) * (1 if drawn is None else 2)
    dtype = np.dtype(precision)

    # A quarter each for the brains' ranks and the layers' ranks of a batch; half for sorted layers.
    batch = min(RESAMPLES_A_BATCH, max(1, memory // 4 // (n_pairs * dtype.itemsize * (n_columns + 4))))
    layers_a_block = max(1, memory // 2 // (8 * n_pairs))
    a_product = min(LAYERS_A_PRODUCT, max(1, memory // 4 // (batch * n_pairs * dtype.itemsize)))
    scores = np.empty((n_columns, len(rows), len(counts)), dtype)
    for first in range(0, len(rows), layers_a_block):
        layers = _Sorted(rows[first : first + layers_a_block])
        for start in range(0, len(counts), batch):
            resamples = slice(start, start + batch)
            pairs = _Pairs(counts[resamples], start)
            brains = _mean_unit_ranks(sorted_brain, pairs, drawn, resamples, dtype)
            for row in range(0, len(layers), a_product):
                some = range(row, min(row + a_product, len(layers)))
                ranks = np.empty((len(pairs.weights), len(some), n_pairs), dtype)
                lengths = np.empty((len(pairs.weights), len(some)))
                for place, index in enumerate(some):
                    lengths[:, place] = layers.ranks(
                        index, pairs, ranks[:, place], row_name(layer_names, first + index)
                    )
                product = np.matmul(ranks, brains.transpose(0, 2, 1)) / lengths[:, :, None]
                scores[:, first + row : first + some.stop, resamples] = product.transpose(2, 1, 0)
    np.clip(scores, -1, 1, out=scores)
    return {
        roi: ResampledScores(scores[index], None if drawn is None else scores[len(regions) + index])
        for index, roi in enumerate(regions)
    }


class _Pairs:
    """The weights of the pairs in a batch of b resamples: c_i c_j.

    weights : (b, P) int32. total : (b, 1), their sum. cubes : (b,), the sum of their cubes.
    """

    def __init__(self, counts: Int32Array, first: int) -> None:
        row, column = np.triu_indices(counts.shape[1], 1)
        self.weights: Int32Array = counts[:, row] * counts[:, column]
        self.total: Int32Array = self.weights.sum(axis=1, dtype=np.int32, keepdims=True)
        self.cubes = np.einsum("ij,ij,ij->i", *[self.weights.astype(np.float64)] * 3)
        self.first = first


class _Sorted:
    """RDMs (m, P) in sorted order, each as two lists of places of four bytes a pair."""

    def __init__(self, rows: Array) -> None:
        n_rows, n_pairs = rows.shape
        self.order = np.empty((n_rows, n_pairs), np.int32)
        # The place of each pair's value among the distinct ones, and where those end; None where none tie.
        self.value = np.empty((n_rows, n_pairs), np.int32)
        self.ends: list[NDArray[np.intp] | None] = []
        for row, order, value in zip(rows, self.order, self.value, strict=True):
            places = np.argsort(row)
            ascending = row[places]
            is_new = np.concatenate(([True], ascending[1:] != ascending[:-1]))
            order[:] = places
            value[places] = np.cumsum(is_new) - 1
            tied = not is_new.all()
            self.ends.append(np.append(np.flatnonzero(is_new), n_pairs) if tied else None)

    def __len__(self) -> int:
        return len(self.order)

    def ranks(self, index: int, pairs: _Pairs, out: Array, name: str) -> FloatArray:
        """Doubled centred weighted ranks of one RDM into `out` (b, P); gives their lengths (b,).

        A value's doubled tie-averaged rank, less the mean, is the weight below it, plus the weight up to it
        itself included, less the total. The sum of squares is (W^3 - sum of cubes of the values' weights) /
        3.
        """
        n_pairs = out.shape[1]
        # Whole numbers: a running sum of integers is several times as fast as one of floats.
        below = np.zeros((len(out), n_pairs + 1), np.int32)
        weights = np.take(pairs.weights, self.order[index], axis=1, mode="clip")
        np.cumsum(weights, axis=1, out=below[:, 1:])
        ends = self.ends[index]
        if ends is None:
            low, high, cubes = below[:, :-1], below[:, 1:], pairs.cubes
        else:
            edges = below[:, ends]
            low, high = edges[:, :-1], edges[:, 1:]
            cubes = np.einsum("ij,ij,ij->i", *[(high - low).astype(np.float64)] * 3)
        of_value = np.add(low, high)
        of_value -= pairs.total
        np.take(of_value.astype(out.dtype), self.value[index], axis=1, out=out, mode="clip")
        sum_squares = (pairs.total[:, 0].astype(np.float64) ** 3 - cubes) / 3
        if not (sum_squares > 0).all():
            raise BadInput(
                f"{name}, resample {pairs.first + int(np.argmin(sum_squares))}",
                expected="stimuli among which its dissimilarities differ",
                found="one value only",
                hint="too few stimuli, or too many ties, to be resampled",
            )
        return np.sqrt(sum_squares)


def _mean_unit_ranks(
    brain: Mapping[str, _Sorted],
    pairs: _Pairs,
    drawn: Mapping[str, FloatArray] | None,
    resamples: slice,
    dtype: np.dtype,
) -> Array:
    """Weighted means over subjects of their unit ranks, times the pairs' weights: (b, regions, P).

    The dot product with a layer's unit ranks is its score: one vector stands for all subjects. With subjects
    drawn, as many vectors again, whose means are over those.
    """
    n_resamples, n_pairs = pairs.weights.shape
    n_kinds = 1 if drawn is None else 2
    means = np.zeros((n_resamples, n_kinds * len(brain), n_pairs), dtype)
    ranks = np.empty((n_resamples, n_pairs), dtype)
    for region, (roi, subjects) in enumerate(brain.items()):
        for subject in range(len(subjects)):
            lengths = subjects.ranks(subject, pairs, ranks, f"RDM of region {roi}, row {subject}")
            ranks /= lengths[:, None]
            means[:, region] += ranks
            if drawn is not None:
                share = drawn[roi][resamples, subject, None].astype(dtype)
                means[:, len(brain) + region] += share * ranks
        means[:, region] /= len(subjects)
    means *= pairs.weights[:, None]
    return means


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
    """Region -> (B, S), shares that sum to 1 in each resample."""
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
