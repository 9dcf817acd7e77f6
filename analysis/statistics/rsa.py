"""Scores of a network's layers in every region: alignment, nulls, p-values, best layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.measure_names import RANK_MEASURES, SIGN_MEASURES, Measure
from alignhouse.analysis.kernels.measures import prepared, vector_length
from alignhouse.analysis.kernels.similarity import (
    FloatArray,
    Ranks,
    condition_count,
    correlate,
    pair_count,
    real_rows,
)
from alignhouse.analysis.kernels.threads import Tick, untold
from alignhouse.analysis.statistics.kendall_null import null_of_signs
from alignhouse.analysis.statistics.permutation import (
    DEFAULT_MEMORY,
    best_layer_null,
    checked_permutations,
    max_statistic_p,
    mean_unit_vectors,
    null_rows_and_columns,
    null_rows_only,
    p_value,
)
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.warehouse.errors import BadInput

# The vector of a layer in single precision, in memory until all permutations are done.
BYTES_A_PAIR = 4


@dataclass(frozen=True)
class RoiScores:
    """Scores of one network's L layers in one region with S subjects and K permutations.

    Attributes
    ----------
    rho : (L, S) float64, the similarity of each layer with each subject: Spearman's rho, or as the measure
        says.
    mean : (L,) float64, R, the mean of `rho` over subjects.
    sem : (L,) float64, its standard error; NaN for one subject.
    null : (L, K) float32, R under each permutation.
    p_layer : (L,) float64, two-sided p of each layer, not corrected for the number of layers.
    best_layer : index of the highest R; the first one if several are equal.
    best_null : (K,) float64, the null that the best layer is tested against.
    p_best : p of the best layer, by the protocol's `best_layer_null`.
    """

    rho: FloatArray
    mean: FloatArray
    sem: FloatArray
    null: NDArray[np.float32]
    p_layer: FloatArray
    best_layer: int
    best_null: FloatArray
    p_best: float


@dataclass(frozen=True)
class RankedBrains:
    """Brain RDMs, ranked or centred once for all networks.

    ranks : (sum of S, M), all regions stacked; ranks are in single precision, which holds them exactly.
    rows : region -> its rows in `ranks`.
    averages : (R, M) float64, the `mean_unit_vectors` of each region; of no use for Kendall's tau-a, whose
        vectors are signs.
    n_stimuli : n. measure : which these vectors are for, see `measures.prepared`.
    """

    ranks: Ranks
    rows: Mapping[str, slice]
    averages: FloatArray
    n_stimuli: int
    measure: Measure


def rank_brains(brain: Mapping[str, ArrayLike], measure: Measure = "spearman") -> RankedBrains:
    """Prepare brain RDMs, region -> (S, P), one condensed RDM a subject; S may differ between regions.

    Raises BadInput, with region and row, as `measures.prepared` does; also without regions, and for lengths P
    that differ.
    """
    if not brain:
        raise BadInput("brain RDMs", expected="at least one region", found="none")
    arrays = {roi: np.asarray(each) for roi, each in brain.items()}
    n_pairs = shared_length({f"region {roi}": each.shape for roi, each in arrays.items()})
    total = sum(len(each) for each in arrays.values())
    n_entries = vector_length(n_pairs, measure)
    exact = np.float32 if measure in RANK_MEASURES else np.float64
    centred, sum_squares = np.empty((total, n_entries), exact), np.empty(total)
    rows: dict[str, slice] = {}
    averages, start = np.empty((len(arrays), n_entries)), 0
    for index, (roi, each) in enumerate(arrays.items()):
        ranks = prepared(each, measure, [f"region {roi}, row {row}" for row in range(len(each))])
        rows[roi] = slice(start, start + len(each))
        centred[rows[roi]], sum_squares[rows[roi]] = ranks.centred, ranks.sum_squares
        averages[index] = mean_unit_vectors(ranks)
        start += len(each)
    stacked = Ranks(centred, sum_squares, signs=measure in SIGN_MEASURES)
    return RankedBrains(stacked, rows, averages, condition_count(n_pairs), measure)


def mean_and_sem(rho: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean over subjects of `rho` (L, S), and its standard error (ddof 1): (L,) and (L,) float64.

    With one subject the standard error is NaN. It is stored as NULL, never as 0.
    """
    n_subjects = rho.shape[1]
    mean = rho.mean(axis=1)
    if n_subjects == 1:
        return mean, np.full(mean.shape, np.nan)
    return mean, rho.std(axis=1, ddof=1) / np.sqrt(n_subjects)


