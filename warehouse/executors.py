"""Where jobs run. An executor is handed jobs and yields their artifacts as they are done.

Jobs only write files; whoever consumes the executor registers them, so a warehouse has one writer however
many workers there are. An executor for a cluster has this very signature.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from alignhouse.warehouse.artifacts import Artifact, work, write
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import Stopped
from alignhouse.warehouse.jobs import Job, Tick

# Jobs whose files wait to be written behind others, at most.
MOST_UNWRITTEN = 32

Executor = Callable[[Path, Iterable[Job], Callable[[Job], Tick]], Iterator[tuple[Job, list[Artifact]]]]


def local(
    root: Path, jobs: Iterable[Job], starting: Callable[[Job], Tick]
) -> Iterator[tuple[Job, list[Artifact]]]:
    """One job after the other in this process; numpy and torch use the cores inside a job."""
    for job in jobs:
        yield job, work(root, job, starting(job))


def writing_behind(
    root: Path, jobs: Iterable[Job], starting: Callable[[Job], Tick]
) -> Iterator[tuple[Job, list[Artifact]]]:
    """As `local`, but files are written while the next jobs compute: for many jobs of small files.

    Where a job fails, those before it are given first, and then its error is raised.
    """
    waiting: deque[tuple[Job, Future[list[Artifact]]]] = deque()
    error: Exception | None = None
    with ThreadPoolExecutor(1) as pool:
        try:
            for job in jobs:
                outputs = list(job.work(starting(job)))
                waiting.append((job, pool.submit(write, root, job, outputs)))
                while waiting and (waiting[0][1].done() or len(waiting) > MOST_UNWRITTEN):
                    yield _written(waiting)
        except Exception as failure:
            error = failure
        while waiting:
            yield _written(waiting)
    if error is not None:
        raise error


def _written(waiting: deque[tuple[Job, Future[list[Artifact]]]]) -> tuple[Job, list[Artifact]]:
    job, future = waiting.popleft()
    return job, future.result()


def threads() -> int:
    """How many jobs `threaded` runs at a time: as many as cores, and one for while one waits for a disk."""
    return cores() + 1


def threaded(
    root: Path, jobs: Iterable[Job], starting: Callable[[Job], Tick]
) -> Iterator[tuple[Job, list[Artifact]]]:
    """About as many jobs at a time as there are cores, in threads: for jobs that read, convert and write.

    Gives jobs in the order in which they came. Where one fails, those that were running are given first, and
    then its error is raised; the same where the consumer stops (those then are whole files for the next run).
    """
    workers = threads()
    stop = threading.Event()

    def tick(done: int, total: int) -> None:
        if stop.is_set():
            raise Stopped("stopped")

    coming = iter(jobs)
    with ThreadPoolExecutor(workers) as pool:
        running: deque[tuple[Job, Future[list[Artifact]]]] = deque()

        def submit(most: int) -> None:
            for job in islice(coming, most):
                running.append((job, pool.submit(work, root, job, tick)))

        submit(2 * workers)
        error: BaseException | None = None
        try:
            while running:
                job, future = running.popleft()
                starting(job)
                try:
                    made = future.result()
                except Exception as failure:
                    if error is None:
                        error = failure
                        for _, each in running:
                            each.cancel()
                        running = deque(each for each in running if not each[1].cancelled())
                    continue
                if error is None:
                    submit(1)
                yield job, made
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    if error is not None:
        raise error
