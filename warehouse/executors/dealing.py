"""Deals batches to workers that come and go: each batch to the next worker that is free."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Protocol

from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.errors import AlignhouseError
from alignhouse.warehouse.executors.executor import RUNNING, Result, Starting
from alignhouse.warehouse.executors.worker import STEPS, Done, not_sent, reported

# How often a waiting coordinator looks at its workers and at the steps of the oldest batch.
SECONDS_A_LOOK = 0.2


class WorkerLost(AlignhouseError):
    """A worker ended, or left, before its batch was done."""


class Worker(Protocol):
    """A process, here or on another machine, that runs one batch at a time.

    name : for errors, "cuda:1" for example.
    """

    @property
    def name(self) -> str: ...

    def takes(self, batch: Batch) -> bool:
        """Whether it can run this batch."""

    def start(self, batch: Batch) -> Future[Done]:
        """Run a batch; the future has the error `WorkerLost` if the worker ends before."""

    def share(self) -> float:
        """How far the batch is that runs, from 0 to 1."""


@dataclass
class _Running:
    batch: Batch
    worker: Worker
    told: int = 0


@dataclass
class _Shown:
    """The batch whose steps the user sees: the oldest that runs."""

    starting: Starting
    running: _Running | None = None
    reporter: Reporter | None = field(default=None)

    def show(self, running: _Running) -> Reporter:
        if self.running is not running or self.reporter is None:
            self.running = running
            self.reporter = self.starting(running.batch.jobs[0])
            self.reporter.doing(RUNNING)
        return self.reporter

    def tell(self) -> None:
        """Report the steps of the shown batch."""
        if self.running is None or self.reporter is None:
            return
        done = int(STEPS * self.running.worker.share())
        if done > self.running.told:
            self.running.told = done
            self.reporter.step(done, STEPS)


def longest_first(batches: Iterable[Batch]) -> list[Batch]:
    """Batches for devices in the order of their work, so that none of the longest starts last.

    Others keep their order: neighbours share what a worker keeps in memory.
    """
    return sorted(batches, key=lambda each: -sum(each.work_of_jobs().values()) if each.device else 0.0)


def deal_out(
    batches: Iterable[Batch],
    present: Callable[[], Sequence[Worker]],
    starting: Starting,
    *,
    keep_going: bool,
    attempts: int = 1,
) -> Generator[Result, None, None]:
    """Deal batches to free workers, and yield results as batches end.

    Parameters
    ----------
    present : the workers that are there now; called often. It raises an error if none can come any more.
    attempts : a batch whose worker is lost is dealt again until it was lost so many times.

    Raises
    ------
    AlignhouseError : workers were lost with the same batch too often. It names batch and worker.
    """
    waiting = deque(longest_first(batches))
    running: dict[Future[Done], _Running] = {}
    lost: Counter[str] = Counter()
    shown = _Shown(starting)
    failed = False
    while running or (waiting and not failed):
        if waiting and not failed:
            _start(waiting, running, present())
        else:
            present()
        ended = _ended(running)
        if running and not ended:
            shown.show(next(iter(running.values())))
            shown.tell()
        for future in ended:
            done = running.pop(future)
            try:
                found = future.result()
            except WorkerLost as error:
                key = done.batch.jobs[0].key
                lost[key] += 1
                if lost[key] >= attempts:
                    raise _lost_too_often(done, lost[key], error) from None
                waiting.appendleft(done.batch)
                shown.show(done).say(
                    f"Worker {done.worker.name} was lost during {done.batch.jobs[0].label}; "
                    "the batch is dealt to another one"
                )
                continue
            except Exception as error:
                # The batch or its result could not be sent between the processes.
                found = not_sent(done.batch, error)
            results = reported(done.batch, found, shown.reporter or shown.show(done))
            failed |= not keep_going and any(isinstance(made, Exception) for _, made in results)
            yield from results


def _start(waiting: deque[Batch], running: dict[Future[Done], _Running], present: Sequence[Worker]) -> None:
    busy = {each.worker.name for each in running.values()}
    for worker in present:
        if worker.name in busy:
            continue
        place = next((number for number, each in enumerate(waiting) if worker.takes(each)), None)
        if place is not None:
            batch = waiting[place]
            del waiting[place]
            running[worker.start(batch)] = _Running(batch, worker)


def _ended(running: dict[Future[Done], _Running]) -> list[Future[Done]]:
    """The calls that have ended, the oldest first; waits a moment for one."""
    if not running:
        time.sleep(SECONDS_A_LOOK)
        return []
    done = wait(list(running), SECONDS_A_LOOK, FIRST_COMPLETED).done
    return [future for future in list(running) if future in done]


def _lost_too_often(done: _Running, times: int, error: WorkerLost) -> AlignhouseError:
    before = f", and {times - 1} before it" if times > 1 else ""
    return AlignhouseError(
        f"worker {done.worker.name} was lost during {done.batch.jobs[0].label}{before}",
        found=error.found,
        hint=error.hint,
    )
