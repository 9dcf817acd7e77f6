"""Measures of similarity other than Spearman's rho, against scipy and rsatoolbox, with every backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import pearsonr, rankdata, spearmanr

from alignhouse.analysis.kernels.measures import similarity
from alignhouse.analysis.kernels.similarity import spearman
from alignhouse.warehouse.errors import BadInput

Float = NDArray[np.float64]
MEASURES = ("spearman", "rho_a", "pearson", "kendall_tau_a", "cosine")
whole = st.integers(6, 30).flatmap(
    lambda p: arrays(np.float64, (4, p), elements=st.integers(-3, 3).map(float))
)


def plain_tau_a(x: Float, y: Float) -> float:
    """The definition, over all pairs of places."""
    q, r = np.triu_indices(x.size, 1)
    return float(np.mean(np.sign(x[q] - x[r]) * np.sign(y[q] - y[r])))


def plain(measure: str, x: Float, y: Float) -> float:
    if measure == "spearman":
        return float(spearmanr(x, y).statistic)
    if measure == "pearson":
        return float(pearsonr(x, y).statistic)
    if measure == "cosine":
        return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))
    if measure == "kendall_tau_a":
        return plain_tau_a(x, y)
    a, b = rankdata(x) - (x.size + 1) / 2, rankdata(y) - (x.size + 1) / 2
    return float(12 * (a @ b) / (x.size**3 - x.size))


@pytest.mark.parametrize("measure", MEASURES)
@settings(max_examples=40, deadline=None)
@given(whole)
def test_every_measure_equals_its_definition_ties_included(measure: Any, rdms: Float) -> None:
    assume((rdms.min(axis=1) < rdms.max(axis=1)).all())
    expected = [[plain(measure, a, b) for b in rdms[2:]] for a in rdms[:2]]
    np.testing.assert_allclose(similarity(rdms[:2], rdms[2:], measure), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("measure", "theirs"),
    [
        ("spearman", "spearman"),
        ("rho_a", "rho-a"),
        ("pearson", "corr"),
        ("kendall_tau_a", "tau-a"),
        ("cosine", "cosine"),
    ],
)
@pytest.mark.parametrize("ties", [False, True])
def test_every_measure_equals_rsatoolbox(simulated_rdms: Any, measure: Any, theirs: str, ties: bool) -> None:
    rsatoolbox = pytest.importorskip("rsatoolbox")
    models, brain = simulated_rdms(3, 12, 0, ties=ties), simulated_rdms(4, 12, 1, ties=ties)
    as_rdms = rsatoolbox.rdm.RDMs
    expected = rsatoolbox.rdm.compare(as_rdms(models), as_rdms(brain), method=theirs)
    np.testing.assert_allclose(similarity(models, brain, measure), expected, rtol=0, atol=1e-12)


def test_rho_a_is_the_mean_over_random_ways_to_break_ties() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 3, (2, 10)).astype(float)
    x_ranks, y_ranks = (rankdata(each + rng.random((4000, 10)) * 0.1, axis=1) for each in (x, y))
    # Spearman's formula for ranks without ties.
    broken = 1 - 6 * ((x_ranks - y_ranks) ** 2).sum(axis=1) / (10 * (10**2 - 1))
    # The standard error of the mean of 4,000 is below .005.
    assert similarity(x[None], y[None], "rho_a")[0, 0] == pytest.approx(np.mean(broken), abs=0.02)


@pytest.mark.parametrize("n", [5, 6, 7, 8])
def test_tau_a_compares_every_two_pairs_once_for_any_size_and_memory(simulated_rdms: Any, n: int) -> None:
    rdms = simulated_rdms(5, n, 0, ties=True)
    expected = [[plain_tau_a(a, b) for b in rdms[3:]] for a in rdms[:3]]
    for memory in (1, 700, 10**6):
        found = similarity(rdms[:3], rdms[3:], "kendall_tau_a", memory=memory)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("measure", MEASURES)
def test_torch_gives_what_numpy_gives(simulated_rdms: Any, measure: Any) -> None:
    pytest.importorskip("torch")
    models, brain = simulated_rdms(3, 12, 0, ties=True), simulated_rdms(4, 12, 1)
    found = similarity(models, brain, measure, device="cpu")
    np.testing.assert_allclose(found, similarity(models, brain, measure), rtol=0, atol=1e-14)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("device", [None, "cpu"])
def test_the_error_of_single_precision_is_below_the_documented_bound(
    measure: Any, device: str | None
) -> None:
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    # Tau compares every two of the 5,151 pairs, which takes long.
    n_models, n_brains = (3, 2) if measure == "kendall_tau_a" else (20, 10)
    models, brain = rng.random((n_models, 5151)), rng.random((n_brains, 5151))
    exact = similarity(models, brain, measure)
    found = similarity(models, brain, measure, precision="float32", device=device)
    off_by = {"kendall_tau_a": 0, "cosine": 1e-6}.get(measure, 2e-7)
    np.testing.assert_allclose(found, exact, rtol=0, atol=off_by)


def test_a_device_that_is_not_there_is_an_error(simulated_rdms: Any) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    rdms = simulated_rdms(2, 6, 0)
    for device in ("cuda", "abacus"):
        with pytest.raises(BadInput, match=f"device '{device}'"):
            similarity(rdms, rdms, device=device)


@pytest.mark.parametrize("measure", MEASURES)
def test_little_memory_gives_the_same_numbers(simulated_rdms: Any, measure: Any) -> None:
    models, brain = simulated_rdms(7, 8, 0), simulated_rdms(4, 8, 1)
    found = similarity(models, brain, measure, memory=1)
    np.testing.assert_allclose(found, similarity(models, brain, measure), rtol=0, atol=1e-15)


@pytest.mark.parametrize("measure", ["spearman", "rho_a", "kendall_tau_a"])
def test_a_monotone_change_changes_no_measure_of_ranks(simulated_rdms: Any, measure: Any) -> None:
    models, brain = simulated_rdms(3, 12, 0, ties=True), simulated_rdms(4, 12, 1)
    changed = similarity(np.exp(3 * models) - 7, np.sqrt(brain), measure)
    np.testing.assert_array_equal(changed, similarity(models, brain, measure))


@pytest.mark.parametrize("measure", MEASURES)
def test_the_order_of_the_stimuli_changes_no_measure(simulated_rdms: Any, measure: Any) -> None:
    models, brain = simulated_rdms(3, 12, 0, ties=True), simulated_rdms(4, 12, 1, ties=True)
    order = np.random.default_rng(2).permutation(models.shape[1])
    shuffled = similarity(models[:, order], brain[:, order], measure)
    np.testing.assert_allclose(shuffled, similarity(models, brain, measure), rtol=0, atol=1e-14)


@pytest.mark.parametrize("measure", ["pearson", "cosine"])
@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_very_small_and_large_dissimilarities_are_compared_too(
    simulated_rdms: Any, measure: Any, size: float
) -> None:
    models, brain = simulated_rdms(3, 12, 0), simulated_rdms(4, 12, 1)
    expected = similarity(models, brain, measure)
    np.testing.assert_allclose(similarity(models * size, brain, measure), expected, rtol=0, atol=1e-14)


def test_the_default_is_spearman(simulated_rdms: Any) -> None:
    models, brain = simulated_rdms(3, 12, 0, ties=True), simulated_rdms(4, 12, 1)
    np.testing.assert_array_equal(similarity(models, brain), spearman(models, brain))


@pytest.mark.parametrize("measure", MEASURES)
def test_bad_rows_are_named_under_every_measure(simulated_rdms: Any, measure: Any) -> None:
    rdms = simulated_rdms(3, 6, 0)
    names = ["conv1", "conv2", "fc"]
    bad = rdms.copy()
    bad[1, 4] = np.nan
    with pytest.raises(BadInput, match="RDM of conv2 .*the first at pair 4"):
        similarity(bad, rdms, measure, a_names=names)
    bad[1] = 0
    with pytest.raises(BadInput, match="RDM of conv2 .*15 times 0"):
        similarity(bad, rdms, measure, a_names=names, memory=1)
    with pytest.raises(BadInput, match="RDM of conv2 .*15 times 0"):
        similarity(rdms, bad, measure, b_names=names)
    with pytest.raises(BadInput, match="at least 4 conditions"):
        similarity(simulated_rdms(1, 3, 0), simulated_rdms(1, 3, 0), measure)
    with pytest.raises(BadInput, match="expected 15 pairs in both, found 21"):
        similarity(rdms, simulated_rdms(2, 7, 0), measure)


def test_a_constant_rdm_has_no_pearson_correlation_however_it_rounds(simulated_rdms: Any) -> None:
    with pytest.raises(BadInput, match=r"15 times 0\.1"):
        similarity(np.full((1, 15), 0.1), simulated_rdms(2, 6, 0), "pearson")
