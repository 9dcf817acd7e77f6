"""Ranks of one RDM at a time equal those of scipy, whatever its values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import rankdata

from alignhouse.analysis.kernels import long_ranks as module
from alignhouse.analysis.kernels.long_ranks import long_ranks
from alignhouse.analysis.kernels.similarity import rank
from alignhouse.warehouse.errors import BadInput

N_PAIRS = 406
RNG = np.random.default_rng(0)
VALUES: dict[str, NDArray[Any]] = {
    "distinct": RNG.random(N_PAIRS),
    "ties": np.round(RNG.random(N_PAIRS), 1),
    "two values": np.repeat([1.0, 0.0], [1, N_PAIRS - 1]),
    "negative": RNG.normal(size=N_PAIRS),
    "whole numbers": RNG.integers(-5, 5, N_PAIRS),
    "single precision": RNG.random(N_PAIRS).astype(np.float32),
    # All keys but one are equal.
    "an outlier": np.append(RNG.random(N_PAIRS - 1), 1e300),
    "the span overflows": np.append(RNG.random(N_PAIRS - 2), [-1.7e308, 1.7e308]),
    "the inverse of the span overflows": RNG.integers(0, 9, N_PAIRS) * 5e-324,
    "both zeros": np.resize([0.0, -0.0, 1.0], N_PAIRS),
}


@pytest.mark.parametrize("chunk", [1, 7, 2**18])
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_ranks_are_average_ranks(monkeypatch: pytest.MonkeyPatch, values: NDArray[Any], chunk: int) -> None:
    monkeypatch.setattr(module, "VALUES_A_CHUNK", chunk)
    ranks, sum_squares = long_ranks(values)
    assert ranks.dtype == np.int32
    expected = 2 * rankdata(values) - N_PAIRS - 1
    np.testing.assert_array_equal(ranks, expected)
    assert sum_squares == np.sum(expected**2) == rank(values[None]).sum_squares[0]


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_any_number_of_cores_sorts_the_same(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(module, "cores", lambda: count)
    np.testing.assert_array_equal(long_ranks(VALUES["ties"])[0], rank(VALUES["ties"][None]).centred[0])


def test_an_rdm_that_cannot_be_ranked_is_named() -> None:
    with pytest.raises(BadInput, match=r"RDM of V1 cannot be ranked: .* found 406 times 0\.5"):
        long_ranks(np.full(N_PAIRS, 0.5), ["EBA", "V1"], 1)
    for bad in (np.nan, np.inf):
        with pytest.raises(BadInput, match=r"RDM of V1 .* 1 of 406 NaN or infinite, the first at pair 405"):
            long_ranks(np.append(VALUES["distinct"][1:], bad), ["EBA", "V1"], 1)
