"""The executor that runs batches in other processes of this machine."""

from __future__ import annotations

import multiprocessing
from collections.abc import Generator, Iterable
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from ctypes import Array, c_double
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.cores import cores, share_cores
from alignhouse.warehouse.errors import AlignhouseError
from alignhouse.warehouse.executors.dealing import SECONDS_A_LOOK
from alignhouse.warehouse.executors.executor import RUNNING, Result, Starting, in_order
from alignhouse.warehouse.executors.pool import WorkerPool
from alignhouse.warehouse.executors.worker import STEPS, Done, Sent, not_sent, reported, work

WHY_IT_DIED = "did it run out of memory? compute.memory limits it; run the same command again to continue"


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
        self._pool = WorkerPool(self.workers, partial(begin, self._shares))
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
        place_of: dict[Future[Done], int] = {}

        def submit(batch: Batch) -> Future[Done]:
            place = next(places)
            self._shares[place] = 0
            future = self._pool.submit(work_on, self._stage, root.resolve(), batch, place)
            place_of[future] = place
            return future

        def results_of(batch: Batch, future: Future[Done]) -> list[Result]:
            reporter = starting(batch.jobs[0])
            reporter.doing(RUNNING)
            self._tell(future, place_of.pop(future), reporter)
            return reported(batch, _result(batch, future), reporter)

        return in_order(
            batches,
            submit,
            results_of,
            most=self._most,
            keep_going=keep_going,
        )

    def _tell(self, future: Future[Done], place: int, reporter: Reporter) -> None:
        """Report the steps of a batch until it ends."""
        told = 0
        while not wait([future], SECONDS_A_LOOK).done:
            if (done := int(STEPS * self._shares[place])) > told:
                told = done
                reporter.step(done, STEPS)


def _result(batch: Batch, future: Future[Done]) -> Done:
    try:
        return future.result()
    except BrokenProcessPool:
        raise AlignhouseError(
            f"a worker process died during {batch.jobs[0].label} or a parallel batch",
            hint=WHY_IT_DIED,
        ) from None
    except Exception as error:
        return not_sent(batch, error)


_shares: Array[c_double] | None = None


def begin(shares: Array[c_double], processes: int = 1) -> None:
    """Set up a worker.

    Parameters
    ----------
    shares : how far each running batch is, in memory that all processes see.
    processes : the number of workers that share the cores.
    """
    global _shares
    _shares = shares
    share_cores(processes)


def work_on(stage: int, root: Path, batch: Batch, place: int) -> Done:
    """Run a batch in a worker. place : of the batch among the shares."""

    def share(done: float) -> None:
        assert _shares is not None
        _shares[place] = done

    return work(root, batch, Sent(share), stage)
