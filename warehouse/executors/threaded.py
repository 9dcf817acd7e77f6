"""The executor for jobs that read, convert and write: several batches at a time, in threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import Stopped
from alignhouse.warehouse.executors.executor import Result, Starting
from alignhouse.warehouse.executors.local import local


def threads() -> int:
    """How many batches `threaded` runs at a time: one more than cores, because one may wait for a disk."""
    return cores() + 1


def threaded(
    root: Path, batches: Iterable[Batch], starting: Starting, *, keep_going: bool = False
) -> Generator[Result, None, None]:
    """About as many batches at a time as there are cores, in threads: for jobs that read, convert and write.

    Yields results in the order of the batches. If the consumer stops, running jobs end at their next step;
    files that are complete by then stay for the next run.
    """
    workers = threads()
    stop = threading.Event()

    def work(batch: Batch) -> list[Result]:
        return list(local(root, [batch], lambda job: _Stoppable(stop), keep_going=keep_going))

    coming = iter(batches)
    with ThreadPoolExecutor(workers) as pool:
        running: deque[tuple[Batch, Future[list[Result]]]] = deque()

        def submit(most: int) -> None:
            for batch in islice(coming, most):
                running.append((batch, pool.submit(work, batch)))

        submit(2 * workers)
        failed = False
        try:
            while running:
                batch, future = running.popleft()
                if future.cancelled():
                    continue
                starting(batch.jobs[0])
                results = future.result()
                if not keep_going and not failed and any(isinstance(made, Exception) for _, made in results):
                    failed = True
                    for _, each in running:
                        each.cancel()
                if not failed:
                    submit(1)
                yield from results
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


class _Stoppable:
    """Steps of a job in a thread; the first one after `stop` ends the job."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def step(self, done: int, total: int) -> None:
        if self._stop.is_set():
            raise Stopped("stopped")

    def say(self, line: str) -> None:
        """Jobs in threads have nothing to say."""
