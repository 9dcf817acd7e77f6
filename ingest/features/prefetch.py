"""Prefetching: threads prepare the next items while the current one is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def made_ahead(
    make: Callable[[Item], Made], items: Sequence[Item], *, workers: int, ahead: int
) -> Generator[Made]:
    """Yield `make(item)` for each item in order, prepared in threads.

    An error of `make` is raised in place of its result. Closing the iterator waits for running calls, and
    starts no others.

    Parameters
    ----------
    workers : number of threads.
    ahead : how many items may be started before they are consumed.
    """
    waiting: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="reader", initializer=_one_thread_each)
    try:
        rest = iter(items)
        waiting.extend(pool.submit(make, item) for item in islice(rest, ahead))
        while waiting:
            made = waiting.popleft().result()
            waiting.extend(pool.submit(make, item) for item in islice(rest, 1))
            yield made
            # Free it before the next one is held: each may be large.
            del made
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_thread_each() -> None:
    """Limit torch to one thread in each reader, since the network needs the cores."""
    import torch

    torch.set_num_threads(1)
