"""The interface of executors: they run batches and yield the artifacts, or the error, of each job.

Executors only write files; the `Run` that uses an executor registers them. So a warehouse has one writer, no
matter how many workers there are.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from alignhouse.warehouse.artifacts import Artifact, write
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.faults import faults_at
from alignhouse.warehouse.history import now
from alignhouse.warehouse.jobs import Job, Output

# What a job does, unless its call says more.
COMPUTING, WRITING = "computing", "writing"
# The oldest of several batches that run at a time.
RUNNING = "running beside others"

Value = TypeVar("Value")

Result = tuple[Job, list[Artifact] | Exception]
"""A job and its artifacts, or the error that it failed with."""
Starting = Callable[[Job], Reporter]
"""Called when a job begins; returns the reporter of its steps."""


class Spent:
    """Measures the jobs of a batch that runs elsewhere: when each started and how many seconds it took."""

    def __init__(self) -> None:
        self.of_jobs: list[tuple[str, str, float]] = []

    def of(self, results: Iterable[Result]) -> Generator[Result, None, None]:
        """Pass on results, and note the time before each."""
        results = iter(results)
        while True:
            started_at, began = now(), time.monotonic()
            result = next(results, None)
            if result is None:
                return
            self.of_jobs.append((result[0].key, started_at, time.monotonic() - began))
            yield result

    def report(self, reporter: Reporter) -> None:
        """Report the times of all jobs."""
        for job, started_at, seconds in self.of_jobs:
            reporter.took(job, started_at, seconds)


class Executor(Protocol):
    """Runs batches, anywhere and in any order, and yields a `Result` for each job.

    After an error, no further batch starts, unless `keep_going` is set. Running batches are finished, and
    their results are yielded too.
    """

    def __call__(
        self, root: Path, batches: Iterable[Batch], starting: Starting, *, keep_going: bool = False
    ) -> Generator[Result, None, None]: ...


def in_order(
    batches: Iterable[Batch],
    submit: Callable[[Batch], Future[Value]],
    results_of: Callable[[Batch, Future[Value]], list[Result]],
    *,
    most: int,
    keep_going: bool,
) -> Generator[Result, None, None]:
    """Keep several batches running elsewhere, and yield their results in the order of the batches.

    Parameters
    ----------
    submit : start a batch. results_of : wait for it, and return a result for each of its jobs.
    most : the number of batches that are started and not yet yielded.
    """
    coming = iter(batches)
    running = deque((batch, submit(batch)) for batch in islice(coming, most))
    failed = False
    while running:
        batch, future = running.popleft()
        if future.cancelled():
            continue
        results = results_of(batch, future)
        if not keep_going and not failed and any(isinstance(made, Exception) for _, made in results):
            failed = True
            for _, each in running:
                each.cancel()
        if not failed:
            running.extend((batch, submit(batch)) for batch in islice(coming, 1))
        yield from results


def outputs_of(
    batch: Batch, starting: Starting, prepared: Callable[[], Any]
) -> Iterator[tuple[Job, list[Output] | Exception]]:
    """Yield each job of a batch with its outputs.

    If the batch fails, the current job and all later ones are yielded with the error. A divisible batch that
    fails on bad input is retried job by job.
    """
    left = deque(batch.jobs)
    try:
        reporter = starting(left[0])
        if batch.prepare is not None:
            reporter.doing(batch.preparing)
        made = prepared()
        reporter.doing(COMPUTING)
        for outputs in batch.outputs(reporter, made):
            reporter.doing(WRITING)
            yield left.popleft(), list(outputs)
            if left:
                reporter = starting(left[0])
                reporter.doing(COMPUTING)
    except Exception as error:
        if batch.divisible and isinstance(error, BadInput) and len(left) > 1:
            rest = {job.key for job in left}
            for each in batch.singly():
                if each.jobs[0].key in rest:
                    yield from outputs_of(each, starting, each.prepared)
            return
        for job in left:
            yield job, error


def written(root: Path, job: Job, outputs: list[Output]) -> list[Artifact] | Exception:
    """Write the files of a job; returns the error if that fails."""
    try:
        with faults_at(root):
            return write(root, job, outputs)
    except Exception as error:
        return error
