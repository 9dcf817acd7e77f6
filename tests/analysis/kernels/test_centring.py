"""Whitened measures and CKA against rsatoolbox and against the definition on features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from measured_plainly import plainly
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from alignhouse.analysis.kernels.centring import centred_gram, u_centred
from alignhouse.analysis.kernels.measure_names import MEASURES
from alignhouse.analysis.kernels.measures import prepared, similarity, vector_length
from alignhouse.analysis.kernels.threads import slices
from alignhouse.analysis.kernels.weighted_vectors import sets_together, weighted_rdms, weights_of_copies
from alignhouse.warehouse.errors import BadInput

Float = NDArray[np.float64]
N = 11


def features(seed: int, width: int) -> Float:
    random = np.random.default_rng(seed)
    return np.asarray(random.normal(size=(N, width)) + 3 * random.normal(size=width))


@pytest.mark.parametrize(
    ("measure", "theirs"), [("whitened_cosine", "cosine_cov"), ("whitened_correlation", "corr_cov")]
)
def test_whitened_measures_equal_rsatoolbox(simulated_rdms: Any, measure: Any, theirs: str) -> None:
    rsatoolbox = pytest.importorskip("rsatoolbox")
    models, brain = simulated_rdms(3, N, 0, ties=True), simulated_rdms(4, N, 1)
    as_rdms = rsatoolbox.rdm.RDMs
    expected = rsatoolbox.rdm.compare(as_rdms(models), as_rdms(brain), method=theirs)
    np.testing.assert_allclose(similarity(models, brain, measure), expected, rtol=0, atol=1e-12)


def test_cka_of_squared_distances_is_that_of_the_features() -> None:
    x, y = features(0, 40), features(1, 7)
    x_centred, y_centred = x - x.mean(axis=0), y - y.mean(axis=0)
    # Kornblith et al. 2019, equation for linear CKA.
    cross = np.linalg.norm(x_centred.T @ y_centred) ** 2
    own = np.linalg.norm(x_centred.T @ x_centred) * np.linalg.norm(y_centred.T @ y_centred)
    found = similarity(pdist(x, "sqeuclidean")[None], pdist(y, "sqeuclidean")[None], "cka")
    assert found[0, 0] == pytest.approx(cross / own, abs=1e-12)


def unbiased_hsic(x: Float, y: Float) -> float:
    """Song et al. 2012, equation 5, with linear kernels."""
    k, m = (each @ each.T * (1 - np.eye(N)) for each in (x, y))
    ones = np.ones(N)
    traces = np.trace(k @ m) + (ones @ k @ ones) * (ones @ m @ ones) / ((N - 1) * (N - 2))
    return float((traces - 2 / (N - 2) * (ones @ k @ m @ ones)) / (N * (N - 3)))


def test_debiased_cka_is_the_ratio_of_unbiased_estimates() -> None:
    x, y = features(2, 40), features(3, 7)
    expected = unbiased_hsic(x, y) / np.sqrt(unbiased_hsic(x, x) * unbiased_hsic(y, y))
    found = similarity(pdist(x, "sqeuclidean")[None], pdist(y, "sqeuclidean")[None], "cka_debiased")
    assert found[0, 0] == pytest.approx(expected, abs=1e-10)


def test_debiased_cka_of_unrelated_features_is_around_zero_and_cka_is_not() -> None:
    rdms = np.stack([pdist(features(seed, 50), "sqeuclidean") for seed in range(60)])
    biased, debiased = (similarity(rdms[:30], rdms[30:], measure) for measure in ("cka", "cka_debiased"))
    assert abs(debiased.mean()) < 0.02
    assert biased.mean() > 0.5


@pytest.mark.parametrize("measure", MEASURES)
def test_the_vector_of_each_measure_gives_its_definition(simulated_rdms: Any, measure: Any) -> None:
    models, brain = simulated_rdms(3, N, 0, ties=True), simulated_rdms(2, N, 1)
    expected = [[plainly(measure, a, b, np.arange(N)) for b in brain] for a in models]
    np.testing.assert_allclose(similarity(models, brain, measure), expected, rtol=0, atol=1e-12)
    vectors = prepared(models, measure)
    assert vectors.centred.shape == (3, vector_length(models.shape[1], measure))


@pytest.mark.parametrize("measure", MEASURES)
def test_copies_of_conditions_give_what_written_out_copies_give(simulated_rdms: Any, measure: Any) -> None:
    rdms = simulated_rdms(4, N, 5, ties=True)
    counts = np.random.default_rng(0).multinomial(N, np.full(N, 1 / N), size=6).astype(np.int32)
    # One condition with half of the copies, which the division of the normal equations does not allow.
    counts[5] = [5, 2, 0, 1, 1, 0, 0, 0, 0, 0, 1]
    together = sets_together(rdms.shape[1], measure, 1, 10**6)
    assert (together == 1) == (measure == "kendall_tau_a")
    found = np.zeros((4, 4, 6))
    for some in slices(6, together):
        for weights in weights_of_copies(counts[some], some.start, "resample", measure):
            vectors = np.empty((4, some.stop - some.start, weights.weights.shape[1]))
            lengths = weighted_rdms(rdms, list("abcd"), measure).vectors(slice(0, 4), weights, vectors)
            products = np.einsum("be,abe,cbe->acb", weights.weights, vectors, vectors)
            found[:, :, some] += products / (lengths[:, None] * lengths[None])
    for draw, each in enumerate(counts):
        kept = np.repeat(np.arange(N), each)
        expected = [[plainly(measure, a, b, kept) for b in rdms] for a in rdms]
        np.testing.assert_allclose(found[:, :, draw], expected, rtol=0, atol=1e-10)


def test_half_of_all_copies_can_be_of_one_condition(simulated_rdms: Any) -> None:
    [rdm] = simulated_rdms(1, 8, 0)
    counts = np.array([[4.0, 1, 1, 1, 1, 0, 0, 0]])
    [centred] = u_centred(rdm, counts)
    row, column = np.triu_indices(8, 1)
    weights = counts[0, row] * counts[0, column]
    for condition in range(5):
        of_condition = (row == condition) | (column == condition)
        others = np.where(row == condition, column, row)[of_condition]
        assert (counts[0, others] * centred[of_condition])[weights[of_condition] > 0].sum() == pytest.approx(
            0
        )


def test_centred_inner_products_have_no_sum_whatever_the_weights(simulated_rdms: Any) -> None:
    [rdm] = simulated_rdms(1, N, 0)
    counts = np.random.default_rng(1).integers(0, 4, (3, N)).astype(float)
    gram = centred_gram(rdm, counts)
    row, column = np.triu_indices(N, 1)
    for each, weights in zip(gram, counts, strict=True):
        square = np.diag(each[rdm.size :])
        square[row, column] = square[column, row] = each[: rdm.size]
        np.testing.assert_allclose(square @ weights, 0, atol=1e-12)


def test_an_rdm_of_single_effects_has_no_debiased_cka(simulated_rdms: Any) -> None:
    effects = np.random.default_rng(0).random(N)
    row, column = np.triu_indices(N, 1)
    bad = np.vstack([simulated_rdms(1, N, 0), effects[row] + effects[column]])
    with pytest.raises(BadInput, match="RDM of fc cannot be compared by cka_debiased: .*, found none"):
        similarity(bad, bad[:1], "cka_debiased", a_names=["conv", "fc"])
    constant = np.full((1, bad.shape[1]), 0.3)
    for measure in ("pearson", "whitened_correlation", "cka_debiased"):
        with pytest.raises(BadInput, match=r"55 times 0\.3"):
            similarity(constant, bad[:1], measure)  # type: ignore[arg-type]
    assert np.isfinite(similarity(constant, bad[:1], "cka")).all()


def test_a_resample_in_which_an_rdm_is_constant_is_named() -> None:
    # Values whose mean is rounded.
    rdms = np.full((2, 15), 0.7)
    rdms[:, 0] = 1.1
    counts = np.array([[1, 1, 1, 1, 1, 1], [0, 1, 1, 1, 1, 2]], np.int32)
    for measure in ("pearson", "whitened_correlation", "cka_debiased"):
        [weights] = weights_of_copies(counts, 7, "resample", measure)  # type: ignore[arg-type]
        out = np.empty((2, 2, weights.weights.shape[1]))
        with pytest.raises(BadInput, match="RDM in row 0, resample 8"):
            weighted_rdms(rdms, ["RDM in row 0", "RDM in row 1"], measure).vectors(  # type: ignore[arg-type]
                slice(0, 2), weights, out
            )


def test_a_resample_in_which_an_rdm_has_no_order_is_named() -> None:
    """Two pairs differ from the others; the second resample holds neither."""
    rdms = np.ones((2, 15))
    rdms[0, 1] = rdms[:, 0] = 2
    layers = weighted_rdms(rdms, ["RDM in row 0", "RDM in row 1"], "kendall_tau_a")
    for draw, counts in enumerate(([1, 1, 1, 1, 1, 1], [0, 2, 1, 1, 1, 1], [1, 0, 1, 1, 1, 2])):
        [weights] = weights_of_copies(np.array([counts], np.int32), draw, "resample", "kendall_tau_a")
        out = np.empty((2, 1, weights.weights.shape[1]))
        if draw == 0:
            # All 15 pairs, once each: their pairs are the square of the length.
            np.testing.assert_allclose(layers.vectors(slice(0, 2), weights, out), np.sqrt(15 * 14 / 2))
            continue
        with pytest.raises(BadInput, match=f"RDM in row {draw - 1}, resample {draw}: .*one value only"):
            layers.vectors(slice(draw - 1, 2), weights, out[draw - 1 :])
