"""Distances and projections of features, checked against scipy and against theory."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from alignhouse.ingest.features.distances import manhattan_rdm, rdm_of_rows
from alignhouse.ingest.features.gram import row_centred_gram
from alignhouse.ingest.features.projection import project
from alignhouse.ingest.inner_products import rdm_of_gram
from alignhouse.warehouse.errors import BadInput

SCIPY = {
    "correlation": "correlation",
    "cosine": "cosine",
    "euclidean": "euclidean",
    "squared_euclidean": "sqeuclidean",
    "manhattan": "cityblock",
}


def blocks(rows: np.ndarray, *ends: int) -> list[np.ndarray]:
    return np.split(rows, list(ends), axis=1)


@pytest.mark.parametrize("distance", SCIPY)
@pytest.mark.parametrize("offset", [0.0, 3.0, -1e4])
def test_distances_are_those_of_scipy(distance, offset):
    rows = np.random.default_rng(0).normal(size=(9, 50)) + offset
    expected = pdist(rows, SCIPY[distance])
    tolerance = {"rtol": 1e-9, "atol": 1e-12} if distance != "cosine" else {"rtol": 1e-6, "atol": 1e-12}
    np.testing.assert_allclose(rdm_of_rows(rows, distance), expected, **tolerance)
    if distance == "manhattan":
        np.testing.assert_allclose(manhattan_rdm(blocks(rows, 1, 30)), expected, rtol=1e-12)
        return
    means = rows.mean(axis=1)
    gram = row_centred_gram(blocks(rows, 7, 20), means)
    np.testing.assert_allclose(rdm_of_gram(gram, means, 50, distance), expected, **tolerance)


def test_equal_patterns_have_distance_zero():
    rows = np.random.default_rng(0).normal(size=(3, 40))
    rows[1] = rows[0]
    for distance in SCIPY:
        assert rdm_of_rows(rows, distance)[0] == pytest.approx(0, abs=1e-7)


def test_patterns_without_an_angle_are_refused():
    rows = np.random.default_rng(0).normal(size=(4, 5))
    rows[2] = 0
    with pytest.raises(BadInput, match="not all zero, found none for stimulus 3 of 4"):
        rdm_of_rows(rows, "cosine")
    rows[2] = 7
    with pytest.raises(BadInput, match="stimulus 3 of 4"):
        rdm_of_rows(rows, "correlation")
    with pytest.raises(ValueError, match="no function of inner products"):
        rdm_of_gram(np.eye(3), np.zeros(3), 3, "manhattan")


@pytest.mark.parametrize("width", [100, 40_000])
def test_a_projection_does_not_depend_on_the_blocks(width):
    rows = np.random.default_rng(0).normal(size=(5, width))
    whole = project([rows], 5, width, 30, seed=1)
    parts = project(blocks(rows, 1, width // 3, width - 2), 5, width, 30, seed=1)
    np.testing.assert_allclose(parts, whole, rtol=1e-12, atol=1e-12)
    assert (project([rows], 5, width, 30, seed=1) == whole).all()
    assert not np.allclose(project([rows], 5, width, 30, seed=2), whole)


def test_a_projection_has_the_density_and_the_values_that_it_says():
    width, components = 20_000, 50
    share, value = 1 / np.sqrt(width), np.sqrt(np.sqrt(width) / components)
    # Unit vectors select rows of the projection; some are next to the border between two chunks.
    rows = [project([np.eye(500, width, k=k)], 500, width, components, seed=3) for k in (0, 9_000, 16_100)]
    entries = np.concatenate(rows)
    assert set(np.abs(entries[entries != 0]).round(9)) == {value.round(9)}
    assert (entries != 0).mean() == pytest.approx(share, rel=0.15)
    assert abs((entries > 0).sum() - (entries < 0).sum()) < 4 * np.sqrt((entries != 0).sum())


def test_projected_distances_are_those_of_the_features_on_average():
    rows = np.random.default_rng(0).normal(size=(6, 3000))
    squared = np.mean([pdist(project([rows], 6, 3000, 200, seed)) ** 2 for seed in range(40)], axis=0)
    np.testing.assert_allclose(squared, pdist(rows) ** 2, rtol=0.06)
