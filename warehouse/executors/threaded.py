"""The executor for jobs limited by input and output: it runs several batches at a time in threads."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import Stopped
from alignhouse.warehouse.executors.executor import RUNNING, Result, Spent, Starting, in_order
from alignhouse.warehouse.executors.local import local


def threads() -> int:
    """The number of batches that `threaded` runs at a time: cores + 1, since one may wait for the disk."""
    return cores() + 1


def threaded(
    root: Path, batches: Iterable[Batch], starting: Starting, *, keep_going: bool = False
) -> Generator[Result, None, None]:
    """Run `threads()` batches at a time, for jobs that read, convert and write files.

    Yields results in the order of the batches. If the consumer stops, running jobs end at their next step.
    Files that are complete by then stay for the next run.
    """
    workers = threads()
    stop = threading.Event()

    def work(batch: Batch) -> tuple[list[Result], Spent]:
        spent = Spent()
        doing = local(root, [batch], lambda job: _Stoppable(stop), keep_going=keep_going)
        return list(spent.of(doing)), spent

    def results_of(batch: Batch, future: Future[tuple[list[Result], Spent]]) -> list[Result]:
        reporter = starting(batch.jobs[0])
        reporter.doing(RUNNING)
        results, spent = future.result()
        spent.report(reporter)
        return results

    with ThreadPoolExecutor(workers) as pool:
        try:
            yield from in_order(
                batches,
                lambda batch: pool.submit(work, batch),
                results_of,
                most=2 * workers,
                keep_going=keep_going,
            )
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


class _Stoppable:
    """The reporter of a job in a thread; its first step after `stop` is set ends the job."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def step(self, done: int, total: int) -> None:
        if self._stop.is_set():
            raise Stopped("stopped")

    def doing(self, what: str) -> None:
        """Ignored: several jobs run at a time."""

    def say(self, line: str) -> None:
        """Ignored: jobs in threads print no lines."""

    def took(self, job: str, started_at: str, seconds: float) -> None:
        """Ignored: the thread measures its jobs itself."""
