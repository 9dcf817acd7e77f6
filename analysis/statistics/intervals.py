"""Intervals from bootstrap distributions: percentile, expanded, bias-corrected, and the dual bootstrap's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.statistics.bootstrap import BootstrapScores
from alignhouse.warehouse.errors import BadInput

RESAMPLINGS = ("stimuli", "subjects", "both")


@dataclass(frozen=True)
class Interval:
    """Lower and upper bounds of intervals, each of the shape of what is estimated."""

    lower: FloatArray
    upper: FloatArray


def percentile_interval(samples: ArrayLike, level: float = 0.95) -> Interval:
    """Percentile interval of bootstrap `samples` (..., B): bounds (...) (Efron & Tibshirani 1993, ch. 13).

    The quantiles (1 - level) / 2 and (1 + level) / 2, linear between order statistics. Raises BadInput for
    NaN, no samples, or a level outside (0, 1).
    """
    ordered = _ordered(samples, level)
    tail = np.full(ordered.shape[:-1], (1 - level) / 2)
    return Interval(_quantile(ordered, tail), _quantile(ordered, 1 - tail))


def expanded_percentile_interval(samples: ArrayLike, n: int, level: float = 0.95) -> Interval:
    """Percentile interval for few units: bounds (...) (Hesterberg 2015, Am Stat 69, 371, section 3.4).

    `n` things (stimuli or subjects) were resampled to get `samples` (..., B). The bootstrap's variance of a
    mean is too small by (n - 1) / n, and its quantiles ignore that the variance is estimated. So the tails
    are narrower than (1 - level) / 2: they are Phi(-sqrt(n / (n - 1)) t), with the quantile t of Student's
    distribution with n - 1 degrees of freedom. Raises BadInput as `percentile_interval` does, and for n
    below 2.
    """
    from scipy.special import ndtr, stdtrit

    if n < 2:
        raise BadInput("expanded percentile interval", expected="at least 2 resampled units", found=n)
    ordered = _ordered(samples, level)
    expanded = ndtr(-np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 + level) / 2))
    tail = np.full(ordered.shape[:-1], expanded)
    return Interval(_quantile(ordered, tail), _quantile(ordered, 1 - tail))


def bias_corrected_interval(observed: ArrayLike, samples: ArrayLike, level: float = 0.95) -> Interval:
    """Bias-corrected percentile interval of `observed` (...): bounds (...) (Efron 1981, Can J Stat 9, 139).

    With z0 the normal quantile of the share of samples (..., B) below the observed value (ties half), the
    bounds are the quantiles Phi(2 z0 -/+ z) of the samples. A share of 0 or 1, for which z0 would be
    infinite, is moved half a sample inwards. Raises BadInput as `percentile_interval` does, and for wrong
    shapes.
    """
    from scipy.special import ndtr, ndtri

    ordered, score = _ordered(samples, level), np.asarray(observed, dtype=np.float64)
    if score.shape != ordered.shape[:-1] or np.isnan(score).any():
        raise BadInput(
            "bias-corrected interval",
            expected=f"numbers of shape {ordered.shape[:-1]}, as the samples",
            found=f"shape {score.shape}, {np.count_nonzero(np.isnan(score))} NaN",
        )
    n_samples = ordered.shape[-1]
    # Samples may be in single precision, so the observed value is rounded likewise before the comparison.
    place = score.astype(ordered.dtype)[..., None]
    below = np.count_nonzero(ordered < place, axis=-1) + np.count_nonzero(ordered == place, axis=-1) / 2
    z0 = ndtri(np.clip(below, 0.5, n_samples - 0.5) / n_samples)
    z = ndtri((1 + level) / 2)
    return Interval(_quantile(ordered, ndtr(2 * z0 - z)), _quantile(ordered, ndtr(2 * z0 + z)))


def dual_variance(
    both: ArrayLike, subjects: ArrayLike, stimuli: ArrayLike, n_subjects: int, n_stimuli: int
) -> FloatArray:
    """Variance of a score over new subjects and new stimuli, from three bootstraps (..., B): (...) float64.

    The plain bootstrap over both factors counts measurement noise up to three times. With V the variances of
    the bootstraps (divisor B - 1), S subjects and n stimuli, the estimate is

        S/(S-1) V_subjects + n/(n-1) V_stimuli - S n / ((S-1)(n-1)) (V_both - V_subjects - V_stimuli)

    bounded below by each of its first two terms, and then above by V_both (Schuett et al. 2023, eLife 12,
    e82566, "corrected 2-factor bootstrap"). Raises BadInput for fewer than 2 subjects, stimuli or samples.
    """
    samples = [np.asarray(each, dtype=np.float64) for each in (both, subjects, stimuli)]
    for what, found in (("subjects", n_subjects), ("stimuli", n_stimuli), ("draws", samples[0].shape[-1])):
        if found < 2:
            raise BadInput(f"dual bootstrap: {what}", expected="at least 2", found=found)
    v_both, v_subjects, v_stimuli = (each.var(axis=-1, ddof=1) for each in samples)
    grow_subjects, grow_stimuli = n_subjects / (n_subjects - 1), n_stimuli / (n_stimuli - 1)
    excess = grow_subjects * grow_stimuli * (v_both - v_subjects - v_stimuli)
    variance = grow_subjects * v_subjects + grow_stimuli * v_stimuli - excess
    variance = np.maximum(variance, np.maximum(grow_subjects * v_subjects, grow_stimuli * v_stimuli))
    return np.minimum(variance, v_both)


def dual_interval(
    observed: ArrayLike,
    both: ArrayLike,
    subjects: ArrayLike,
    stimuli: ArrayLike,
    n_subjects: int,
    n_stimuli: int,
    level: float = 0.95,
) -> Interval:
    """Interval of `observed` (...) by the variance of the dual bootstrap: bounds (...).

    observed -/+ t sqrt(dual_variance), with the quantile t of Student's distribution of min(S, n) - 1 degrees
    of freedom (Schuett et al. 2023). Raises BadInput as `dual_variance` does.
    """
    from scipy.special import stdtrit

    check_level(level)
    score = np.asarray(observed, dtype=np.float64)
    error = np.sqrt(dual_variance(both, subjects, stimuli, n_subjects, n_stimuli))
    reach = stdtrit(min(n_subjects, n_stimuli) - 1, (1 + level) / 2) * error
    return Interval(score - reach, score + reach)


def dual_p(
    observed: ArrayLike,
    both: ArrayLike,
    subjects: ArrayLike,
    stimuli: ArrayLike,
    n_subjects: int,
    n_stimuli: int,
) -> FloatArray:
    """Two-sided p of a true value of 0, by the variance of the dual bootstrap: (...) float64.

    Student's t of observed / sqrt(dual_variance), with min(S, n) - 1 degrees of freedom (Schuett et al.
    2023). It is at most 1 - level where `dual_interval` leaves out 0. Parameters and errors are those of
    `dual_interval`. Without any variance, p is 1 for an observed 0 and else 0.
    """
    from scipy.special import stdtr

    score = np.abs(np.asarray(observed, dtype=np.float64))
    error = np.sqrt(dual_variance(both, subjects, stimuli, n_subjects, n_stimuli))
    t = np.divide(score, error, out=np.where(score > 0, np.inf, 0), where=error > 0)
    return np.asarray(2 * stdtr(min(n_subjects, n_stimuli) - 1, -t))


def expanded_percentile_p(samples: ArrayLike, n: int) -> FloatArray:
    """Two-sided p of a true value of 0, from bootstrap `samples` (..., B) of `n` units: (...) float64.

    The share q of samples on the rarer side of 0, ties half and at least half a sample, is a quantile of
    `expanded_percentile_interval`. So p is 2 T(Phi^-1(q) sqrt((n - 1) / n)), with T of Student's distribution
    with n - 1 degrees of freedom. Raises BadInput as `expanded_percentile_interval` does.
    """
    from scipy.special import ndtri, stdtr

    if n < 2:
        raise BadInput("p-value of a bootstrap", expected="at least 2 resampled units", found=n)
    values = _ordered(samples, 0.95)
    n_samples = values.shape[-1]
    below = np.count_nonzero(values < 0, axis=-1) + np.count_nonzero(values == 0, axis=-1) / 2
    rarer = np.maximum(np.minimum(below, n_samples - below), 0.5) / n_samples
    return np.asarray(2 * stdtr(n - 1, ndtri(rarer) * np.sqrt((n - 1) / n)))


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Student's interval of the mean over S subjects of `values` (..., S): bounds (...).

    They are NaN for one subject. Raises BadInput for a level outside (0, 1).
    """
    from scipy.special import stdtrit

    check_level(level)
    numbers = np.asarray(values, dtype=np.float64)
    n_subjects, mean = numbers.shape[-1], numbers.mean(axis=-1)
    if n_subjects < 2:
        return Interval(np.full_like(mean, np.nan), np.full_like(mean, np.nan))
    error = numbers.std(axis=-1, ddof=1) / np.sqrt(n_subjects)
    reach = stdtrit(n_subjects - 1, (1 + level) / 2) * error
    return Interval(mean - reach, mean + reach)


