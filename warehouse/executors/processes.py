"""The executor that runs batches in other processes of this machine."""

from __future__ import annotations

import multiprocessing
import pickle
import traceback
from collections.abc import Generator, Iterable
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from ctypes import Array, c_double
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import AlignhouseError, error_in_words
from alignhouse.warehouse.executors.executor import RUNNING, Result, Spent, Starting, in_order
from alignhouse.warehouse.executors.local import local
from alignhouse.warehouse.executors.pool import WorkerPool
from alignhouse.warehouse.kept import forget

_Done = tuple[list[list[Artifact] | Exception], list[str], Spent]
"""The results of a batch, in the order of its jobs, the lines that it printed, and how long jobs took."""

# How often a waiting coordinator looks at the steps of the oldest batch.
SECONDS_A_LOOK = 0.2
# A share of a batch is reported as steps of so many.
STEPS = 1000


class Processes:
    """An executor with spawned worker processes; a context manager that ends them on exit.

    Workers start with the first batch and serve all stages of a run. They end with their parent process,
    even if that is killed. Progress shows the steps of the oldest batch that runs.

    Parameters
    ----------
    workers : number of processes, by default one per core. Each may use the memory limit of a batch.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or cores()
        # How far each running batch is, from 0 to 1. Without locks, a worker that dies holds up nobody.
        self._most = 2 * self.workers
        self._shares = multiprocessing.get_context("spawn").RawArray("d", self._most)
        self._pool = WorkerPool(self.workers, partial(_begin, self._shares))
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
        # Batches are started in order, and at most so many are not yet yielded: each has a place of its own.
        places = (number % self._most for number in count())
        place_of: dict[Future[_Done], int] = {}

        def submit(batch: Batch) -> Future[_Done]:
            place = next(places)
            self._shares[place] = 0
            future = self._pool.submit(_work, self._stage, root.resolve(), batch, place)
            place_of[future] = place
            return future

        def results_of(batch: Batch, future: Future[_Done]) -> list[Result]:
            reporter = starting(batch.jobs[0])
            reporter.doing(RUNNING)
            self._tell(future, place_of.pop(future), reporter)
            made, lines, spent = _result(batch, future)
            for line in lines:
                reporter.say(line)
            spent.report(reporter)
            return list(zip(batch.jobs, made, strict=True))

        return in_order(
            batches,
            submit,
            results_of,
            most=self._most,
            keep_going=keep_going,
        )

    def _tell(self, future: Future[_Done], place: int, reporter: Reporter) -> None:
        """Report the steps of a batch until it ends."""
        told = 0
        while not wait([future], SECONDS_A_LOOK).done:
            if (done := int(STEPS * self._shares[place])) > told:
                told = done
                reporter.step(done, STEPS)


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


class _Sent:
    """The reporter in a worker: shares its steps, and collects lines to return them with the result.

    place : of the batch among the shares.
    """

    def __init__(self, place: int) -> None:
        self.lines: list[str] = []
        self._place = place

    def step(self, done: int, total: int) -> None:
        assert _shares is not None
        _shares[self._place] = done / total

    def doing(self, what: str) -> None:
        """Ignored: several jobs run at a time."""

    def took(self, job: str, started_at: str, seconds: float) -> None:
        """Ignored: the worker measures its jobs itself."""

    def say(self, line: str) -> None:
        self.lines.append(line)


_stage = 0
_shares: Array[c_double] | None = None


def _begin(shares: Array[c_double]) -> None:
    """Set up a worker. shares : of the running batches, in memory that all processes see."""
    global _shares
    _shares = shares


def _work(stage: int, root: Path, batch: Batch, place: int) -> _Done:
    """Run a batch in a worker."""
    global _stage
    if stage != _stage:
        forget()
        _stage = stage
    said, spent = _Sent(place), Spent()
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
