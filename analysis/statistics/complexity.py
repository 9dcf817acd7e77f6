"""Do larger, costlier or more accurate networks align better? Correlations over networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.statistics.bootstrap import NETWORKS, resample_counts
from alignhouse.analysis.statistics.intervals import percentile_interval
from alignhouse.warehouse.errors import BadInput

# Numbers of parameters and operations span three orders of magnitude. Without a logarithm the few largest
# networks would determine Pearson's correlation. Accuracy needs none.
LOGARITHMIC = ("parameters", "gflops")
# With three networks any correlation is near 1 in size.
FEWEST_NETWORKS = 4
# Resamples of fewer networks repeat a handful of points, and their percentiles are not an interval.
FEWEST_OF_AN_INTERVAL = 8


@dataclass(frozen=True)
class ComplexityCorrelation:
    """The correlation of alignment with one figure of networks.

    Attributes
    ----------
    figure : the figure that alignment is correlated with.
    given : the figures that are held constant; () for a plain correlation.
    method : "pearson" (figures of `LOGARITHMIC` as their logarithm) or "spearman".
    correlation, lower, upper : the value and its percentile interval; None if too few networks have the
        figures (`FEWEST_NETWORKS` for the value, `FEWEST_OF_AN_INTERVAL` for the interval, and one more for
        each figure that is held constant), or a figure does not vary.
    n_networks, n_left_out : numbers of networks that have all the figures, and that lack one.
    draws : number of bootstrap samples behind the interval; samples with a constant column are not used.
    """

    figure: str
    given: tuple[str, ...]
    method: str
    correlation: float | None
    lower: float | None
    upper: float | None
    n_networks: int
    n_left_out: int
    draws: int


def complexity_correlations(
    alignment: ArrayLike,
    figures: Mapping[str, Sequence[float | None]],
    *,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> list[ComplexityCorrelation]:
    """Correlations over M networks of alignment with each figure, plain and given all the other figures.

    Parameters
    ----------
    alignment : (M,) a score of each network in one region, e.g. R of its best layer.
    figures : name -> (M,) figures of the networks, None or NaN if unknown. "parameters" and
        "gflops" must be positive.
    draws, seed, level : of the bootstrap over networks.

    A partial correlation is the correlation of residuals after linear regression on the other figures (Fisher
    1924); "spearman" uses ranks throughout. It uses the networks that have every figure; a plain correlation
    uses those that have its own figure. Raises BadInput for NaN in `alignment`, for wrong shapes, and for
    figures at or below 0 whose logarithm is needed.
    """
    score = np.asarray(alignment, dtype=np.float64)
    if score.ndim != 1 or score.size == 0 or not np.isfinite(score).all():
        raise BadInput(
            "alignment of networks",
            expected="a finite number a network",
            found=f"shape {score.shape}, or NaN",
        )
    values = {name: _transformed(name, column, score.size) for name, column in figures.items()}
    found = []
    for name in values:
        others = tuple(other for other in values if other != name)
        for given in dict.fromkeys([(), others]):
            table = np.column_stack([score, values[name], *(values[other] for other in given)])
            there = np.isfinite(table).all(axis=1)
            for method in ("pearson", "spearman"):
                correlation, interval, used = _estimate(table[there], method, draws, seed, level)
                found.append(
                    ComplexityCorrelation(
                        name,
                        given,
                        method,
                        correlation,
                        *interval,
                        n_networks=int(there.sum()),
                        n_left_out=int((~there).sum()),
                        draws=used,
                    )
                )
    return found


def _estimate(
    table: FloatArray, method: str, draws: int, seed: int, level: float
) -> tuple[float | None, tuple[float | None, float | None], int]:
    n_networks, n_columns = table.shape
    # Each figure that is held constant takes one degree of freedom of the residuals.
    held = n_columns - 2
    fewest = FEWEST_NETWORKS + held
    if n_networks < fewest:
        return None, (None, None), 0
    observed = _partial(_ranked(table[None], method))[0]
    if np.isnan(observed):
        return None, (None, None), 0
    if n_networks < FEWEST_OF_AN_INTERVAL + held:
        return float(observed), (None, None), 0
    counts = resample_counts(n_networks, draws, seed, NETWORKS, fewest=fewest)
    rows = np.stack([np.repeat(np.arange(n_networks), each) for each in counts])
    samples = _partial(_ranked(table[rows], method))
    samples = samples[~np.isnan(samples)]
    if samples.size == 0:
        return float(observed), (None, None), 0
    interval = percentile_interval(samples, level)
    return float(observed), (float(interval.lower), float(interval.upper)), samples.size


def _ranked(tables: FloatArray, method: str) -> FloatArray:
    if method == "pearson":
        return tables
    # scipy.stats takes a second to load, so it is loaded only for this.
    from scipy.stats import rankdata

    return np.asarray(rankdata(tables, axis=1), dtype=np.float64)


def _partial(tables: FloatArray) -> FloatArray:
    """Partial correlations (B,) of columns 0 and 1 of tables (B, M, 2 + c), given the c other columns.

    NaN if a column does not vary, or if the c others determine one of the two.
    """
    centred = tables - tables.mean(axis=1, keepdims=True)
    # A column that varies by rounding only counts as constant.
    spread = np.sqrt(np.einsum("bmc,bmc->bc", centred, centred))
    varies = (spread > 1e-12 * np.abs(tables).max(axis=1) * np.sqrt(tables.shape[1])).all(axis=1)
    unit = centred / np.where(spread > 0, spread, 1)[:, None, :]
    correlations = np.einsum("bmc,bmd->bcd", unit, unit)
    usable = varies & (np.linalg.cond(correlations[:, 2:, 2:]) < 1e10) if tables.shape[2] > 2 else varies
    partial = np.full(len(tables), np.nan)
    pair = correlations[usable][:, :2, :2]
    if tables.shape[2] > 2:
        # Covariance of the pair after regression on the others (the Schur complement).
        across = correlations[usable][:, :2, 2:]
        explained = np.linalg.solve(correlations[usable][:, 2:, 2:], across.transpose(0, 2, 1))
        pair = pair - across @ explained
    rest = pair[:, 0, 0], pair[:, 1, 1]
    left = (rest[0] > 1e-10) & (rest[1] > 1e-10)
    value = np.full(len(pair), np.nan)
    value[left] = pair[left, 0, 1] / np.sqrt(rest[0][left] * rest[1][left])
    partial[usable] = np.clip(value, -1, 1)
    return partial


def _transformed(name: str, column: Sequence[float | None], n_networks: int) -> NDArray[Any]:
    values = np.array([np.nan if value is None else value for value in column], dtype=np.float64)
    if values.shape != (n_networks,) or np.isinf(values).any():
        raise BadInput(
            f"{name} of networks", expected=f"{n_networks} numbers, or none", found=f"shape {values.shape}"
        )
    if name not in LOGARITHMIC:
        return values
    if (values <= 0).any():
        place = int(np.argmax(values <= 0))
        raise BadInput(f"{name} of network {place}", expected="above 0", found=values[place])
    return np.asarray(np.log10(values))