def intervals_of(scores: BootstrapScores, level: float = 0.95) -> dict[tuple[str, str], Interval]:
    """All intervals of a bootstrap record: (resampling, method) -> bounds (L,).

    Methods are "percentile" and "bias_corrected"; for stimuli and subjects also "expanded_percentile"; with
    two subjects or more, also ("both", "dual").
    """
    found = {}
    units = {"stimuli": scores.n_stimuli, "subjects": scores.n_subjects}
    for kind in RESAMPLINGS:
        samples = getattr(scores, kind)
        if samples is not None:
            found[kind, "percentile"] = percentile_interval(samples, level)
            if kind in units:
                found[kind, "expanded_percentile"] = expanded_percentile_interval(samples, units[kind], level)
            found[kind, "bias_corrected"] = bias_corrected_interval(scores.observed, samples, level)
    if scores.both is not None and scores.subjects is not None and scores.both.shape[-1] > 1:
        found["both", "dual"] = dual_interval(
            scores.observed,
            scores.both,
            scores.subjects,
            scores.stimuli,
            scores.n_subjects,
            scores.n_stimuli,
            level,
        )
    return found


def _ordered(samples: ArrayLike, level: float) -> NDArray[Any]:
    check_level(level)
    values = np.asarray(samples)
    if values.ndim == 0 or values.shape[-1] == 0 or values.dtype.kind != "f":
        raise BadInput(
            "bootstrap samples",
            expected="real numbers (..., draws), at least one draw",
            found=f"{values.dtype} of shape {values.shape}",
        )
    ordered = np.sort(values, axis=-1)
    # NaN sorts last.
    if np.isnan(ordered[..., -1]).any():
        raise BadInput("bootstrap samples", expected="numbers", found="NaN")
    return ordered


def check_level(level: float) -> None:
    """Raise BadInput for a level outside (0, 1)."""
    if not 0 < level < 1:
        raise BadInput("level of an interval", expected="between 0 and 1, e.g. 0.95", found=level)


def _quantile(ordered: NDArray[Any], share: FloatArray) -> FloatArray:
    """Quantiles `share` (...) of sorted values (..., B), linear between them (Hyndman & Fan 1996, type 7)."""
    place = share * (ordered.shape[-1] - 1)
    floor = np.floor(place).astype(np.intp)
    ceiling = np.minimum(floor + 1, ordered.shape[-1] - 1)
    low = np.take_along_axis(ordered, floor[..., None], axis=-1)[..., 0].astype(np.float64)
    high = np.take_along_axis(ordered, ceiling[..., None], axis=-1)[..., 0].astype(np.float64)
    return low + (place - floor) * (high - low)
