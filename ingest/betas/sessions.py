"""z-scores of each voxel within a session."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alignhouse.ingest.arrays.matrices import BAND_BYTES, Matrix, take
from alignhouse.ingest.betas.trials import Trials
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.sizes import size_in_words

ZSCORE = "zscore"
"""The key of `[brain]` that says within what betas are z-scored."""
# A deviation below this share of the mean is rounding error of the sum in float64.
_ROUNDING = 1e-13


@dataclass(frozen=True)
class SessionScale:
    """Mean and standard deviation of each voxel in each session, (n_sessions, V) float64.

    session : of each trial, (n_trials,) int.
    """

    session: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    def scaled(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """z-scores (len(rows), V) float64 of the trials `rows`; NaN for a voxel that is constant."""
        scaled = values.astype(np.float64)
        of_session = self.session[rows]
        with np.errstate(divide="ignore", invalid="ignore"):
            for number in np.unique(of_session):
                here = of_session == number
                scaled[here] = (scaled[here] - self.mean[number]) / self.deviation[number]
        return scaled


def scale_of_sessions(matrix: Matrix, trials: Trials, memory: int, label: str) -> SessionScale:
    """The scale of every session, over all its trials, with the divisor n.

    Parameters
    ----------
    memory : bytes that may be used. label : of the betas, for errors.

    Raises
    ------
    BadInput : sessions are not known, one has a single trial, or the scale does not fit into the memory.
    """
    if trials.sessions is None:
        raise BadInput(
            f"the sessions of the {label} are not known",
            expected=f"a column session in {trials.source}",
            hint='brain.zscore = "session" needs it',
        )
    names = list(dict.fromkeys(trials.sessions))
    session = np.array([names.index(each) for each in trials.sessions])
    n_voxels = matrix.shape[1]
    needed = 2 * 8 * len(names) * n_voxels
    if needed > memory // 2:
        raise BadInput(
            f"means of {len(names)} sessions of {label}",
            expected=f"at most {size_in_words(memory // 2)}, half of the memory that is allowed",
            found=size_in_words(needed),
            hint="raise compute.memory",
        )
    mean, deviation = np.zeros((2, len(names), n_voxels))
    step = max(1, BAND_BYTES // (8 * max(1, n_voxels)))
    for number, name in enumerate(names):
        rows = np.flatnonzero(session == number)
        if len(rows) < 2:
            raise BadInput(f"session {name} of {label}", expected="at least 2 trials", found=len(rows))
        squares: np.ndarray | float = 0.0
        done = 0
        for start in range(0, len(rows), step):
            values = take(matrix, rows[start : start + step]).astype(np.float64)
            # Merge means and sums of squares block by block (Chan et al. 1983).
            of_block = values.mean(axis=0)
            difference, n_both = of_block - mean[number], done + len(values)
            squares = squares + ((values - of_block) ** 2).sum(axis=0)
            squares = squares + difference**2 * done * len(values) / n_both
            mean[number] += difference * len(values) / n_both
            done = n_both
        deviation[number] = np.sqrt(squares / len(rows))
    # The mean of equal values may differ from them in the last digit.
    deviation[deviation <= _ROUNDING * np.abs(mean)] = np.nan
    return SessionScale(session, mean, deviation)
