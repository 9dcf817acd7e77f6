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

from alignhouse.analysis.kernels.measure_names import GRAM_MEASURES, VectorMeasure
from alignhouse.analysis.kernels.measures import prepared, vector_length
from alignhouse.analysis.kernels.similarity import (
    DEFAULT_MEMORY,
    FloatArray,
    checked_rdms,
    condition_count,
    correlate,
)
from alignhouse.analysis.kernels.threads import Tick, in_threads, slices, untold
from alignhouse.analysis.kernels.weighted_ranks import sets_a_batch
from alignhouse.analysis.kernels.weighted_vectors import (
    WeightedRdms,
    bytes_of_a_set,
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
    measure: VectorMeasure
    groups: Sequence[tuple[SharedStimuli, RankedBrains]]


def rank_partly_seen(
    brain: Mapping[str, ArrayLike], seen: Seen, measure: VectorMeasure = "spearman"
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
    null = _null(values, labels, brains, orders, memory, tick)
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
    measure: VectorMeasure = "spearman",
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


def _null(
    values: NDArray[np.generic],
    labels: Sequence[str],
    brains: PartlySeenBrains,
    orders: NDArray[np.intp],
    memory: int,
    tick: Tick,
) -> NDArray[np.float32]:
    """R of every layer in every region under each permutation: (L, R, K)."""
    n_pairs, measure = values.shape[1], brains.measure
    n_entries = vector_length(n_pairs, measure)
    inverse = np.argsort(orders, axis=1)
    place = {roi: index for index, roi in enumerate(brains.n_subjects)}
    null = np.zeros((len(values), len(place), len(inverse)), np.float32)
    memory_a_thread = memory // 2 // cores()
    single = np.dtype(np.float32)
    # Moved brains and their index, weights and ranking buffers.
    a_permutation = n_entries * (single.itemsize * (len(place) + 1) + 3 * inverse.itemsize)
    a_permutation += bytes_of_a_set(n_pairs, measure)
    batch = sets_a_batch(n_entries, a_permutation, memory_a_thread // 2)
    blocks = slices(len(values), max(1, memory // 2 // (8 * n_pairs)))
    for number, block in enumerate(blocks):
        layers = weighted_rdms(values[block], labels[block], measure)
        for of_block, (group, ranked) in enumerate(brains.groups):
            averages = _spread(group, ranked, brains.n_subjects)
            columns = [place[roi] for roi in group.rows]

            def correlate_with(
                some: slice,
                block: slice = block,
                layers: WeightedRdms = layers,
                group: SharedStimuli = group,
                averages: NDArray[np.float32] = averages,
                columns: list[int] = columns,
            ) -> None:
                # Permuting the network by p equals permuting the brain by the inverse of p.
                index = permuted_entries(inverse[some], n_entries)
                met = group.seen.astype(np.int32)[inverse[some]]
                weights = weights_of_copies(met, some.start, "permutation", measure)
                moved = averages[:, index].transpose(1, 0, 2)
                null[block, columns, some] += weighted_products(
                    layers, weights, moved, memory=memory_a_thread // 2
                )

            def told(done: int, total: int, before: int = number * len(brains.groups) + of_block) -> None:
                tick(before * total + done, len(blocks) * len(brains.groups) * total)

            in_threads(correlate_with, slices(len(inverse), batch), told)
    return np.clip(null, -1, 1, out=null)


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
