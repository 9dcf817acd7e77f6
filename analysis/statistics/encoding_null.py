"""Permutation tests of voxel encoding: the median over voxels, under orders of the stimuli."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.medians import medians_in_place
from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, FloatArray
from alignhouse.analysis.kernels.threads import Tick, in_threads, slices, untold
from alignhouse.analysis.statistics.encoding import RegionVoxels
from alignhouse.analysis.statistics.permutation import max_statistic_p, p_value_greater
from alignhouse.analysis.statistics.settings import PValueMethod
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import BadInput

# Voxels of one call of numpy: enough to spread its overhead, few enough for the CPU cache (measured).
VOXELS_A_CALL = 16
PERMUTATIONS_A_BLOCK = 128


@dataclass(frozen=True)
class EncodingTest:
    """Tests of L layers in one region.

    score : (L,), mean over subjects of the median over voxels. null : (L, K) float32, the same under each
    order. p : (L,), of each layer as if it had been chosen beforehand. p_best : of the highest score, against
    the highest of all layers under each order.
    """

    score: FloatArray
    null: NDArray[np.float32]
    p: FloatArray
    p_best: float


def permutation_null(
    voxels: RegionVoxels,
    orders: ArrayLike,
    *,
    memory: int = DEFAULT_MEMORY,
    tick: Tick = untold,
) -> NDArray[np.float32]:
    """Median over voxels of r / ceiling, with the responses to the test stimuli permuted: (L, K) float32.

    Prediction i is compared with response `orders`[k, i]. The fit does not use the test stimuli, so under the
    null hypothesis (responses say nothing about the features of their stimuli) each order is as likely as the
    observed one. This holds for a training and a test split only: predictions of several folds are fitted
    to each other's responses (`encoding_folds.refitted_null`). All voxels of all regions and subjects get the
    same orders, so that their dependence is kept.

    A permutation changes neither means nor lengths of rows. So each score is one dot product.

    Parameters
    ----------
    orders : (K, m) see `permutation.stimulus_permutations`.
    memory : bytes for working buffers, in addition to a copy of the responses (and of float64 predictions).

    Raises BadInput for orders that are not permutations of the m stimuli.
    """
    n_layers, n_voxels, m = voxels.predictions.shape
    places = checked_orders(orders, m)
    null = np.empty((n_layers, len(places)), np.float32)
    predictions = voxels.predictions.astype(np.float32, copy=False)
    responses = (voxels.responses / voxels.ceiling[:, None]).astype(np.float32)
    # Of one order: a score for each layer and voxel, and the permuted responses of a call in each thread.
    an_order = 4 * (n_layers * n_voxels + cores() * VOXELS_A_CALL * (m + 2 * n_layers))
    at_once = max(1, min(PERMUTATIONS_A_BLOCK, memory // an_order))
    scores = np.empty((n_layers, min(at_once, len(places)), n_voxels), np.float32)
    for block in slices(len(places), at_once):
        some = places[block].T
        found = scores[:, : some.shape[1]]

        def correlate(part: slice, some: Any = some, found: Any = found) -> None:
            permuted = responses[part][:, some]
            # (voxels, layers, stimuli) times (voxels, stimuli, orders).
            products = np.matmul(predictions[:, part].transpose(1, 0, 2), permuted)
            found[:, :, part] = products.transpose(1, 2, 0)

        in_threads(correlate, slices(n_voxels, VOXELS_A_CALL))
        parts = [(layer, own) for layer in range(n_layers) for own in slices(some.shape[1], 64)]

        def take_medians(part: tuple[int, slice], found: Any = found, start: int = block.start) -> None:
            layer, own = part
            null[layer, start + own.start : start + own.stop] = medians_in_place(found[layer, own])

        in_threads(take_medians, parts)
        tick(block.stop, len(places))
    return null


def encoding_test(
    medians: ArrayLike, nulls: Sequence[ArrayLike], method: PValueMethod = "plus_one"
) -> EncodingTest:
    """Test the mean over S subjects of their medians (S, L), from S nulls (L, K) under the same orders.

    The tests are one-sided: a negative r is no prediction. The best layer is the highest of L scores, so it
    is compared with the highest of all layers under each order (Nichols & Holmes 2002). Layers of several
    networks, stacked, are tested as one family. Raises BadInput for shapes that do not fit, and NaN.
    """
    observed = np.asarray(medians, dtype=np.float64)
    stacked = [np.asarray(each, dtype=np.float32) for each in nulls]
    shapes = {each.shape for each in stacked}
    if observed.ndim != 2 or len(stacked) != len(observed) or len(shapes) != 1:
        raise BadInput(
            "test of an encoding",
            expected="medians (subjects, layers) and as many nulls (layers, permutations)",
            found=f"{observed.shape} and {len(stacked)} nulls of shapes {sorted(shapes)}",
        )
    score = observed.mean(axis=0)
    null = np.asarray(np.mean(stacked, axis=0, dtype=np.float64), np.float32)
    return EncodingTest(
        score, null, p_value_greater(score, null, method), max_statistic_p(float(score.max()), null, method)
    )


def checked_orders(orders: ArrayLike, m: int) -> NDArray[np.intp]:
    """`orders` as (K, m) int; BadInput unless each row is a permutation of 0 to m - 1."""
    given = np.asarray(orders)
    fits = given.ndim == 2 and given.dtype.kind in "iu" and given.size > 0 and given.shape[1] == m
    if not fits or (np.sort(given, axis=1) != np.arange(m)).any():
        raise BadInput(
            "orders of the stimuli",
            expected=f"at least one row, each a permutation of 0 to {m - 1}",
            found=f"{given.dtype} of shape {given.shape}",
        )
    return given.astype(np.intp, copy=False)
