"""The executor that runs batches in other processes of this machine."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Generator, Iterable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import TracebackType
from typing import Self

from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import AlignhouseError, error_in_words
from alignhouse.warehouse.executors.executor import RUNNING, Result, Spent, Starting, in_order
from alignhouse.warehouse.executors.local import local
from alignhouse.warehouse.executors.pool import WorkerPool
from alignhouse.warehouse.kept import forget

_Done = tuple[list[list[Artifact] | Exception], list[str], Spent]
"""The results of a batch, in the order of its jobs, the lines that it printed, and how long jobs took."""


class Processes:
    """An executor with spawned worker processes; a context manager that ends them on exit.

    Workers start with the first batch and serve all stages of a run. They end with their parent process,
    even if that is killed.

    Parameters
    ----------
    workers : number of processes, by default one per core. Each may use the memory limit of a batch.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or cores()
        self._pool = WorkerPool(self.workers)
        self._stage = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, even in the middle of a batch."""
        self._pool.close()

    def __call__(
        self, root: Path, batches: Iterable[Batch], starting: Starting, *, keep_going: bool = False
    ) -> Generator[Result, None, None]:
        """The results in the order of the batches; see `Executor`."""
        self._stage += 1

        def results_of(batch: Batch, future: Future[_Done]) -> list[Result]:
            reporter = starting(batch.jobs[0])
            reporter.doing(RUNNING)
            made, lines, spent = _result(batch, future)
            for line in lines:
                reporter.say(line)
            spent.report(reporter)
            return list(zip(batch.jobs, made, strict=True))

        return in_order(
            batches,
            lambda batch: self._submit(root.resolve(), batch),
            results_of,
            most=2 * self.workers,
            keep_going=keep_going,
        )

    def _submit(self, root: Path, batch: Batch) -> Future[_Done]:
        return self._pool.submit(_work, self._stage, root, batch)


def _result(batch: Batch, future: Future[_Done]) -> _Done:
    try:
        return future.result()
    except BrokenProcessPool:
        raise AlignhouseError(
            f"a worker process died during {batch.jobs[0].label} or a parallel batch",
            hint="did it run out of memory? compute.memory limits it; run the same command again to continue",
        ) from None
    except Exception as error:
        # The batch or its result could not be sent between the processes.
        return [error] * len(batch.jobs), [], Spent()


class _Lines:
    """Collects the lines that a batch prints, to return them with its result."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def step(self, done: int, total: int) -> None:
        """Ignored: the parent process counts whole jobs only."""

    def doing(self, what: str) -> None:
        """Ignored: several jobs run at a time."""

    def took(self, job: str, started_at: str, seconds: float) -> None:
        """Ignored: the worker measures its jobs itself."""

    def say(self, line: str) -> None:
        self.lines.append(line)


_stage = 0


def _work(stage: int, root: Path, batch: Batch) -> _Done:
    """Run a batch in a worker."""
    global _stage
    if stage != _stage:
        forget()
        _stage = stage
    said, spent = _Lines(), Spent()
    made = [
        _sendable(result) if isinstance(result, Exception) else result
        for _, result in spent.of(local(root, [batch], lambda job: said, keep_going=True))
    ]
    return made, said.lines, spent


def _sendable(error: Exception) -> Exception:
    """The error itself, or an error with its message if it cannot be pickled; its traceback is a note."""
    trace = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = AlignhouseError(error_in_words(error))
    # Tracebacks cannot be pickled.
    error.add_note(f"In a worker process:\n{trace}")
    return error
