"""What a worker process does with a batch, and what it sends back."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from pathlib import Path

from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.errors import AlignhouseError, error_in_words
from alignhouse.warehouse.executors.executor import Result, Spent
from alignhouse.warehouse.executors.local import local
from alignhouse.warehouse.kept import forget

Done = tuple[list[list[Artifact] | Exception], list[str], Spent]
"""The results of a batch, in the order of its jobs, the lines that it printed, and how long jobs took."""

# A share of a batch is reported as steps of so many.
STEPS = 1000


class Sent:
    """The reporter in a worker: shares its steps, and collects lines to return them with the result.

    Parameters
    ----------
    share : receives how far the batch is, from 0 to 1.
    """

    def __init__(self, share: Callable[[float], None]) -> None:
        self.lines: list[str] = []
        self._share = share

    def step(self, done: int, total: int) -> None:
        self._share(done / total)

    def doing(self, what: str) -> None:
        """Ignored: several jobs run at a time."""

    def took(self, job: str, started_at: str, seconds: float) -> None:
        """Ignored: the worker measures its jobs itself."""

    def say(self, line: str) -> None:
        self.lines.append(line)


_stage: object = None


def work(root: Path, batch: Batch, said: Sent, stage: object) -> Done:
    """Run a batch in this process, to its end or its error.

    Parameters
    ----------
    stage : of the run. With another one, what the former stage kept in memory is dropped.
    """
    global _stage
    if stage != _stage:
        forget()
        _stage = stage
    spent = Spent()
    made = [
        sendable(result) if isinstance(result, Exception) else result
        for _, result in spent.of(local(root, [batch], lambda job: said, keep_going=True))
    ]
    return made, said.lines, spent


def sendable(error: Exception) -> Exception:
    """The error itself, or an error with its message if it cannot be pickled; its traceback is a note."""
    trace = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = AlignhouseError(error_in_words(error))
    # Tracebacks cannot be pickled.
    error.add_note(f"In a worker process:\n{trace}")
    return error


def reported(batch: Batch, done: Done, reporter: Reporter) -> list[Result]:
    """The results of a batch that ran elsewhere; its lines and times go to the reporter."""
    made, lines, spent = done
    for line in lines:
        reporter.say(line)
    spent.report(reporter)
    return list(zip(batch.jobs, made, strict=True))


def not_sent(batch: Batch, error: Exception) -> Done:
    """The results of a batch that could not be sent to a worker, or whose results could not be sent back."""
    return [error] * len(batch.jobs), [], Spent()
