"""Parts of a computation run on all cores."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from alignhouse.analysis.kernels.threads import FEWEST_TO_SHARE, in_threads, product, slices
from alignhouse.warehouse.cores import cores


def test_every_part_is_done_once() -> None:
    done: list[int] = []
    in_threads(done.append, range(100))
    assert sorted(done) == list(range(100))


def test_as_many_parts_as_there_are_cores_are_in_work_together() -> None:
    if cores() < 2:
        pytest.skip("there is one core here")
    together = threading.Barrier(2, timeout=20)
    in_threads(lambda _: together.wait() and None, [0, 1])


def test_the_error_of_the_first_part_that_fails_is_raised() -> None:
    def fail(part: int) -> None:
        if part in (3, 7):
            raise ValueError(part)

    with pytest.raises(ValueError, match="3"):
        in_threads(fail, range(50))


def test_slices_cover_everything_once() -> None:
    assert [list(range(10))[each] for each in slices(10, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert slices(0, 4) == []


@pytest.mark.parametrize(("m", "k"), [(3, 5), (900, 31), (31, 900), (1, 900), (500, 1), (3, 0)])
def test_a_product_in_shares_is_the_product(m: int, k: int) -> None:
    inner = 700
    assert (m * inner * k >= FEWEST_TO_SHARE) == (m * k == 900 * 31)
    whole = np.random.default_rng(0).integers(-100, 100, (m + k, inner)).astype(np.float64)
    a, b = whole[:m], whole[m:].T
    np.testing.assert_array_equal(product(a, b), np.einsum("ip,pj->ij", a, b))
    single = product(a.astype(np.float32), b.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, product(a, b))
