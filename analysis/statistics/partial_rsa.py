"""Scores of networks in regions whose subjects did not all see the same stimuli.

A subject's score is computed on the stimuli that it saw: network and subject are ranked or centred among
their pairs. If all stimuli are permuted, a subject's pairs meet other pairs of the network, which are ranked
or centred again: see `weighted_vectors`. Subjects who saw the same stimuli are computed together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.measure_names import GRAM_MEASURES, Measure
from alignhouse.analysis.kernels.measures import prepared, vector_length
from alignhouse.analysis.kernels.similarity import (
    DEFAULT_MEMORY,
    FloatArray,
    checked_rdms,
    condition_count,
    correlate,
)
from alignhouse.analysis.kernels.threads import Tick, in_threads, slices, untold
from alignhouse.analysis.kernels.weighted_vectors import (
    PartOfWeights,
    SignWeights,
    WeightedRdms,
    bytes_of_a_set,
    sets_together,
    weighted_products,
    weighted_rdms,
    weights_of_copies,
)
from alignhouse.analysis.statistics.permutation import checked_permutations, permuted_entries
from alignhouse.analysis.statistics.rsa import (
    RankedBrains,
    RoiScores,
    layer_labels,
    rank_brains,
    roi_scores,
)
from alignhouse.analysis.statistics.seen import Seen, SharedStimuli, all_seen, sharing, zeros_for_unseen
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import BadInput


@dataclass(frozen=True)
class PartlySeenBrains:
    """Brain RDMs of subjects who saw different stimuli, ranked once for all networks.

    n_stimuli : of the study. n_subjects : region -> S. measure : which the RDMs are prepared for.
    groups : the subjects who saw the same stimuli, and their RDMs among the pairs of these.
    """

    n_stimuli: int
    n_subjects: Mapping[str, int]
    measure: Measure
    groups: Sequence[tuple[SharedStimuli, RankedBrains]]


def rank_partly_seen(
    brain: Mapping[str, ArrayLike], seen: Seen, measure: Measure = "spearman"
) -> PartlySeenBrains:
    """Prepare brain RDMs, region -> (S, P), each among the pairs of stimuli that its subject saw.

    Raises BadInput as `rsa.rank_brains` does, and for a subject who saw fewer than 4 stimuli.
    """
    values = {roi: zeros_for_unseen(each, seen, roi) for roi, each in brain.items()}
    groups = [
        (
            group,
            rank_brains(
                {roi: values[roi][rows][:, group.pairs] for roi, rows in group.rows.items()}, measure
            ),
        )
        for group in sharing(seen)
    ]
    n_pairs = next(iter(values.values())).shape[1]
    return PartlySeenBrains(
        condition_count(n_pairs), {roi: len(each) for roi, each in values.items()}, measure, groups
    )


def score_partly_seen(
    models: Mapping[str, ArrayLike],
    brains: PartlySeenBrains,
    permutations: ArrayLike,
    settings: AnalysisSettings,
    *,
    memory: int = DEFAULT_MEMORY,
    layer_names: Mapping[str, Sequence[str]] | None = None,
    tick: Tick = untold,
) -> dict[str, dict[str, RoiScores]]:
    """Scores of all layers of many networks in every region; parameters and result as `rsa.score_networks`.

    R is the mean over subjects of rho, each on the stimuli that the subject saw. The null permutes all
    stimuli of the network, the same way for all subjects, so what subjects share stays shared.

    Raises BadInput as `rsa.score_networks` does; also for the null "rows_only", which is not defined here,
    and where a network's dissimilarities do not differ among the stimuli that a subject saw.
    """
    if settings.null != "rows_and_columns":
        raise BadInput(
            f"null {settings.null!r} of subjects who saw different stimuli",
            expected="null rows_and_columns",
            hint='use protocols based on sound, or set brain.stimuli = "shared"',
        )
    labels = [
        label
        for network, each in models.items()
        for label in layer_labels(network, np.shape(each)[0], layer_names)
    ]
    values = checked_rdms(np.concatenate([np.asarray(each) for each in models.values()]), labels)
    if brains.measure != settings.measure:
        raise BadInput("brain RDMs", expected=f"prepared for {settings.measure}", found=brains.measure)
    orders = checked_permutations(permutations, condition_count(values.shape[1]))
    rho = _rho(values, labels, brains)
    place = {roi: index for index, roi in enumerate(brains.n_subjects)}
    parts = [_part(group, ranked, place, brains.n_subjects) for group, ranked in brains.groups]
    null = null_partly_seen(
        values, labels, len(place), parts, orders, measure=brains.measure, memory=memory, tick=tick
    )
    scores: dict[str, dict[str, RoiScores]] = {}
    start = 0
    for network, each in models.items():
        own = slice(start, start + np.shape(each)[0])
        scores[network] = {
            roi: roi_scores(rho[roi][own], null[own, index], settings) for index, roi in enumerate(rho)
        }
        start = own.stop
    return scores


def rho_of_subjects(
    models: ArrayLike,
    brain: Mapping[str, ArrayLike],
    seen: Seen | None = None,
    layer_names: Sequence[str] | None = None,
    measure: Measure = "spearman",
) -> dict[str, FloatArray]:
    """Region -> (L, S) float64, the similarity of each layer (L, P) with each subject, on what it saw.

    Raises BadInput as `measures.prepared` does, and for a subject who saw fewer than 4 stimuli.
    """
    values = checked_rdms(models, layer_names)
    if seen is None or all_seen(seen):
        ranks = prepared(values, measure, layer_names)
        return {roi: correlate(ranks, prepared(each, measure)) for roi, each in brain.items()}
    return _rho(values, layer_names, rank_partly_seen(brain, seen, measure))


def _rho(
    values: NDArray[np.generic], labels: Sequence[str] | None, brains: PartlySeenBrains
) -> dict[str, FloatArray]:
    rho = {roi: np.empty((len(values), count)) for roi, count in brains.n_subjects.items()}
    for group, ranked in brains.groups:
        of_group = correlate(prepared(values[:, group.pairs], brains.measure, labels), ranked.ranks)
        for roi, rows in group.rows.items():
            rho[roi][:, rows] = of_group[:, ranked.rows[roi]]
    return rho


@dataclass(frozen=True)
class SeenPart:
    """What permuted layers are multiplied with, for subjects who saw the same stimuli.

    seen : (n,) bool, these stimuli. places : the regions of the subjects.
    columns : (C, M) float32, 0 for entries of other stimuli: one for each of `places`, then `n_controls` of
    the controls.
    """

    seen: NDArray[np.bool_]
    places: Sequence[int]
    columns: NDArray[np.float32]
    n_controls: int = 0

    def moved(self, index: NDArray[np.intp], weights: PartOfWeights) -> NDArray[np.float32]:
        """The columns with entries moved by `index` (b, M), and the weights of entries: (b, C, entries)."""
        return self.columns[:, index].transpose(1, 0, 2)

    def without_controls(self, products: NDArray[np.float32]) -> NDArray[np.float32]:
        """Products (L, C, b) of unit vectors, of the regions only: divided by the lengths of residuals."""
        if not self.n_controls:
            return products
        n_regions = len(self.places)
        remaining = 1 - np.square(products[:, n_regions:]).sum(axis=1)
        lengths = np.sqrt(np.maximum(remaining, np.finfo(np.float32).eps))
        return np.asarray(products[:, :n_regions] / lengths[:, None])


@dataclass(frozen=True)
class SignPart(SeenPart):
    """As `SeenPart`, for Kendall's tau-a: columns are the ranks of all subjects, whose signs are averaged.

    rows : of each of `places`, its subjects among the columns. n_subjects : of all in each of `places`.
    """

    rows: Sequence[slice] = ()
    n_subjects: Sequence[int] = ()

    def moved(self, index: NDArray[np.intp], weights: PartOfWeights) -> NDArray[np.float32]:
        assert isinstance(weights, SignWeights)
        of_subjects = weights.signs_of(self.columns[:, index[0]])
        means = [
            of_subjects[rows].sum(axis=0) / (count * weights.length)
            for rows, count in zip(self.rows, self.n_subjects, strict=True)
        ]
        return np.asarray((np.stack(means) * weights.weights)[None], np.float32)


def null_partly_seen(
    values: NDArray[np.generic],
    labels: Sequence[str],
    n_regions: int,
    parts: Sequence[SeenPart],
    orders: NDArray[np.intp],
    *,
    measure: Measure = "spearman",
    memory: int = DEFAULT_MEMORY,
    tick: Tick = untold,
) -> NDArray[np.float32]:
    """Sums over `parts` of scores of layers (L, P) whose stimuli are permuted by `orders` (K, n): (L, R, K).

    All stimuli are permuted. The pairs that a part's subjects saw meet other pairs of the layer, which are
    ranked or centred again. Raises BadInput, with `labels` (L), where all of these are equal.
    """
    n_pairs = values.shape[1]
    n_entries = vector_length(n_pairs, measure)
    inverse = np.argsort(orders, axis=1)
    null = np.zeros((len(values), n_regions, len(inverse)), np.float32)
    memory_a_thread = memory // 2 // cores()
    single = np.dtype(np.float32)
    most_columns = max(len(part.columns) for part in parts)
    # Moved brains and their index, weights and ranking buffers.
    a_permutation = n_entries * (single.itemsize * (most_columns + 1) + 3 * inverse.itemsize)
    a_permutation += bytes_of_a_set(n_pairs, measure)
    batch = sets_together(n_pairs, measure, a_permutation, memory_a_thread // 2)
    blocks = slices(len(values), max(1, memory // 2 // (8 * n_pairs)))
    for number, block in enumerate(blocks):
        layers = weighted_rdms(values[block], labels[block], measure)
        for of_block, part in enumerate(parts):

            def correlate_with(
                some: slice, block: slice = block, layers: WeightedRdms = layers, part: SeenPart = part
            ) -> None:
                # Permuting the network by p equals permuting the brain by the inverse of p.
                index = permuted_entries(inverse[some], n_entries)
                met = part.seen.astype(np.int32)[inverse[some]]
                for weights in weights_of_copies(met, some.start, "permutation", measure):
                    moved = part.moved(index, weights)
                    products = weighted_products(layers, weights, moved, memory=memory_a_thread // 2)
                    null[block, part.places, some] += part.without_controls(products)

            def told(done: int, total: int, before: int = number * len(parts) + of_block) -> None:
                tick(before * total + done, len(blocks) * len(parts) * total)

            in_threads(correlate_with, slices(len(inverse), batch), told)
    return np.clip(null, -1, 1, out=null)


def _part(
    group: SharedStimuli, ranked: RankedBrains, place: Mapping[str, int], n_subjects: Mapping[str, int]
) -> SeenPart:
    places = [place[roi] for roi in group.rows]
    if not ranked.ranks.signs:
        return SeenPart(group.seen, places, _spread(group, ranked, n_subjects))
    ranks = np.zeros((len(ranked.ranks.centred), len(group.pairs)), np.float32)
    ranks[:, group.pairs] = ranked.ranks.centred
    rows, counts = [ranked.rows[roi] for roi in group.rows], [n_subjects[roi] for roi in group.rows]
    return SignPart(group.seen, places, ranks, rows=rows, n_subjects=counts)


def _spread(group: SharedStimuli, ranked: RankedBrains, n_subjects: Mapping[str, int]) -> NDArray[np.float32]:
    """The group's sum of unit vectors, divided by all subjects of the region: (R, M), 0 for unseen entries.

    Pairs of measures of inner products have weight 2, and their unit vectors hold its root already.
    """
    n_pairs = len(group.pairs)
    is_gram = ranked.measure in GRAM_MEASURES
    entries = np.concatenate([group.pairs, group.seen]) if is_gram else group.pairs
    spread = np.zeros((len(group.rows), len(entries)), np.float32)
    for index, (roi, rows) in enumerate(group.rows.items()):
        spread[index, entries] = ranked.averages[index] * (len(rows) / n_subjects[roi])
    if is_gram:
        spread[:, :n_pairs] *= np.sqrt(2)
    return spread
