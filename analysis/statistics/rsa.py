"""Scores of a network's layers in every region: alignment, nulls, p-values, best layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.similarity import FloatArray, Ranks, correlate, rank, real_rows
from alignhouse.analysis.kernels.threads import Tick, untold
from alignhouse.analysis.statistics.permutation import (
    DEFAULT_MEMORY,
    best_layer_null,
    checked_permutations,
    max_statistic_p,
    mean_unit_ranks,
    null_rows_and_columns,
    null_rows_only,
    p_value,
)
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.warehouse.errors import BadInput

# The ranks of a layer in single precision, in memory until all permutations are done.
BYTES_A_PAIR = 4


@dataclass(frozen=True)
class RoiScores:
    """Scores of one network's L layers in one region with S subjects and K permutations.

    Attributes
    ----------
    rho : (L, S) float64, Spearman's rho of each layer with each subject.
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
    """Brain RDMs, ranked once for all networks.

    ranks : (sum of S, P), all regions stacked, in single precision, which holds the ranks exactly.
    rows : region -> its rows in `ranks`.
    averages : (R, P) float64, the `mean_unit_ranks` of each region.
    """

    ranks: Ranks
    rows: Mapping[str, slice]
    averages: FloatArray


def rank_brains(brain: Mapping[str, ArrayLike]) -> RankedBrains:
    """Rank brain RDMs, region -> (S, P), one condensed RDM a subject; S may differ between regions.

    Raises BadInput, with region and row, as `similarity.rank` does; also without regions, and for lengths P
    that differ.
    """
    if not brain:
        raise BadInput("brain RDMs", expected="at least one region", found="none")
    arrays = {roi: np.asarray(each) for roi, each in brain.items()}
    n_pairs = _shared_length({f"region {roi}": each.shape for roi, each in arrays.items()})
    total = sum(len(each) for each in arrays.values())
    centred, sum_squares = np.empty((total, n_pairs), np.float32), np.empty(total)
    rows: dict[str, slice] = {}
    averages, start = np.empty((len(arrays), n_pairs)), 0
    for index, (roi, each) in enumerate(arrays.items()):
        ranks = rank(each, [f"region {roi}, row {row}" for row in range(len(each))])
        rows[roi] = slice(start, start + len(each))
        centred[rows[roi]], sum_squares[rows[roi]] = ranks.centred, ranks.sum_squares
        averages[index] = mean_unit_ranks(ranks)
        start += len(each)
    return RankedBrains(Ranks(centred, sum_squares), rows, averages)


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
    brain : region -> (S, P), one condensed RDM a subject; or the result of `rank_brains`.
    permutations : (K, n) int, the same for all networks and regions.
    settings : the protocol: null, p-value, and the null of a best layer.
    memory : bytes for working buffers, in addition to the inputs, `BYTES_A_PAIR` for each value of all
        models, the ranks of the brain RDMs and the result.
    layer_names : network -> (L), names of the layers for errors. tick : called as permutations are done.

    Returns network -> region -> RoiScores. Each layer is ranked once for all regions. Raises BadInput, with
    network and layer or region, for RDMs that cannot be ranked or compared.
    """
    if not models:
        raise BadInput("scores", expected="at least one network", found="none")
    brains = brain if isinstance(brain, RankedBrains) else rank_brains(brain)
    shapes = {network: np.shape(each) for network, each in models.items()}
    n_pairs = _shared_length(
        {f"network {network}": shape for network, shape in shapes.items()}
        | {f"region {roi}": brains.averages.shape for roi in brains.rows}
    )
    orders = checked_permutations(permutations, n_pairs, brains.averages)

    labels = [
        label for network, (count, _) in shapes.items() for label in layer_labels(network, count, layer_names)
    ]
    rho = np.empty((len(labels), len(brains.ranks.centred)))
    null = np.empty((len(labels), len(brains.rows), len(orders)), np.float32)
    together = settings.null == "rows_and_columns"
    unit = np.empty((len(labels) if together else 0, n_pairs), np.float32)
    # Each layer needs its values and its ranks. Brains are converted once a block, so few blocks are faster.
    a_block = min(len(labels), max(1, memory // (n_pairs * 8 * 2)))
    room = np.empty((a_block, n_pairs))
    for block, values in _blocks(models, np.empty((a_block, n_pairs))):
        ranks = rank(values, labels[block], out=room[: len(values)])
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
    if together:
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


def _shared_length(shapes: Mapping[str, tuple[int, ...]]) -> int:
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
