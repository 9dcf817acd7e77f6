"""Vectors in temporary files give the products that they give in memory."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import squareform
from tiny_blocks import make_blocks_tiny

from alignhouse.analysis.kernels.permuted_products import cosines_with, permuted_products, products_among
from alignhouse.analysis.kernels.vectors_on_disk import SquaresOnDisk, VectorsOnDisk, first_pairs, tiles

N, P = 13, 78
RNG = np.random.default_rng(0)
STILL, MOVED = RNG.integers(-P, P, (3, P)), RNG.integers(-P, P, (2, P))
ORDERS = np.array([RNG.permutation(N) for _ in range(17)])
PLENTY = 10**6


@pytest.fixture(autouse=True)
def tiny_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    make_blocks_tiny(monkeypatch)


@pytest.fixture
def still(tmp_path: Path) -> Any:
    with VectorsOnDisk(tmp_path, P, np.dtype(np.int32)) as vectors:
        for row in STILL:
            vectors.append(row, float(np.linalg.norm(row)))
        yield vectors


@pytest.fixture
def moved(tmp_path: Path) -> Any:
    with SquaresOnDisk(tmp_path, N) as squares:
        for row in MOVED:
            squares.append(row, float(np.linalg.norm(row)))
        yield squares


def permuted(vector: Any, order: Any) -> Any:
    return squareform(squareform(vector)[order][:, order])


@pytest.mark.parametrize("most", [1, 11, 20, P, 10**9])
def test_tiles_have_every_row_once(most: int) -> None:
    found = list(tiles(N, most))
    assert [row for each in found for row in range(each.start, each.stop)] == list(range(N - 1))
    starts = first_pairs(N)
    assert [starts[row] for row in (0, 1, 2, N - 1)] == [0, N - 1, 2 * N - 3, P]
    for each in found:
        assert starts[each.stop] - starts[each.start] <= most or each.stop == each.start + 1


@pytest.mark.parametrize("memory", [1, PLENTY])
def test_cosines_are_those_of_whole_vectors(still: VectorsOnDisk, memory: int) -> None:
    found = cosines_with(still, MOVED, np.linalg.norm(MOVED, axis=1), memory=memory)
    expected = STILL @ MOVED.T / np.outer(np.linalg.norm(STILL, axis=1), np.linalg.norm(MOVED, axis=1))
    np.testing.assert_allclose(found, expected, atol=1e-15)


@pytest.mark.parametrize("memory", [1, PLENTY])
def test_stimuli_of_the_moved_vectors_are_permuted(
    still: VectorsOnDisk, moved: SquaresOnDisk, memory: int
) -> None:
    told: list[tuple[int, int]] = []
    found = permuted_products(still, moved, ORDERS, memory=memory, tick=lambda *step: told.append(step))
    lengths = np.linalg.norm(STILL, axis=1)[:, None] * np.linalg.norm(MOVED, axis=1)
    for place, order in enumerate(ORDERS):
        expected = STILL @ np.array([permuted(row, order) for row in MOVED]).T / lengths
        np.testing.assert_allclose(found[:, :, place], expected, atol=1e-6)
    assert told == sorted(told)
    assert told[-1] == (17, 17)


def test_each_vector_can_have_an_order_of_its_own(moved: SquaresOnDisk) -> None:
    orders = np.stack([ORDERS, ORDERS[::-1]], axis=1)
    found = products_among(moved, orders, memory=PLENTY)
    units = MOVED / np.linalg.norm(MOVED, axis=1, keepdims=True)
    for place, pair in enumerate(orders):
        both = np.array([permuted(row, order) for row, order in zip(units, pair, strict=True)])
        np.testing.assert_allclose(found[place], both @ both.T, atol=1e-6)


@pytest.mark.parametrize("kind", [VectorsOnDisk, SquaresOnDisk])
def test_a_full_disk_names_the_file_and_leaves_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: type
) -> None:
    class Full:
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def close(self) -> None: ...

    opened = VectorsOnDisk(tmp_path, P, np.dtype(np.int32)) if kind is VectorsOnDisk else kind(tmp_path, N)
    with pytest.raises(OSError, match="No space left on device") as caught, opened as vectors:
        monkeypatch.setattr(vectors, "_file", Full())
        vectors.append(STILL[0])
    assert Path(str(caught.value.filename)).is_relative_to(tmp_path)
    assert not list(tmp_path.iterdir())


def test_short_writes_are_continued(monkeypatch: pytest.MonkeyPatch, still: VectorsOnDisk) -> None:
    class Slow:
        """Writes few bytes at a time, as the system does with more than 2 GiB."""

        bytes = b""

        def write(self, data: memoryview) -> int:
            self.bytes += bytes(data[:7])
            return len(data[:7])

        def close(self) -> None: ...

    slow = Slow()
    monkeypatch.setattr(still, "_file", slow)
    still.append(STILL[0])
    assert slow.bytes == STILL[0].astype(np.int32).tobytes()
