from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from alignhouse.analysis.statistics.mds import classical_mds, second_order_distances
from alignhouse.warehouse.errors import BadInput


def test_points_in_a_plane_are_found_again() -> None:
    points = np.random.default_rng(0).normal(size=(12, 2)) * [3.0, 1.0]
    distances = squareform(pdist(points))
    found = classical_mds(distances)
    np.testing.assert_allclose(squareform(pdist(found.coordinates)), distances, atol=1e-9)
    np.testing.assert_allclose(found.coordinates.mean(axis=0), 0, atol=1e-9)
    assert found.shares.sum() == pytest.approx(1)
    assert found.shares[0] > found.shares[1]


def test_shares_are_those_of_the_principal_components() -> None:
    points = np.random.default_rng(1).normal(size=(20, 5)) * [5, 3, 1, 1, 1]
    variances = np.sort(np.linalg.eigvalsh(np.cov(points.T)))[::-1]
    found = classical_mds(squareform(pdist(points)))
    np.testing.assert_allclose(found.shares, variances[:2] / variances.sum(), atol=1e-9)


def test_the_map_does_not_depend_on_the_signs_of_eigenvectors() -> None:
    points = np.random.default_rng(2).normal(size=(9, 2))
    first = classical_mds(squareform(pdist(points))).coordinates
    mirrored = classical_mds(squareform(pdist(-points))).coordinates
    np.testing.assert_allclose(first, mirrored, atol=1e-9)
    assert (first[np.abs(first).argmax(axis=0), [0, 1]] > 0).all()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_unneeded_coordinates_of_few_points_are_zero(n: int) -> None:
    found = classical_mds(1.0 - np.eye(n))
    assert found.coordinates.shape == (n, 2)
    np.testing.assert_allclose(squareform(pdist(found.coordinates)), 1 - np.eye(n), atol=1e-9)
    assert classical_mds(np.zeros((n, n))).coordinates.tolist() == [[0.0, 0.0]] * n


@pytest.mark.parametrize(
    "distances",
    [
        np.ones((2, 3)),
        np.zeros((2, 3)),
        np.ones((2, 2)),
        np.array([[0, 1], [2, 0]]),
        np.array([[0, -1], [-1, 0]]),
        np.array([[0, np.nan], [np.nan, 0]]),
        np.zeros((0, 0)),
        np.zeros(4),
        np.array([[0, 1e-9], [2e-9, 0]]),
    ],
    ids=[
        "not square",
        "not square, zeros",
        "diagonal",
        "not symmetric",
        "negative",
        "NaN",
        "none",
        "a row",
        "almost symmetric",
    ],
)
def test_values_that_are_not_distances_are_refused(distances: np.ndarray) -> None:
    with pytest.raises(BadInput, match="distances to scale"):
        classical_mds(distances)


def test_second_order_distances_are_one_less_spearman() -> None:
    rdms = np.random.default_rng(3).random((4, 45)).round(1)
    found = second_order_distances(rdms)
    np.testing.assert_allclose(found, 1 - spearmanr(rdms.T).statistic, atol=1e-9)
    assert (np.diagonal(found) == 0).all()
    np.testing.assert_array_equal(found, found.T)


def test_rdms_that_are_alike_but_for_their_scale_are_at_the_same_place() -> None:
    rdm = np.random.default_rng(4).random(45)
    assert second_order_distances(np.stack([rdm, rdm**3]))[0, 1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("constant", [0, 1])
def test_an_rdm_that_cannot_be_ranked_is_named(constant: int) -> None:
    rdms = np.random.default_rng(5).random((2, 45))
    rdms[constant] = 1
    with pytest.raises(BadInput, match=f"RDM of {'ab'[constant]} cannot be ranked"):
        second_order_distances(rdms, ["a", "b"])


def test_distances_in_whole_numbers_are_scaled_as_those_with_a_point() -> None:
    whole = np.array([[0, 3, 4], [3, 0, 5], [4, 5, 0]])
    found, expected = classical_mds(whole), classical_mds(whole.astype(float))
    np.testing.assert_array_equal(found.coordinates, expected.coordinates)


@pytest.mark.parametrize("scale", [1e-7, 1e-2, 1e4])
def test_the_unit_of_the_distances_does_not_matter(scale: float) -> None:
    points = np.random.default_rng(6).normal(size=(9, 2))
    unit, scaled = (classical_mds(squareform(pdist(each))) for each in (points, scale * points))
    np.testing.assert_allclose(scaled.coordinates / scale, unit.coordinates, atol=1e-6)
    np.testing.assert_allclose(scaled.shares, unit.shares, atol=1e-9)
    line = squareform(pdist(scale * points[:, :1]))
    assert classical_mds(line).coordinates[:, 1].tolist() == [0.0] * 9, "rounding is not a dimension"


def test_points_at_one_place_have_no_shares() -> None:
    assert classical_mds(np.zeros((3, 3))).shares.tolist() == [0.0, 0.0]


def test_distances_of_a_small_integer_type_do_not_overflow() -> None:
    whole = np.array([[0, 30, 40], [30, 0, 50], [40, 50, 0]], np.int8)
    found = classical_mds(whole)
    np.testing.assert_allclose(squareform(pdist(found.coordinates)), whole, atol=1e-9)


def test_the_diagonal_is_exactly_0() -> None:
    rdms = np.random.default_rng(7).random((60, 91))
    assert np.diagonal(second_order_distances(rdms)).tolist() == [0.0] * 60
