"""Bootstraps of voxel encoding over test stimuli, over subjects, and over both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.devices import Precision
from alignhouse.analysis.kernels.medians import medians_in_place
from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, FloatArray
from alignhouse.analysis.kernels.threads import Tick, in_threads, slices, untold
from alignhouse.analysis.statistics.bootstrap import BootstrapScores
from alignhouse.analysis.statistics.encoding import RegionVoxels
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import BadInput

Floats = NDArray[np.floating]

# Draws of one task of a thread.
DRAWS_A_BLOCK = 64
# The variance of a row is 1 / m. In a resample it may be smaller, but rounding must not decide it.
LEAST_VARIANCE: dict[Precision, float] = {"float32": 1e-5, "float64": 1e-13}


def resampled_medians(
    voxels: RegionVoxels,
    counts: ArrayLike,
    *,
    precision: Precision = "float32",
    memory: int = DEFAULT_MEMORY,
    tick: Tick = untold,
) -> FloatArray:
    """Median over voxels of r / ceiling in resamples of the test stimuli: (L, B) float64.

    The fits and the ceilings stay as they are. So the intervals are about other test stimuli for these fits,
    not about other training stimuli or another measurement.

    Parameters
    ----------
    voxels : of one split; see `encoding.region_voxels`.
    counts : (B, m) how often each stimulus is in each resample; see `bootstrap.resample_counts`.
    precision : "float32" is accurate to 1e-5 with 20 stimuli or more, and takes half the time.
    memory : bytes for working buffers, in addition to six arrays (V, m).
    tick : called as layers are done.

    Raises BadInput for wrong shapes, and if a voxel has no variance in a resample, to rounding.
    """
    n_layers, n_voxels, m = voxels.predictions.shape
    weights = np.asarray(counts)
    if weights.ndim != 2 or weights.shape[1] != m or len(weights) == 0 or (weights < 0).any():
        raise BadInput(
            "resamples of the stimuli",
            expected=f"counts (resamples, {m})",
            found=f"shape {weights.shape}",
        )
    sizes = weights.sum(axis=1, keepdims=True)
    if (sizes == 0).any():
        raise BadInput("resamples of the stimuli", expected="at least one stimulus", found="none")
    shares = (weights / sizes).astype(precision)
    responses, ceiling = voxels.responses.astype(precision), voxels.ceiling.astype(precision)
    found = np.empty((n_layers, len(shares)))
    # Of one draw in each thread: two means, two variances, a covariance, and a temporary product.
    a_draw = 6 * n_voxels * np.dtype(precision).itemsize
    length = max(1, min(DRAWS_A_BLOCK, memory // (a_draw * cores())))
    for layer in range(n_layers):
        predictions = voxels.predictions[layer].astype(precision)
        found[layer] = _medians_of_layer(predictions, responses, ceiling, shares, length, layer)
        tick(layer + 1, n_layers)
    return found


def _medians_of_layer(
    predictions: Floats, responses: Floats, ceiling: Floats, shares: Floats, length: int, layer: int
) -> FloatArray:
    """Medians (B,) from rows (V, m) and the shares (B, m) of the stimuli in each resample."""
    products, squares, response_squares = predictions * responses, predictions**2, responses**2
    least = LEAST_VARIANCE["float64" if shares.dtype == np.float64 else "float32"] / shares.shape[1]
    found = np.empty(len(shares))

    def resample(some: slice) -> None:
        drawn = shares[some]
        mean, mean_response = drawn @ predictions.T, drawn @ responses.T
        variance = drawn @ squares.T - mean * mean
        variance_response = drawn @ response_squares.T - mean_response * mean_response
        if min(variance.min(), variance_response.min()) < least:
            raise BadInput(
                f"resamples of the stimuli, layer {layer}",
                expected="values that differ in each resample",
                found="a voxel whose values are equal, to rounding",
                hint="precision float64 rounds less; more test stimuli help",
            )
        r = drawn @ products.T - mean * mean_response
        r /= np.sqrt(variance * variance_response)
        r /= ceiling
        found[some] = medians_in_place(r)

    in_threads(resample, slices(len(shares), length))
    return found


def encoding_bootstrap(
    medians: ArrayLike,
    resampled: Sequence[ArrayLike],
    subjects: ArrayLike,
    n_stimuli: int,
) -> BootstrapScores:
    """The record of a region, from which `intervals` makes intervals.

    Parameters
    ----------
    medians : (S, L) of each subject, without resampling.
    resampled : S arrays (L, B), `resampled_medians` under the same resamples.
    subjects : (B, S) how often each subject is in each resample; see `bootstrap.resample_counts`.
    n_stimuli : m, the number of test stimuli.

    Raises BadInput for shapes that do not fit.
    """
    observed, drawn = np.asarray(medians, dtype=np.float64), np.asarray(subjects, dtype=np.float64)
    stimuli = np.asarray([np.asarray(each, dtype=np.float64) for each in resampled])
    n_subjects = len(observed)
    if (
        observed.ndim != 2
        or stimuli.shape != (*observed.shape, len(drawn))
        or drawn.shape[1:] != (n_subjects,)
    ):
        raise BadInput(
            "bootstrap of an encoding",
            expected="medians (subjects, layers), resampled (subjects, layers, draws), (draws, subjects)",
            found=f"{observed.shape}, {stimuli.shape}, {drawn.shape}",
        )
    shares = drawn / drawn.sum(axis=1, keepdims=True)
    several = n_subjects > 1
    return BootstrapScores(
        observed=observed.mean(axis=0),
        stimuli=stimuli.mean(axis=0),
        subjects=observed.T @ shares.T if several else None,
        both=np.einsum("slb,bs->lb", stimuli, shares) if several else None,
        n_stimuli=n_stimuli,
        n_subjects=n_subjects,
    )
