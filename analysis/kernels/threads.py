"""Parts of a computation that have nothing to do with one another, on all cores at once.

Sorting, taking and adding up are loops of numpy's that one core runs, but numpy lets go of Python's lock
meanwhile, so that threads serve where no library has threads of its own.
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

# Multiplications and additions of a matrix product that one core does as soon as several.
FEWEST_TO_SHARE = 2**23


def in_threads(work: Callable[[Part], object], parts: Sequence[Part]) -> None:
    """`work` each of `parts`, as many at a time as there are cores; matrix products use one core meanwhile.

    Raises what the first part that fails raises, once those that have begun are done; so does an interrupt.
    """
    workers = min(cores(), len(parts))
    if workers < 2:
        for part in parts:
            work(part)
        return
    # A matrix product has threads of its own; one in each of ours, they would wait for one another.
    with _libraries().limit(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(work, parts):
            pass


def product(a: Array, b: Array) -> Array:
    """`a` (m, P) times `b` (P, k): (m, k), in their precision, a share of it on each core.

    The library's own threads would do it as fast, but then wait for more, awake, for tens of milliseconds:
    on the cores that sort and permute meanwhile.
    """
    (m, inner), k = a.shape, b.shape[1]
    if m * inner * k < FEWEST_TO_SHARE:
        return np.asarray(a @ b)
    found = np.empty((m, k), np.result_type(a, b))
    # What is not divided is read by all: better the smaller.
    if m >= k:
        in_threads(lambda some: np.matmul(a[some], b, out=found[some]), slices(m, -(-m // cores())))
    else:
        in_threads(lambda some: np.matmul(a, b[:, some], out=found[:, some]), slices(k, -(-k // cores())))
    return found


@cache
def _libraries() -> ThreadpoolController:
    # Looking for the libraries that have threads takes milliseconds.
    return ThreadpoolController()


def slices(count: int, length: int) -> list[slice]:
    """The numbers 0 to `count` - 1 as slices of `length`, the last perhaps shorter."""
    return [slice(start, min(start + length, count)) for start in range(0, count, length)]
