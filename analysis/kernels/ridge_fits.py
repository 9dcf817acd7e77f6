"""Fit many layers to many voxels: each block of voxels is read once, and shared by all layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.devices import Precision, to_device, to_numpy
from alignhouse.analysis.kernels.ridge import RidgeLayer
from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, FloatArray
from alignhouse.analysis.kernels.threads import Tick, in_threads, slices, untold
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import BadInput

AlphaPer = Literal["voxel", "region"]
# Called once per pass over the voxels: each block is (n, v), stimuli by voxels.
Blocks = Callable[[], Iterable[NDArray[Any]]]

# Voxels of one product: enough to reach the speed of large products, few enough for the CPU cache (measured).
VOXELS_A_PRODUCT = 1024


def in_memory(responses: NDArray[Any]) -> Blocks:
    """Responses (n, V) that are in memory, as one block."""
    return lambda: [responses]


@dataclass(frozen=True)
class RidgeFit:
    """Predictions of L layers for V voxels.

    predictions : (L, V, m), of the m test stimuli, minus the mean of the training responses.
    chosen : (L, V) int, index of the penalty.
    errors : (L, V) float64, the cross-validated error of that penalty over that of the training mean. So
        1 - errors is the cross-validated R squared on the training stimuli.
    """

    predictions: NDArray[np.floating]
    chosen: NDArray[np.intp]
    errors: FloatArray


def ridge_fit(
    layers: Sequence[RidgeLayer],
    blocks: Blocks,
    *,
    alpha_per: AlphaPer = "voxel",
    memory: int = DEFAULT_MEMORY,
    tick: Tick = untold,
) -> RidgeFit:
    """Predictions of all layers for all voxels of `blocks`, joined; see `ridge_fits`.

    `alpha_per` "voxel" chooses a penalty for each voxel. "region" chooses one for all voxels of `blocks`, the
    one with the lowest mean over voxels of the errors; it reads the blocks twice. The result takes 4 L V m
    bytes (8 in float64) in addition to `memory`, and twice as many while several blocks are joined. `tick`
    gets the number of blocks that are done, twice. Raises BadInput as `ridge_fits` does, and without a block.
    """
    chosen = None if alpha_per == "voxel" else _best_for_all(layers, blocks(), memory)
    fits = []
    for fit in ridge_fits(layers, blocks(), chosen=chosen, memory=memory):
        fits.append(fit)
        tick(len(fits), len(fits))
    if not fits:
        raise BadInput("voxels to predict", expected="at least one block", found=0)
    if len(fits) == 1:
        return fits[0]
    return RidgeFit(
        np.concatenate([each.predictions for each in fits], axis=1),
        np.concatenate([each.chosen for each in fits], axis=1),
        np.concatenate([each.errors for each in fits], axis=1),
    )


def ridge_fits(
    layers: Sequence[RidgeLayer],
    blocks: Iterable[NDArray[Any]],
    *,
    chosen: ArrayLike | None = None,
    memory: int = DEFAULT_MEMORY,
) -> Iterator[RidgeFit]:
    """The fit of all layers to each of `blocks` in turn. A block is read once, and all layers share it.

    Parameters
    ----------
    layers : L layers with equal numbers of training stimuli n, test stimuli m and penalties.
    blocks : (n, v) training responses, in any unit; the mean of each voxel is removed.
    chosen : (L,) index of the penalty of each layer, or (L, V) of each voxel of a single block; None chooses
        the best for each voxel.
    memory : bytes for working buffers, in addition to the layers, to a block and to its result.

    Raises BadInput for NaN, voxels that are constant over the training stimuli, and shapes that do not fit.
    """
    _check_sizes(layers)
    fixed = None if chosen is None else np.asarray(chosen, dtype=np.intp)
    numbers = count()
    for block in blocks:
        yield _fit_of_block(layers, block, next(numbers), fixed, memory)
        # Free it before the next block is read. `enumerate` would keep a reference.
        del block


def ridge_errors(
    layers: Sequence[RidgeLayer], responses: NDArray[Any], *, memory: int = DEFAULT_MEMORY
) -> NDArray[np.floating]:
    """The cross-validated error of each penalty, over that of the training mean: (L, V, A).

    Raises BadInput as `ridge_fits` does, which also says what the arguments are.
    """
    _check_sizes(layers)
    n_voxels = _voxels_of(responses, layers[0].n_train, 0)
    found = np.empty((len(layers), n_voxels, len(layers[0].alphas)), layers[0].precision)

    def take(index: int, columns: slice, rows: Any) -> None:
        found[index, columns] = to_numpy(layers[index].choice.errors(rows))

    _over_voxels(layers, responses, 0, memory, take)
    return found


def _fit_of_block(
    layers: Sequence[RidgeLayer],
    block: NDArray[Any],
    number: int,
    fixed: NDArray[np.intp] | None,
    memory: int,
) -> RidgeFit:
    n_voxels = _voxels_of(block, layers[0].n_train, number)
    predictions = np.empty((len(layers), n_voxels, layers[0].n_test), layers[0].precision)
    chosen = np.empty((len(layers), n_voxels), np.intp)
    errors = np.empty((len(layers), n_voxels))

    def predict(index: int, columns: slice, rows: Any) -> None:
        layer = layers[index]
        found = to_numpy(layer.choice.errors(rows))
        if fixed is None:
            best = found.argmin(axis=1)
        else:
            best = np.full(len(found), fixed[index]) if fixed.ndim == 1 else fixed[index, columns]
        for alpha in np.unique(best):
            own = best == alpha
            places = columns.start + np.flatnonzero(own)
            predictions[index, places] = to_numpy(rows[own] @ layer.operators[int(alpha)].T)
        chosen[index, columns] = best
        errors[index, columns] = found[np.arange(len(best)), best]

    _over_voxels(layers, block, number, memory, predict)
    return RidgeFit(predictions, chosen, errors)


def _best_for_all(
    layers: Sequence[RidgeLayer], blocks: Iterable[NDArray[Any]], memory: int
) -> NDArray[np.intp]:
    """The penalty (L,) with the lowest sum of relative errors over all voxels."""
    _check_sizes(layers)
    totals = np.zeros((len(layers), len(layers[0].alphas)))
    adding = Lock()

    def add(index: int, _: slice, rows: Any) -> None:
        own = to_numpy(layers[index].choice.errors(rows)).sum(axis=0, dtype=np.float64)
        with adding:
            totals[index] += own

    for number, block in enumerate(blocks):
        _voxels_of(block, layers[0].n_train, number)
        _over_voxels(layers, block, number, memory, add)
    return totals.argmin(axis=1)


def _over_voxels(
    layers: Sequence[RidgeLayer],
    block: NDArray[Any],
    number: int,
    memory: int,
    work: Callable[[int, slice, Any], None],
) -> None:
    """Call `work` with the index of each layer, voxels of the block, and their centred rows (v, n)."""
    first = layers[0]
    # Its row, its product, squares or a copy of the row; predictions; errors of all penalties, and places.
    numbers = 3 * first.n_train + first.n_test + 3 * len(first.alphas)
    a_voxel = np.dtype(first.precision).itemsize * numbers + 64
    for some in slices(block.shape[1], max(1, memory // a_voxel)):
        rows = to_device(_centred_rows(block, some, first.precision, number), first.device, first.precision)
        length = some.stop - some.start
        # A GPU needs one large product, cores need one each.
        at_once = length if first.device is not None else min(VOXELS_A_PRODUCT, -(-length // cores()))
        parts = [(index, own) for own in slices(length, at_once) for index in range(len(layers))]

        def one(part: tuple[int, slice], rows: Any = rows, start: int = some.start) -> None:
            index, own = part
            work(index, slice(start + own.start, start + own.stop), rows[own])

        if first.device is None:
            in_threads(one, parts)
        else:
            for part in parts:
                one(part)


def _centred_rows(
    block: NDArray[Any], some: slice, precision: Precision, number: int
) -> NDArray[np.floating]:
    """Voxels of the block as rows (v, n), minus their means."""
    rows = np.array(block[:, some].T, dtype=precision, order="C")
    finite = np.isfinite(rows).all(axis=1)
    wrong = np.flatnonzero(~finite | (rows.min(axis=1) == rows.max(axis=1)))
    if wrong.size:
        voxel = int(wrong[0])
        raise BadInput(
            f"training responses of voxel {some.start + voxel} of block {number}",
            expected="finite numbers that differ between stimuli",
            found=f"{rows[voxel, 0]} for all stimuli" if finite[voxel] else "NaN or infinity",
            hint="leave the voxel out",
        )
    rows -= rows.mean(axis=1, keepdims=True, dtype=np.float64).astype(precision)
    return rows


def _check_sizes(layers: Sequence[RidgeLayer]) -> None:
    if not layers:
        raise BadInput("layers to fit", expected="at least one", found=0)
    wanted = _sizes_of(layers[0])
    for each in layers:
        if _sizes_of(each) != wanted:
            raise BadInput(f"sizes of {each.name}", expected=wanted, found=_sizes_of(each))


def _sizes_of(layer: RidgeLayer) -> str:
    return (
        f"{layer.n_train} training and {layer.n_test} test stimuli, {len(layer.alphas)} alphas, "
        f"{layer.precision}, device {layer.device}"
    )


def _voxels_of(block: NDArray[Any], n_train: int, number: int) -> int:
    if block.ndim != 2 or len(block) != n_train or block.shape[1] == 0 or block.dtype.kind not in "fiu":
        raise BadInput(
            f"training responses, block {number}",
            expected=f"real numbers ({n_train} stimuli, voxels)",
            found=f"{block.dtype} of shape {block.shape}",
        )
    return int(block.shape[1])
