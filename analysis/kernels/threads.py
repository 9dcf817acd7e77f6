"""Run independent parts of a computation on all cores.

numpy sorts, indexes and sums on one core, but releases Python's lock meanwhile. Threads therefore speed up
these operations, which have no threads of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from alignhouse.warehouse.cores import cores

Part = TypeVar("Part")
Array = NDArray[Any]
# Called with the number of finished steps and of all steps.
Tick = Callable[[int, int], object]

# Below this number of multiplications, a matrix product is as fast on one core as on several.
FEWEST_TO_SHARE = 2**23


def untold(done: int, total: int) -> None:
    """A `Tick` that nobody sees."""


def in_threads(work: Callable[[Part], object], parts: Sequence[Part], tick: Tick = untold) -> None:
    """Call `work` on each of `parts`, in one thread a core. Each matrix product uses one core meanwhile.

    `tick` is called in the calling thread, after each part, in the order of `parts`.

    The error of the first part that fails, or an interrupt, is raised when the running parts have ended.
    """
    workers = min(cores(), len(parts))
    if workers < 2:
        for done, part in enumerate(parts, 1):
            work(part)
            tick(done, len(parts))
        return
    # BLAS has threads of its own; inside ours they would compete for the cores.
    with _libraries().limit(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        for done, _ in enumerate(pool.map(work, parts), 1):
            tick(done, len(parts))


def product(a: Array, b: Array) -> Array:
    """`a` (m, P) times `b` (P, k), split over the cores: (m, k) in their precision.

    BLAS threads are as fast, but they keep spinning for tens of milliseconds after a product, on cores that
    the next step needs for sorting and permuting.
    """
    (m, inner), k = a.shape, b.shape[1]
    if m * inner * k < FEWEST_TO_SHARE:
        return np.asarray(a @ b)
    found = np.empty((m, k), np.result_type(a, b))
    # Every thread reads the factor that is not split, so the larger one is split.
    if m >= k:
        in_threads(lambda some: np.matmul(a[some], b, out=found[some]), slices(m, -(-m // cores())))
    else:
        in_threads(lambda some: np.matmul(a, b[:, some], out=found[:, some]), slices(k, -(-k // cores())))
    return found


@cache
def _libraries() -> ThreadpoolController:
    # Finding the threaded libraries takes milliseconds.
    return ThreadpoolController()


def slices(count: int, length: int) -> list[slice]:
    """Slices of `length` that cover 0 to `count` - 1; the last may be shorter."""
    return [slice(start, min(start + length, count)) for start in range(0, count, length)]
