"""Correlations of alignment with the size, cost and accuracy of networks, against scipy and regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr

from alignhouse.analysis.statistics.bootstrap import NETWORKS, resample_counts
from alignhouse.analysis.statistics.complexity import complexity_correlations
from alignhouse.warehouse.errors import BadInput


def networks(n: int = 30, seed: int = 0) -> tuple[Any, dict[str, Any]]:
    """Alignment depends on accuracy, and accuracy on size: size matters only through accuracy."""
    rng = np.random.default_rng(seed)
    parameters = 10 ** rng.uniform(6, 9, n)
    gflops = parameters / 1e8 * 10 ** rng.normal(scale=0.4, size=n)
    top1 = 40 + 10 * np.log10(parameters / 1e6) + rng.normal(scale=3, size=n)
    alignment = 0.005 * top1 + rng.normal(scale=0.02, size=n)
    return alignment, {"parameters": parameters.tolist(), "gflops": gflops.tolist(), "top1": top1.tolist()}


def found(rows: Any, figure: str, given: bool, method: str = "pearson") -> Any:
    [row] = [each for each in rows if (each.figure, bool(each.given), each.method) == (figure, given, method)]
    return row


def residuals(y: Any, others: Any) -> Any:
    design = np.column_stack([np.ones(len(y)), *others])
    return y - design @ np.linalg.lstsq(design, y, rcond=None)[0]


def test_plain_correlations_are_scipys_sizes_as_logarithms() -> None:
    alignment, figures = networks()
    rows = complexity_correlations(alignment, figures, draws=20)
    for name, values in figures.items():
        shown = np.log10(values) if name != "top1" else values
        expected = pearsonr(alignment, shown).statistic
        assert found(rows, name, False).correlation == pytest.approx(expected, abs=1e-12)
        expected = spearmanr(alignment, values).statistic
        assert found(rows, name, False, "spearman").correlation == pytest.approx(expected, abs=1e-12)
    assert len(rows) == 3 * 2 * 2


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_partial_correlations_are_those_of_the_residuals(method: str) -> None:
    alignment, figures = networks()
    columns = {
        "parameters": np.log10(figures["parameters"]),
        "gflops": np.log10(figures["gflops"]),
        "top1": np.array(figures["top1"]),
    }
    score = alignment
    if method == "spearman":
        columns, score = {name: rankdata(each) for name, each in columns.items()}, rankdata(alignment)
    rows = complexity_correlations(alignment, figures, draws=20)
    for name, column in columns.items():
        others = [each for other, each in columns.items() if other != name]
        expected = pearsonr(residuals(score, others), residuals(column, others)).statistic
        row = found(rows, name, True, method)
        assert row.correlation == pytest.approx(expected, abs=1e-10)
        assert row.given == tuple(other for other in columns if other != name)


def test_size_matters_only_through_accuracy_and_the_partial_correlation_says_so() -> None:
    alignment, figures = networks(n=200)
    rows = complexity_correlations(alignment, figures, draws=500)
    assert found(rows, "parameters", False).lower > 0.3
    given = found(rows, "parameters", True)
    assert given.lower < 0 < given.upper
    assert found(rows, "top1", True).lower > 0.3


def test_intervals_are_percentiles_over_resampled_networks() -> None:
    alignment, figures = networks(n=12)
    row = found(complexity_correlations(alignment, figures, draws=50, seed=4), "top1", False)
    samples = []
    for counts in resample_counts(12, 50, 4, NETWORKS, fewest=4):
        drawn = np.repeat(np.arange(12), counts)
        samples.append(pearsonr(alignment[drawn], np.array(figures["top1"])[drawn]).statistic)
    np.testing.assert_allclose([row.lower, row.upper], np.quantile(samples, [0.025, 0.975]), atol=1e-12)
    assert row.draws == 50


def test_networks_that_lack_a_figure_are_left_out_and_counted() -> None:
    alignment, figures = networks(n=20)
    figures["gflops"][3] = None
    figures["top1"][3] = figures["top1"][7] = float("nan")
    rows = complexity_correlations(alignment, figures, draws=20)
    counts = {name: found(rows, name, False).n_left_out for name in figures}
    assert counts == {"parameters": 0, "gflops": 1, "top1": 2}
    given = found(rows, "parameters", True)
    assert (given.n_networks, given.n_left_out) == (18, 2)
    keep = [place for place in range(20) if place not in (3, 7)]
    without = {name: [values[place] for place in keep] for name, values in figures.items()}
    expected = found(complexity_correlations(alignment[keep], without, draws=20), "parameters", True)
    assert given.correlation == pytest.approx(expected.correlation, abs=1e-14)


def test_too_few_networks_have_no_correlation_but_are_counted() -> None:
    alignment, figures = networks(n=4)
    rows = complexity_correlations(alignment, figures, draws=20)
    assert found(rows, "top1", False).correlation is not None
    row = found(rows, "top1", True)
    assert (row.correlation, row.lower, row.upper, row.n_networks, row.draws) == (None, None, None, 4, 0)


@pytest.mark.parametrize(
    ("count", "plain", "given_one"), [(7, False, False), (8, True, False), (9, True, True)]
)
def test_fewer_than_eight_networks_have_no_interval(count: int, plain: bool, given_one: bool) -> None:
    random = np.random.default_rng(3)
    figures = {name: random.uniform(1, 9, count).tolist() for name in ("gflops", "top1")}
    for row in complexity_correlations(random.normal(size=count), figures, draws=50):
        assert row.correlation is not None
        has_interval = given_one if row.given else plain
        assert [each is not None for each in (row.lower, row.upper)] == [has_interval] * 2
        assert (row.draws > 0) == has_interval


def test_a_figure_that_does_not_vary_has_no_correlation_and_does_not_hide_the_others() -> None:
    alignment, figures = networks(n=20)
    figures["top1"] = [70.1] * 20
    rows = complexity_correlations(alignment, figures, draws=20)
    assert found(rows, "top1", False).correlation is None
    assert found(rows, "gflops", False).correlation is not None
    assert found(rows, "gflops", True).correlation is None


def test_figures_that_determine_one_another_leave_no_partial_correlation() -> None:
    alignment, figures = networks(n=20)
    figures["gflops"] = [2 * value for value in figures["parameters"]]
    rows = complexity_correlations(alignment, figures, draws=20)
    assert found(rows, "parameters", True).correlation is None
    assert found(rows, "top1", True).correlation is None


@pytest.mark.parametrize("seed", range(6))
def test_what_the_other_figures_determine_has_no_partial_correlation(seed: int) -> None:
    # Rounding decides whether the variance that is left is a little above 0 or below.
    alignment, figures = networks(n=20, seed=seed)
    both = {name: figures[name] for name in ("top1", "parameters")}
    both["top1"] = (1 + 2 * np.log10(both["parameters"])).tolist()
    for row in complexity_correlations(alignment, both, draws=20):
        assert (row.correlation is None) == bool(row.given)
    both["top1"] = figures["top1"]
    determined = 3 * np.array(both["top1"])
    rows = complexity_correlations(determined, both, draws=20)
    assert found(rows, "parameters", True).correlation is None


def test_a_single_figure_has_a_plain_correlation_only() -> None:
    alignment, figures = networks()
    rows = complexity_correlations(alignment, {"top1": figures["top1"]}, draws=5)
    assert [(row.given, row.method) for row in rows] == [((), "pearson"), ((), "spearman")]


def test_the_order_of_networks_does_not_change_the_correlations() -> None:
    alignment, figures = networks(n=15)
    order = np.random.default_rng(0).permutation(15)
    shuffled = {name: [values[place] for place in order] for name, values in figures.items()}
    for one, other in zip(
        complexity_correlations(alignment, figures, draws=5),
        complexity_correlations(alignment[order], shuffled, draws=5),
        strict=True,
    ):
        assert one.correlation == pytest.approx(other.correlation, abs=1e-12)


@pytest.mark.parametrize(
    ("alignment", "figures", "message"),
    [
        ([0.1, np.nan], {"top1": [1.0, 2.0]}, "alignment of networks"),
        ([], {"top1": []}, "alignment of networks"),
        ([0.1, 0.2], {"top1": [1.0]}, "top1 of networks: expected 2"),
        ([0.1, 0.2], {"top1": [1.0, np.inf]}, "top1 of networks"),
        ([0.1, 0.2], {"gflops": [1.0, 0.0]}, "gflops of network 1: expected above 0"),
    ],
)
def test_what_cannot_be_correlated_is_refused(alignment: Any, figures: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        complexity_correlations(alignment, figures)
