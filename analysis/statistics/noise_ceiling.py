"""Noise ceiling: the best score that any model can reach, given how well subjects agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.measure_names import RANK_MEASURES, Measure
from alignhouse.analysis.kernels.measures import prepared
from alignhouse.analysis.kernels.similarity import FloatArray, Ranks, correlate
from alignhouse.analysis.statistics.intervals import Interval, check_level
from alignhouse.analysis.statistics.settings import CeilingAverage, CeilingCombine
from alignhouse.warehouse.errors import BadInput

FEWEST_SUBJECTS = 2
# The jackknife compares ceilings without one subject, which need two others.
FEWEST_SUBJECTS_OF_AN_INTERVAL = 3
# The mean of unit vectors that cancel each other is a rounding error.
SHORTEST_MEAN = 1e-12


@dataclass(frozen=True)
class NoiseCeiling:
    """The range in which the score of the true model is expected, in units of the measure."""

    lower: float
    upper: float


def noise_ceiling(
    rdms: ArrayLike,
    *,
    combine: CeilingCombine = "mean",
    average: CeilingAverage = "rank",
    measure: Measure = "spearman",
    names: Sequence[str] | None = None,
) -> NoiseCeiling:
    """Noise ceiling of the subjects' RDMs of one region.

    The upper bound correlates each subject with the average of all subjects, which includes its own RDM and
    therefore overfits. The lower bound correlates it with the average of the others (Nili et al. 2014, PLoS
    Comput Biol 10, "noise ceiling").

    Parameters
    ----------
    rdms : (S, P), one condensed RDM a subject, S at least 2.
    combine : "mean" of the subjects' scores, or "rms", the root of the mean of their squares.
    average : "raw" averages the dissimilarities themselves. "rank" averages each subject's ranks, or, for a
        measure without ranks, the subjects' unit vectors (see `measures.prepared`): the average with the
        highest mean score of all.
    measure : see `measures.similarity`. names : (S), names of the subjects for errors.

    Raises BadInput for a single subject, for an average that is constant, and as `measures.prepared` does.
    """
    raw = np.asarray(rdms)
    subjects = prepared(raw, measure, names)
    n_subjects = len(raw)
    if n_subjects < FEWEST_SUBJECTS:
        raise BadInput(
            "noise ceiling",
            expected=f"at least {FEWEST_SUBJECTS} subjects",
            found=n_subjects,
            hint="it measures agreement between subjects: skip it for a single one",
        )
    source: NDArray[np.floating]
    if average == "raw":
        source = raw.astype(np.float64, copy=False)
    else:
        source = subjects.centred if measure in RANK_MEASURES else subjects.unit()

    def of_average(rows: NDArray[np.floating], names: list[str]) -> Ranks:
        if average == "raw" or measure in RANK_MEASURES:
            return prepared(rows, measure, names)
        return means_of_unit_vectors(rows, names)

    # Compute each mean directly: subtracting one subject from the total would break true ties by rounding.
    of_others = np.stack([np.delete(source, left_out, axis=0).mean(axis=0) for left_out in range(n_subjects)])
    of_all = of_average(source.mean(axis=0, keepdims=True), ["the mean of all subjects"])
    without = [f"the mean without {names[i] if names else f'subject {i}'}" for i in range(n_subjects)]
    lower = np.diagonal(correlate(subjects, of_average(of_others, without)))
    upper = correlate(subjects, of_all)[:, 0]
    return NoiseCeiling(lower=combined_scores(lower, combine), upper=combined_scores(upper, combine))


def means_of_unit_vectors(means: NDArray[np.floating], names: Sequence[str]) -> Ranks:
    """Means of unit vectors, ready to correlate; BadInput if the vectors cancel each other."""
    squares = np.einsum("ij,ij->i", means, means)
    if not (squares > SHORTEST_MEAN**2).all():
        raise BadInput(
            names[int(np.argmin(squares))],
            expected="RDMs that do not cancel each other",
            found=f"a mean of length {np.sqrt(squares.min()):.1e}",
        )
    return Ranks(means, squares)


def lower_ceiling_interval(
    rdms: ArrayLike,
    *,
    level: float = 0.95,
    combine: CeilingCombine = "mean",
    average: CeilingAverage = "rank",
    measure: Measure = "spearman",
    names: Sequence[str] | None = None,
) -> Interval:
    """Interval of the lower noise ceiling over subjects, by the jackknife.

    Subjects share the averages that they are compared with, so their correlations are not independent and the
    bootstrap would compare a subject with its own copies. The jackknife leaves each subject out in turn. With
    c_-s the ceiling without subject s, the squared standard error is (S - 1) / S times the sum over s of
    (c_-s - their mean)^2, and the interval is the ceiling -/+ t times it, with S - 1 degrees of freedom
    (Efron & Tibshirani 1993, ch. 11).

    Parameters as `noise_ceiling`; S at least 3. Raises BadInput as it does, and for a level outside (0, 1).
    """
    check_level(level)
    raw = np.asarray(rdms)
    n_subjects = len(raw)
    if n_subjects < FEWEST_SUBJECTS_OF_AN_INTERVAL:
        raise BadInput(
            "interval of a noise ceiling",
            expected=f"at least {FEWEST_SUBJECTS_OF_AN_INTERVAL} subjects",
            found=n_subjects,
        )

    def lower(kept: list[int]) -> float:
        some = [names[i] for i in kept] if names else None
        return noise_ceiling(raw[kept], combine=combine, average=average, measure=measure, names=some).lower

    everyone = list(range(n_subjects))
    without = [lower([i for i in everyone if i != left_out]) for left_out in everyone]
    return jackknife_interval(lower(everyone), without, level)


def jackknife_interval(centre: float, without: Sequence[float], level: float) -> Interval:
    """The interval around a statistic of S subjects, from its values (S) without each of them."""
    from scipy.special import stdtrit

    n_subjects = len(without)
    squared = (n_subjects - 1) / n_subjects * np.sum(np.square(np.asarray(without) - np.mean(without)))
    reach = float(stdtrit(n_subjects - 1, (1 + level) / 2) * np.sqrt(squared))
    return Interval(np.asarray(centre - reach), np.asarray(centre + reach))


def combined_scores(rho: FloatArray, combine: CeilingCombine) -> float:
    """The score of all subjects from those of each, (S,); see `noise_ceiling`."""
    return float(np.sqrt(np.mean(rho**2)) if combine == "rms" else np.mean(rho))
