"""Prefetching: threads prepare the next items while the current one is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from alignhouse.warehouse.executors.pool import WorkerPool

Item = TypeVar("Item")
Made = TypeVar("Made")


def made_ahead(
    make: Callable[[Item], Made],
    items: Sequence[Item],
    *,
    workers: int,
    ahead: int,
    pool: WorkerPool | None = None,
) -> Generator[Made]:
    """Yield `make(item)` for each item in order, prepared in threads or in other processes.

    An error of `make` is raised in place of its result. Closing the iterator starts no other calls, and waits
    for running threads.

    Parameters
    ----------
    workers : number of threads.
    ahead : how many items may be started before they are consumed.
    pool : processes to use instead of threads; then `make`, items and results must be picklable.
    """
    waiting: deque[Future[Made]] = deque()
    with ExitStack() as stack:
        submit: Any = pool.submit if pool is not None else stack.enter_context(_threads(workers)).submit
        stack.callback(lambda: [future.cancel() for future in waiting])
        rest = iter(items)
        waiting.extend(submit(make, item) for item in islice(rest, ahead))
        while waiting:
            made = waiting.popleft().result()
            waiting.extend(submit(make, item) for item in islice(rest, 1))
            yield made
            # Free it before the next one is held: each may be large.
            del made


@cache
def reader_processes(workers: int) -> WorkerPool:
    """The processes that read stimuli for all networks of this process; they end with it."""
    return WorkerPool(workers, one_thread_each)


def _threads(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=workers, thread_name_prefix="reader", initializer=one_thread_each)


def one_thread_each() -> None:
    """Limit torch to one thread in each reader, since the network needs the cores."""
    import torch

    torch.set_num_threads(1)
