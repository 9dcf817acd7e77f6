"""Noise-ceiling SNR and split-half reliability against plain formulas and known truths."""

from __future__ import annotations

import numpy as np
import pytest
from plain_reliability import ncsnr_plainly, reliability_plainly
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from alignhouse.ingest.betas.reliability import (
    gram_of_responses,
    halvings,
    ncsnr,
    rdm_reliability,
    spearman_brown,
)
from alignhouse.ingest.rdm import RowNames
from alignhouse.warehouse.errors import BadInput


def betas(n: int, repetitions: int, voxels: int, noise: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(n, 1, voxels))
    return (signal + noise * rng.normal(size=(n, repetitions, voxels))).astype(np.float32)


def gram_of(values: np.ndarray, rows_at_once: int = 10**6) -> np.ndarray:
    rows = values.reshape(-1, values.shape[-1])
    return gram_of_responses(lambda start, stop: rows[start:stop], len(rows), rows_at_once)


@pytest.mark.parametrize(("n", "repetitions"), [(40, 10), (30, 3)])
def test_ncsnr_is_the_ratio_of_the_two_standard_deviations(n, repetitions):
    values = betas(n, repetitions, 7, noise=1.5).astype(float)
    expected = ncsnr_plainly(values)
    np.testing.assert_allclose(ncsnr([values]), expected, rtol=1e-12)
    blocks = [values[:3], values[3:4], values[4:]]
    np.testing.assert_allclose(ncsnr(blocks), expected, rtol=1e-12)


def test_ncsnr_of_both_splits_takes_every_stimulus_and_response():
    train, test = betas(30, 3, 5, 1.0, seed=1).astype(float), betas(20, 10, 5, 1.0, seed=2).astype(float)
    variances = [np.var(each, axis=0, ddof=1) for split in (train, test) for each in split]
    total = np.var(np.concatenate([train.reshape(-1, 5), test.reshape(-1, 5)]), axis=0, ddof=1)
    noise_variance = np.mean(variances, axis=0)
    expected = np.sqrt(total - noise_variance) / np.sqrt(noise_variance)
    np.testing.assert_allclose(ncsnr([train, test]), expected, rtol=1e-12)


def test_ncsnr_finds_the_ratio_that_the_data_were_made_with():
    assert np.median(ncsnr([betas(2000, 3, 200, noise=2.0)])) == pytest.approx(0.5, abs=0.01)


def test_ncsnr_survives_an_offset_that_would_swallow_sums_of_squares():
    values = betas(50, 4, 3, 1.0).astype(float)
    np.testing.assert_allclose(ncsnr([values[:20] + 1e7, values[20:] + 1e7]), ncsnr([values]), rtol=1e-6)


def test_ncsnr_at_its_ends():
    values = betas(20, 4, 3, 1.0)
    values[..., 0] = 5
    values[..., 1] = values[:, :1, 1]
    assert ncsnr([values])[:2].tolist() == [0, np.inf]
    with pytest.raises(BadInput, match="at least 2 of each stimulus"):
        ncsnr([values[:, :1]])


@pytest.mark.parametrize("repetitions", [2, 3, 4, 5])
def test_reliability_is_the_spearman_brown_corrected_correlation_of_halves(repetitions):
    values = betas(12, repetitions, 15, noise=1.0)
    expected = reliability_plainly(values)
    assert rdm_reliability(gram_of(values), repetitions) == pytest.approx(expected, abs=1e-10)
    assert rdm_reliability(gram_of(values, rows_at_once=5), repetitions) == pytest.approx(expected, abs=1e-10)


def test_reliability_does_not_depend_on_the_scale_or_offset_of_voxels_patterns():
    values = betas(10, 4, 15, noise=1.0).astype(float)
    one = rdm_reliability(gram_of(values), 4)
    assert rdm_reliability(gram_of(3 * values + 100), 4) == pytest.approx(one, abs=1e-9)


def test_reliability_of_pure_signal_is_one_and_of_pure_noise_about_zero():
    signal = np.repeat(betas(20, 1, 40, 0.0), 4, axis=1)
    assert rdm_reliability(gram_of(signal), 4) == pytest.approx(1)
    noise = [
        rdm_reliability(gram_of(np.random.default_rng(i).normal(size=(20, 4, 40))), 4) for i in range(40)
    ]
    assert abs(np.mean(noise)) < 0.06


def test_reliability_predicts_how_a_new_measurement_would_correlate():
    """The reliability of a measurement predicts the correlation of two measurements of R repetitions."""
    found, predicted = [], []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        signal = rng.normal(size=(30, 1, 50))
        measured = [signal + 2.5 * rng.normal(size=(30, 4, 50)) for _ in range(2)]
        rdms = [pdist(each.mean(axis=1), "correlation") for each in measured]
        found.append(spearmanr(*rdms).statistic)
        predicted += [rdm_reliability(gram_of(each), 4) for each in measured]
    assert np.mean(predicted) == pytest.approx(np.mean(found), abs=0.04)


def test_halvings_are_all_of_them_each_once():
    counts = {2: 1, 3: 3, 4: 3, 5: 15, 10: 126, 12: 126}
    for repetitions, count in counts.items():
        first, second = halvings(repetitions)
        assert len(first) == len(second) == count
        assert not (first & second).any()
        assert (first.sum(axis=1) == repetitions // 2).all()
        assert (second.sum(axis=1) == repetitions // 2).all()
        pairs = {frozenset([a.tobytes(), b.tobytes()]) for a, b in zip(first, second, strict=True)}
        assert len(pairs) == count


@pytest.mark.parametrize(("r", "factor", "expected"), [(0.5, 2, 2 / 3), (0, 2, 0), (1, 3, 1), (-0.6, 3, -1)])
def test_spearman_brown(r, factor, expected):
    assert spearman_brown(r, factor) == pytest.approx(expected)


def test_what_has_no_reliability_is_refused():
    with pytest.raises(BadInput, match="at least 3 stimuli of 2"):
        rdm_reliability(gram_of(betas(2, 4, 5, 1.0)), 4)
    with pytest.raises(BadInput, match="at least 3 stimuli of 2"):
        rdm_reliability(gram_of(betas(5, 1, 5, 1.0)), 1)
    values = betas(5, 2, 6, 1.0)
    values[3] = 2
    with pytest.raises(BadInput, match="stimulus 4 of 5"):
        rdm_reliability(gram_of(values), 2)


def test_a_half_that_is_the_same_in_all_voxels_is_named():
    values = betas(5, 2, 9, noise=1.0)
    values[3, 0] = 0.5
    called = RowNames("half of the responses of s1, V1, stimulus", ["a", "b", "c", "d", "e"])
    for names, message in (
        (called, "of s1, V1, stimulus d: expected"),
        (None, "to stimulus 4 of 5: expected"),
    ):
        with pytest.raises(BadInput, match=message):
            rdm_reliability(gram_of(values), 2, *([names] if names else []))
