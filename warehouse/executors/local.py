"""Executors that run in this process, one batch after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.executors.executor import Result, Starting, outputs_of, written
from alignhouse.warehouse.jobs import Job

# The most jobs whose files may wait to be written.
MOST_UNWRITTEN = 32


def local(
    root: Path, batches: Iterable[Batch], starting: Starting, *, keep_going: bool = False
) -> Generator[Result, None, None]:
    """Run one batch after the other in this process; numpy and torch use all cores inside a batch."""
    for batch, prepared in _prepared_ahead(batches):
        failed = False
        for job, made in outputs_of(batch, starting, prepared):
            result = made if isinstance(made, Exception) else written(root, job, made)
            failed |= isinstance(result, Exception)
            yield job, result
        if failed and not keep_going:
            return


def writing_behind(
    root: Path, batches: Iterable[Batch], starting: Starting, *, keep_going: bool = False
) -> Generator[Result, None, None]:
    """Like `local`, but write files while the next jobs compute; suits many jobs with small files."""
    waiting: deque[tuple[Job, Future[list[Artifact] | Exception]]] = deque()
    with ThreadPoolExecutor(1) as pool:
        for batch, prepared in _prepared_ahead(batches):
            failed = False
            for job, made in outputs_of(batch, starting, prepared):
                if isinstance(made, Exception):
                    # Results stay in the order of the jobs.
                    waiting.append((job, _finished(made)))
                    failed = True
                else:
                    waiting.append((job, pool.submit(written, root, job, made)))
                while waiting and (waiting[0][1].done() or len(waiting) > MOST_UNWRITTEN):
                    job, future = waiting.popleft()
                    failed |= isinstance(future.result(), Exception)
                    yield job, future.result()
            if failed and not keep_going:
                break
        while waiting:
            job, future = waiting.popleft()
            yield job, future.result()


def _finished(error: Exception) -> Future[list[Artifact] | Exception]:
    future: Future[list[Artifact] | Exception] = Future()
    future.set_result(error)
    return future


def _prepared_ahead(batches: Iterable[Batch]) -> Iterator[tuple[Batch, Callable[[], Any]]]:
    """Yield each batch with a function that returns its prepared argument.

    If the batch allows it, a thread prepares it while the previous batch runs.
    """
    coming = iter(batches)
    batch = next(coming, None)
    begun: Future[Any] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="prepare") as pool:
        while batch is not None:
            following = next(coming, None)
            of_this, begun = begun, None
            prepared = batch.prepared if of_this is None else of_this.result
            if following is None or not following.ahead:
                yield batch, prepared
            else:
                later = following

                def prepared_then_next(prepared: Callable[[], Any] = prepared, later: Batch = later) -> Any:
                    nonlocal begun
                    try:
                        return prepared()
                    finally:
                        # Start only after this one has finished: two at a time would take twice the memory.
                        begun = pool.submit(later.prepared)

                yield batch, prepared_then_next
            batch = following