def score_networks(
    models: Mapping[str, ArrayLike],
    brain: Mapping[str, ArrayLike] | RankedBrains,
    permutations: ArrayLike,
    settings: AnalysisSettings,
    *,
    memory: int = DEFAULT_MEMORY,
    layer_names: Mapping[str, Sequence[str]] | None = None,
    tick: Tick = untold,
) -> dict[str, dict[str, RoiScores]]:
    """Scores of all layers of many networks in every region; brain data are permuted once for all networks.

    Parameters
    ----------
    models : network -> (L, P), one condensed RDM a layer. Lazy arrays with a shape (`StoredVectors`, h5py
        data sets) are accepted; each is loaded when needed and then dropped.
    brain : region -> (S, P), one condensed RDM a subject; or the result of `rank_brains` for this measure.
    permutations : (K, n) int, the same for all networks and regions.
    settings : the protocol: measure, null, p-value, and the null of a best layer.
    memory : bytes for working buffers, in addition to the inputs, `BYTES_A_PAIR` for each value of all
        models, the ranks of the brain RDMs and the result.
    layer_names : network -> (L), names of the layers for errors. tick : called as permutations are done.

    Returns network -> region -> RoiScores. Each layer is ranked or centred once for all regions. Raises
    BadInput, with network and layer or region, for RDMs that cannot be ranked or compared.
    """
    if not models:
        raise BadInput("scores", expected="at least one network", found="none")
    measure = settings.measure
    brains = brain if isinstance(brain, RankedBrains) else rank_brains(brain, measure)
    if brains.measure != measure:
        raise BadInput("brain RDMs", expected=f"prepared for {measure}", found=brains.measure)
    shapes = {network: np.shape(each) for network, each in models.items()}
    n_pairs = shared_length(
        {f"network {network}": shape for network, shape in shapes.items()}
        | {f"region {roi}": (1, pair_count(brains.n_stimuli)) for roi in brains.rows}
    )
    n_entries = vector_length(n_pairs, measure)
    orders = checked_permutations(permutations, brains.n_stimuli)

    labels = [
        label for network, (count, _) in shapes.items() for label in layer_labels(network, count, layer_names)
    ]
    rho = np.empty((len(labels), len(brains.ranks.centred)))
    null = np.empty((len(labels), len(brains.rows), len(orders)), np.float32)
    together = settings.null == "rows_and_columns"
    unit = np.empty((len(labels) if together else 0, n_entries), np.float32)
    # Each layer needs its values and its vector. Brains are converted once a block, so few blocks are faster.
    a_block = min(len(labels), max(1, memory // (n_entries * 8 * 2)))
    room = np.empty((a_block, n_entries))
    for block, values in _blocks(models, np.empty((a_block, n_pairs))):
        ranks = prepared(values, measure, labels[block], out=room[: len(values)])
        rho[block] = correlate(ranks, brains.ranks)
        if together:
            lengths = np.sqrt(ranks.sum_squares)[:, None]
            np.divide(ranks.centred, lengths, out=unit[block], casting="same_kind")
        else:

            def told(done: int, total: int, block: slice = block) -> None:
                n_layers = block.stop - block.start
                tick(block.start * total + done * n_layers, len(labels) * total)

            null[block] = null_rows_only(
                values, brains.averages, orders, memory=memory // 2, names=labels[block], tick=told
            )
    if brains.ranks.signs:
        regions = [brains.ranks.centred[rows] for rows in brains.rows.values()]
        null = null_of_signs(unit, regions, orders, memory=memory, tick=tick)
    elif together:
        null = null_rows_and_columns(unit, brains.averages, orders, memory=memory, tick=tick)

    scores: dict[str, dict[str, RoiScores]] = {}
    start = 0
    for network, (count, _) in shapes.items():
        own = slice(start, start + count)
        scores[network] = {
            roi: roi_scores(rho[own, rows], null[own, index], settings)
            for index, (roi, rows) in enumerate(brains.rows.items())
        }
        start += count
    return scores


def _blocks(models: Mapping[str, ArrayLike], values: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
    """Blocks of consecutive layers, with their RDMs, of at most as many layers as `values` has rows."""
    start = filled = 0
    for each in models.values():
        for row in real_rows(each):
            values[filled] = row
            filled += 1
            if filled == len(values):
                yield slice(start, start + filled), values
                start, filled = start + filled, 0
    if filled:
        yield slice(start, start + filled), values[:filled]


def roi_scores(rho: FloatArray, null: NDArray[np.float32], settings: AnalysisSettings) -> RoiScores:
    """The scores of one network in one region, from rho (L, S) and the null (L, K) of R."""
    mean, sem = mean_and_sem(rho)
    best = int(np.argmax(mean))
    p_layer = p_value(mean, null, settings.p_value)
    if settings.best_layer_null == "max_over_layers":
        p_best = max_statistic_p(float(mean[best]), null, settings.p_value)
    else:
        p_best = float(p_layer[best])
    best_null = best_layer_null(null, best, settings.best_layer_null)
    return RoiScores(rho, mean, sem, null, p_layer, best, best_null, p_best)


def layer_labels(network: str, n_layers: int, names: Mapping[str, Sequence[str]] | None) -> list[str]:
    """Names of a network's layers for errors: those of `names`, or numbers."""
    if names is None:
        return [f"{network}, layer {index}" for index in range(n_layers)]
    if len(names[network]) != n_layers:
        raise BadInput(
            f"layer names of {network}", expected=f"{n_layers}, one a layer", found=len(names[network])
        )
    return [f"{network}, layer {name}" for name in names[network]]


def shared_length(shapes: Mapping[str, tuple[int, ...]]) -> int:
    lengths: dict[str, int] = {}
    for owner, shape in shapes.items():
        if len(shape) != 2 or shape[0] == 0:
            raise BadInput(
                f"RDMs of {owner}", expected="(rows, pairs), at least one row", found=f"shape {shape}"
            )
        lengths[owner] = shape[1]
    first, expected = next(iter(lengths.items()))
    for owner, found in lengths.items():
        if found != expected:
            raise BadInput(f"RDMs of {owner}", expected=f"{expected} pairs, as {first}", found=found)
    return expected
