"""Noise ceiling: the best score that any model can reach, given how well subjects agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from alignhouse.analysis.kernels.similarity import FloatArray, correlate, rank
from alignhouse.analysis.statistics.settings import CeilingAverage, CeilingCombine
from alignhouse.warehouse.errors import BadInput


@dataclass(frozen=True)
class NoiseCeiling:
    """The range in which the score of the true model is expected, in units of Spearman rho."""

    lower: float
    upper: float


def noise_ceiling(
    rdms: ArrayLike,
    *,
    combine: CeilingCombine = "mean",
    average: CeilingAverage = "rank",
    names: Sequence[str] | None = None,
) -> NoiseCeiling:
    """Noise ceiling of the subjects' RDMs of one region.

    The upper bound correlates each subject with the average of all subjects, which includes its own RDM and
    therefore overfits. The lower bound correlates it with the average of the others (Nili et al. 2014, PLoS
    Comput Biol 10, "noise ceiling").

    Parameters
    ----------
    rdms : (S, P), one condensed RDM a subject, S at least 2.
    combine : "mean" of the subjects' rho, or "rms", the root of the mean of rho squared.
    average : "rank" averages each subject's ranks, "raw" the dissimilarities themselves.
    names : (S), names of the subjects for errors.

    Raises BadInput for a single subject, for an average that is constant, and as `similarity.rank` does.
    """
    raw = np.asarray(rdms)
    subjects = rank(raw, names)
    n_subjects = len(raw)
    if n_subjects < 2:
        raise BadInput(
            "noise ceiling",
            expected="at least 2 subjects",
            found=n_subjects,
            hint="it measures agreement between subjects: skip it for a single one",
        )
    source = subjects.centred if average == "rank" else raw.astype(np.float64, copy=False)
    # Compute each mean directly: subtracting one subject from the total would break true ties by rounding.
    of_others = np.stack([np.delete(source, left_out, axis=0).mean(axis=0) for left_out in range(n_subjects)])
    upper = correlate(subjects, rank(source.mean(axis=0, keepdims=True), ["the mean of all subjects"]))[:, 0]
    without = [f"the mean without {names[i] if names else f'subject {i}'}" for i in range(n_subjects)]
    lower = np.diagonal(correlate(subjects, rank(of_others, without)))
    return NoiseCeiling(lower=_combined(lower, combine), upper=_combined(upper, combine))


def _combined(rho: FloatArray, combine: CeilingCombine) -> float:
    return float(np.sqrt(np.mean(rho**2)) if combine == "rms" else np.mean(rho))
