"""The interface of executors: they run batches and yield the artifacts, or the error, of each job.

Executors only write files; the `Run` that uses an executor registers them. So a warehouse has one writer, no
matter how many workers there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from alignhouse.warehouse.artifacts import Artifact, write
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job, Output

Result = tuple[Job, list[Artifact] | Exception]
"""A job and its artifacts, or the error that it failed with."""
Starting = Callable[[Job], Reporter]
"""Called when a job begins; returns the reporter of its steps."""


class Executor(Protocol):
    """Runs batches, anywhere and in any order, and yields a `Result` for each job.

    After an error, no further batch starts, unless `keep_going` is set. Running batches are finished, and
    their results are yielded too.
    """

    def __call__(
        self, root: Path, batches: Iterable[Batch], starting: Starting, *, keep_going: bool = False
    ) -> Generator[Result, None, None]: ...


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
        for outputs in batch.outputs(reporter, prepared()):
            yield left.popleft(), list(outputs)
            if left:
                reporter = starting(left[0])
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
        return write(root, job, outputs)
    except Exception as error:
        return error
