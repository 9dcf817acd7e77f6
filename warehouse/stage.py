"""The jobs of one stage of a run: their work, their progress, their lines in the log."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.history import now
from alignhouse.warehouse.jobs import Job
from alignhouse.warehouse.logs import RunLog, error_facts
from alignhouse.warehouse.progress import Progress


class StageJobs:
    """The jobs of one stage while they are done: their work, and their lines in the progress and in the log.

    work : of all jobs to do. work_of : key -> work.
    """

    def __init__(
        self, progress: Progress, log: RunLog, batches: Sequence[Batch], todo: Collection[str]
    ) -> None:
        self._progress, self._log, self._batches, self._todo = progress, log, batches, todo
        known = [work for batch in batches for work in batch.work_of_jobs().items()]
        self.work_of = {key: work for key, work in reversed(known) if key in todo}
        self.work = sum(self.work_of.values())
        # Key -> the jobs that its call has left when the job begins.
        self._left: dict[str, tuple[str, ...]] = {}
        self._current: tuple[str, str, float] | None = None
        self._spent: dict[str, tuple[str, float]] = {}

    def pieces(self) -> Iterator[Batch]:
        """The batches to run, see `_pieces`."""
        for piece in _pieces(self._batches, self._todo):
            keys = tuple(job.key for job in piece.jobs)
            self._left |= {key: keys[index:] for index, key in enumerate(keys)}
            yield piece

    def starting(self, job: Job) -> Reporter:
        self._close()
        left = self._left.get(job.key, (job.key,))
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        self._progress.job(job.label + more, work=sum(self.work_of[key] for key in left))
        self._current = (job.key, now(), time.monotonic())
        return _Reporter(self._progress, self._spent)

    def ended(self, job: Job, result: list[Artifact] | Exception) -> None:
        """Write the line of a job that is done or has failed."""
        self._close(job)
        started_at, seconds = self._spent.pop(job.key, (None, None))
        facts: dict[str, Any] = {
            "label": job.label,
            "method": job.method,
            "key": job.key,
            "started_at": started_at,
            "seconds": None if seconds is None else round(seconds, 3),
        }
        if isinstance(result, Exception):
            self._log.write("failed", always=True, **facts, **error_facts(result))
            return
        self._log.write(
            "job",
            **facts,
            bytes=sum(each.bytes for each in result),
            artifacts=[each.path for each in result],
        )

    def _close(self, job: Job | None = None) -> None:
        """End the time of the job that this process does now, or of `job` alone."""
        if self._current is None or (job is not None and job.key != self._current[0]):
            return
        key, started_at, began = self._current
        self._spent.setdefault(key, (started_at, time.monotonic() - began))
        self._current = None


class _Reporter:
    """Reports to a progress, and keeps the times that executors measured elsewhere."""

    def __init__(self, progress: Progress, spent: dict[str, tuple[str, float]]) -> None:
        self._spent = spent
        self.step, self.doing, self.say = progress.step, progress.doing, progress.say

    def took(self, job: str, started_at: str, seconds: float) -> None:
        self._spent[job] = (started_at, seconds)


def _pieces(batches: Iterable[Batch], missing: Collection[str]) -> Iterator[Batch]:
    """The batches to run: each missing job once, without finished jobs, with large batches divided."""
    left = set(missing)
    for batch in batches:
        for piece in batch.divided(left):
            left -= {job.key for job in piece.jobs}
            yield piece
