"""RDMs from Gram matrices equal those that scipy and scikit-learn compute from the features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from alignhouse.ingest.features.distances import rdm_of_rows
from alignhouse.ingest.features.gram import (
    component_scores,
    row_centred_gram,
    share_between_stimuli,
)
from alignhouse.ingest.inner_products import centre_stimuli, correlation_rdm_of_gram
from alignhouse.warehouse.errors import BadInput


def features(n: int, width: int, seed: int = 0) -> np.ndarray:
    """Patterns that share most of their variance, with means far from zero."""
    random = np.random.default_rng(seed)
    return 5 + 3 * random.normal(size=width) + random.normal(size=(n, width))


def in_blocks(x: np.ndarray, columns: int) -> list[np.ndarray]:
    return [x[:, start : start + columns] for start in range(0, x.shape[1], columns)]


@settings(max_examples=25, deadline=None)
@given(n=st.integers(2, 12), width=st.integers(3, 60), columns=st.integers(1, 70), seed=st.integers(0, 99))
def test_the_rdm_is_scipys_correlation_distance_whatever_the_blocks(
    n: int, width: int, columns: int, seed: int
) -> None:
    x = features(n, width, seed)
    gram = row_centred_gram(in_blocks(x, columns), x.mean(axis=1))
    np.testing.assert_allclose(correlation_rdm_of_gram(gram), pdist(x, "correlation"), atol=1e-12)


def test_nearly_equal_patterns_on_a_large_offset_keep_their_small_distances() -> None:
    x = features(6, 4000)
    x = x[:1] + 1e-4 * (x - x[:1]) + 1000
    gram = row_centred_gram(in_blocks(x, 333), x.mean(axis=1))
    expected = pdist(x, "correlation")
    assert 0 < expected.max() < 1e-7
    np.testing.assert_allclose(correlation_rdm_of_gram(gram), expected, rtol=0, atol=1e-14)


def test_centring_across_stimuli_removes_each_features_mean() -> None:
    x = features(9, 50)
    gram = centre_stimuli(row_centred_gram([x], x.mean(axis=1)))
    np.testing.assert_allclose(
        correlation_rdm_of_gram(gram), pdist(x - x.mean(axis=0), "correlation"), atol=1e-12
    )


def test_the_share_between_stimuli_is_that_of_the_centred_features() -> None:
    x = features(7, 80)
    rows = x - x.mean(axis=1, keepdims=True)
    between = rows - rows.mean(axis=0)
    share = share_between_stimuli(row_centred_gram([x], x.mean(axis=1)))
    assert share == pytest.approx((between**2).sum() / (rows**2).sum(), rel=1e-12)
    same = np.repeat(x[:1], 7, axis=0)
    assert share_between_stimuli(row_centred_gram([same], same.mean(axis=1))) < 1e-15


def test_a_pattern_without_variance_is_an_error() -> None:
    x = features(4, 10)
    x[2] = 3.0
    with pytest.raises(BadInput, match="stimulus 3 of 4"):
        correlation_rdm_of_gram(row_centred_gram([x], x.mean(axis=1)))


@pytest.mark.parametrize(("n", "width", "components"), [(24, 700, 22), (12, 40, 5), (20, 9, 9)])
def test_component_scores_are_scikit_learns_signs_included(n: int, width: int, components: int) -> None:
    from sklearn.decomposition import PCA

    x = features(n, width, seed=n)
    means = x.mean(axis=1)
    gram = row_centred_gram([x], means)
    scores = component_scores(gram, means, width, in_blocks(x, 64), components)
    expected = PCA(components, svd_solver="full").fit_transform(x)
    np.testing.assert_allclose(scores, expected, atol=1e-9)
    np.testing.assert_allclose(rdm_of_rows(scores, "correlation"), pdist(expected, "correlation"), atol=1e-10)


def test_signs_matter_to_the_rdm_of_scores() -> None:
    from sklearn.decomposition import PCA

    scores = PCA(5, svd_solver="full").fit_transform(features(12, 40))
    flipped = scores * np.array([1, -1, 1, 1, 1])
    assert np.abs(rdm_of_rows(scores, "correlation") - rdm_of_rows(flipped, "correlation")).max() > 0.01
