"""Resampled scores by a simple method: build each resampled RDM, and rank it with scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

Float = NDArray[np.float64]


def resampled(rdm: Float, stimuli: NDArray[Any]) -> Float:
    """The condensed RDM of `stimuli` (indices, may repeat), without pairs of a stimulus with itself."""
    row, column = np.triu_indices(len(stimuli), 1)
    first, second = stimuli[row], stimuli[column]
    apart = first != second
    return np.asarray(squareform(rdm)[first[apart], second[apart]])


def plain_scores(
    models: Float, brain: Float, stimulus_counts: NDArray[Any], subject_counts: NDArray[Any] | None = None
) -> Float:
    """(L, B): rho on each resample of stimuli, averaged over subjects weighted by their number of draws."""
    scores = np.empty((len(models), len(stimulus_counts)))
    for draw, counts in enumerate(stimulus_counts):
        stimuli = np.repeat(np.arange(counts.size), counts)
        often = np.ones(len(brain), int) if subject_counts is None else subject_counts[draw]
        ranks = rankdata([resampled(rdm, stimuli) for rdm in (*models, *brain)], axis=1)
        rho = np.corrcoef(ranks)[: len(models), len(models) :]
        scores[:, draw] = np.repeat(rho, often, axis=1).mean(axis=1)
    return scores
