"""Fits of blocks of voxels: what is read, how much memory it takes, and what is refused."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alignhouse.analysis.kernels.medians import medians_in_place
from alignhouse.analysis.kernels.ridge import RidgeLayer, ridge_layer
from alignhouse.analysis.kernels.ridge_fits import in_memory, ridge_fit, ridge_fits
from alignhouse.warehouse.errors import BadInput

Array = NDArray[Any]
N_TRAIN, N_TEST = 50, 8


def layers(count: int = 2, n_train: int = N_TRAIN, **settings: Any) -> list[RidgeLayer]:
    rng = np.random.default_rng(0)
    found = []
    for index in range(count):
        features = rng.normal(size=(n_train + N_TEST, 80))
        train, test = np.arange(n_train), np.arange(n_train, n_train + N_TEST)
        found.append(ridge_layer(features @ features.T, train, test, name=f"layer {index}", **settings))
    return found


def voxels(count: int) -> Array:
    return np.random.default_rng(1).normal(size=(N_TRAIN, count)).astype(np.float32)


@pytest.mark.parametrize(("alpha_per", "passes"), [("voxel", 1), ("region", 2)])
def test_blocks_and_memory_change_nothing_and_each_block_is_read_once_a_pass(
    alpha_per: Any, passes: int
) -> None:
    responses, read = voxels(90), []

    def blocks() -> Iterator[Array]:
        for some in (slice(0, 1), slice(1, 60), slice(60, 90)):
            read.append(some)
            yield responses[:, some]

    together = ridge_fit(layers(3), in_memory(responses), alpha_per=alpha_per)
    in_parts = ridge_fit(layers(3), blocks, alpha_per=alpha_per, memory=4096)
    assert len(read) == 3 * passes
    np.testing.assert_array_equal(together.chosen, in_parts.chosen)
    # By default each voxel has a penalty of its own.
    by_default = ridge_fit(layers(3), in_memory(responses)).chosen
    assert np.array_equal(by_default, together.chosen) == (alpha_per == "voxel")
    np.testing.assert_allclose(together.predictions, in_parts.predictions, atol=1e-5)
    np.testing.assert_allclose(together.errors, in_parts.errors, atol=1e-6)


@pytest.mark.parametrize("folds", [None, np.arange(N_TRAIN) % 5])
def test_working_memory_stays_within_the_setting(folds: Any) -> None:
    given, responses = layers(2, folds=folds), voxels(20_000)
    next(ridge_fits(given, [responses[:, :10]]))  # imports and caches
    memory = 2**20
    tracemalloc.start()
    try:
        [fit] = ridge_fits(given, [responses], memory=memory)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    result = fit.predictions.nbytes + fit.chosen.nbytes + fit.errors.nbytes
    # All rows at once would take 4 MB, and their products 4 MB more for each layer.
    assert peak - result < memory


def test_voxels_without_a_block_and_layers_that_do_not_fit_are_refused() -> None:
    other = layers(1, n_train=N_TRAIN + 1)
    with pytest.raises(BadInput, match="voxels to predict: expected at least one block, found 0"):
        ridge_fit(layers(), lambda: [])
    with pytest.raises(BadInput, match="layers to fit: expected at least one, found 0"):
        ridge_fit([], in_memory(voxels(3)))
    with pytest.raises(BadInput, match="sizes of layer 0: expected 50 training and 8 test stimuli"):
        ridge_fit([*layers(), *other], in_memory(voxels(3)))


@pytest.mark.parametrize("alpha_per", ["voxel", "region"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y[:-1], "training responses, block 1: expected real numbers (50 stimuli, voxels), found"),
        (lambda y: y[:, :0], "training responses, block 1"),
        (lambda y: y[:, 0], "training responses, block 1"),
        (lambda y: y * 1j, "training responses, block 1"),
        (
            lambda y: np.where(np.arange(7) == 4, 2, y),
            "voxel 4 of block 1: expected finite numbers that differ",
        ),
        (lambda y: np.where(np.arange(7) == 5, np.nan, y), "voxel 5 of block 1: expected finite numbers"),
        (lambda y: np.where(np.arange(7) == 5, np.inf, y), "found NaN or infinity (leave the voxel out)"),
    ],
)
def test_wrong_responses_are_one_clear_line(change: Any, message: str, alpha_per: Any) -> None:
    good = voxels(7)
    with pytest.raises(BadInput) as caught:
        ridge_fit(layers(), lambda: [good, change(good)], alpha_per=alpha_per, memory=5000)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_medians_equal_numpys(n: int) -> None:
    values = np.random.default_rng(n).normal(size=(3, 4, n)).round(1)
    expected = np.median(values, axis=-1)
    np.testing.assert_allclose(medians_in_place(values), expected, rtol=1e-12)
