"""Work ahead: what comes next is made in threads while what came before is used."""

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
    """`make` of each item, in their order; at most `ahead` more are begun or done than were taken.

    What `make` raises comes where its result would have come. Closing the iterator waits for what has begun,
    and begins nothing more.
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
            # Held no longer than it is used: the next may be as large.
            del made
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_thread_each() -> None:
    """A reader's small tensors are no work for several threads, which the network needs."""
    import torch

    torch.set_num_threads(1)
