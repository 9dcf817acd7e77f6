"""The executor that does batches in other processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import AlignhouseError, error_in_words
from alignhouse.warehouse.executors.executor import Result, Starting
from alignhouse.warehouse.executors.local import local
from alignhouse.warehouse.kept import forget

_Done = tuple[list[list[Artifact] | Exception], list[str]]
"""A result for each job of a batch, in their order, and the lines that the batch said."""


class Processes:
    """An executor with spawned worker processes; a context manager, which ends them.

    Workers start with the first batch and serve all stages of a run. They end with the process that started
    them, even if that is killed.

    Parameters
    ----------
    workers : how many processes; one per core by default. Each may use the memory that a batch allows.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or cores()
        self._context = multiprocessing.get_context("spawn")
        # Workers wait for the end of this pipe: it comes when this process closes it, or dies. An event would
        # not do, since it waits for its waiters, and a worker may have died.
        self._lifeline, self._held = self._context.Pipe(duplex=False)
        self._pool: ProcessPoolExecutor | None = None
        self._stage = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers; a batch that still runs is given up."""
        self._held.close()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __call__(
        self, root: Path, batches: Iterable[Batch], starting: Starting, *, keep_going: bool = False
    ) -> Generator[Result, None, None]:
        """Yields results in the order of the batches; see `Executor`."""
        self._stage += 1
        coming = iter(batches)
        running: deque[tuple[Batch, Future[_Done]]] = deque()

        def submit(most: int) -> None:
            for batch in islice(coming, most):
                running.append((batch, self._submit(root.resolve(), batch)))

        submit(2 * self.workers)
        failed = False
        while running:
            batch, future = running.popleft()
            if future.cancelled():
                continue
            reporter = starting(batch.jobs[0])
            made, lines = _result(batch, future)
            for line in lines:
                reporter.say(line)
            if not keep_going and not failed and any(isinstance(each, Exception) for each in made):
                failed = True
                for _, each in running:
                    each.cancel()
            if not failed:
                submit(1)
            yield from zip(batch.jobs, made, strict=True)

    def _submit(self, root: Path, batch: Batch) -> Future[_Done]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.workers, self._context, initializer=_begin, initargs=(self._lifeline,)
            )
        return self._pool.submit(_work, self._stage, root, batch)


def _result(batch: Batch, future: Future[_Done]) -> _Done:
    try:
        return future.result()
    except BrokenProcessPool:
        raise AlignhouseError(
            f"a worker process died during {batch.jobs[0].label} or a batch beside it",
            hint="did it run out of memory? compute.memory bounds it; run the same command again to go on",
        ) from None
    except Exception as error:
        # The batch could not be sent, or its result not be received.
        return [error] * len(batch.jobs), []


class _Lines:
    """Keeps the lines that a batch says until its result travels back."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def step(self, done: int, total: int) -> None:
        """Steps stay in the worker: the coordinator counts whole jobs."""

    def say(self, line: str) -> None:
        self.lines.append(line)


_stage = 0


def _begin(lifeline: Connection) -> None:
    """Set up a worker: only the process that started it decides when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        with contextlib.suppress(EOFError):
            lifeline.recv_bytes()
        # Files are moved into place whole, so a worker can end at any moment.
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _work(stage: int, root: Path, batch: Batch) -> _Done:
    """Do a batch in a worker."""
    global _stage
    if stage != _stage:
        forget()
        _stage = stage
    said = _Lines()
    found: dict[str, list[Artifact] | Exception] = {}
    for job, made in local(root, [batch], lambda job: said, keep_going=True):
        found[job.key] = _sendable(made) if isinstance(made, Exception) else made
    return [found[job.key] for job in batch.jobs], said.lines


def _sendable(error: Exception) -> Exception:
    """The error, or its words if it cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return AlignhouseError(error_in_words(error))
    return error
