"""Runs: stages of jobs, done once, registered safely, finished later if they were stopped."""

from __future__ import annotations

import contextlib
import importlib.metadata
import math
import platform
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput, in_words
from alignhouse.warehouse.executors import Executor, local
from alignhouse.warehouse.jobs import Job, Tick, canonical
from alignhouse.warehouse.progress import Progress, Silent
from alignhouse.warehouse.schema import statement
from alignhouse.warehouse.store import Writer, discard

# The files of finished jobs may wait this long to be registered; a killed run's are adopted by the next.
SECONDS_UNREGISTERED = 1.0


class Run:
    """One run of a study: what was asked, by which version, when; a context manager.

    A run that finds everything done leaves no trace: its row is written with the first job it registers.

    Parameters
    ----------
    writer : an open writer.
    command, study : what was asked for, kept with the run.
    """

    def __init__(
        self,
        writer: Writer,
        command: str,
        study: Mapping[str, Any],
        progress: Progress | None = None,
        executor: Executor = local,
    ) -> None:
        self.writer, self.command, self.study = writer, command, study
        self.progress = progress or Silent()
        self.executor = executor
        self.jobs_done = 0
        self._number: int | None = None
        self._held: list[tuple[Artifact, bool]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._number is None:
            return
        status = "finished" if error is None else "stopped"
        self.writer.mark_changed()
        self.writer.connection.execute(
            statement("end_run"),
            {"status": status, "jobs": self.jobs_done, "run": self._number},
        )

    @contextlib.contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """A block whose jobs are registered in one transaction at its end, so input is accepted whole or not.

        Bad input also removes the files that the block wrote, so the warehouse is as it was. Any other end
        (the process was killed) leaves them, and the next run adopts them.
        """
        held: list[tuple[Artifact, bool]] = []
        self._held = held
        try:
            yield
        except BadInput:
            discard(self.writer.folder, (each for each, is_new in held if is_new))
            raise
        finally:
            self._held = None
        if held:
            self.register([each for each, _ in held])

    def has(self, job: Job) -> bool:
        """Whether `do` would find the job done."""
        return bool(self.done_among([job]))

    def done_among(self, jobs: Iterable[Job]) -> set[str]:
        """The keys of those jobs that `do` would find done."""
        finished, adoptable, _ = self._sorted_out(jobs)
        return {*finished, *adoptable}

    def _sorted_out(
        self, jobs: Iterable[Job]
    ) -> tuple[dict[str, list[Artifact]], dict[str, list[Artifact]], dict[str, Job]]:
        """Artifacts of jobs that are registered, of those that are only in place, and jobs to do; by key."""
        todo = {job.key: job for job in jobs}
        finished = self.writer.finished(todo.values())
        adoptable: dict[str, list[Artifact]] = {}
        for key in finished:
            del todo[key]
        for key, job in list(todo.items()):
            if (found := self.writer.adoptable(job)) is not None:
                adoptable[key] = found
                del todo[key]
        return finished, adoptable, todo

    def try_each(self, title: str, jobs: Iterable[Job]) -> tuple[dict[str, list[Artifact]], dict[str, str]]:
        """As `do`, but a job that fails does not keep the others from being done.

        Gives the artifacts of those that are done, and the errors of the others in words, by the jobs' keys.
        For jobs that have nothing to do with one another; the caller is to tell of the errors.
        """
        # In words, for an error holds on to all that was in memory where it was raised.
        failures: dict[str, str] = {}
        told: set[str] = set()

        def going_on(
            root: Path, todo: Iterable[Job], starting: Callable[[Job], Tick]
        ) -> Iterator[tuple[Job, list[Artifact]]]:
            for job in todo:
                try:
                    yield from self.executor(root, [job], starting)
                except Exception as error:
                    line = f"Failed: {job.label}: {in_words(error)}"
                    if line not in told:
                        self.progress.say(line)
                    told.add(line)
                    failures[job.key] = in_words(error)

        return self.do(title, jobs, going_on), failures

    def do(
        self, title: str, jobs: Iterable[Job], executor: Executor | None = None
    ) -> dict[str, list[Artifact]]:
        """The artifacts of each job, by the job's key; those that are done already are not done again.

        Parameters
        ----------
        executor : where these jobs run, if not where the run's other jobs do.

        Raises
        ------
        Whatever a job raises; the jobs before it stay done.
        """
        finished, adopted, todo = self._sorted_out(jobs)
        results = finished | adopted
        self._keep([each for of_job in adopted.values() for each in of_job], is_new=False)
        self.progress.stage(title, len(todo), len(results))
        executor = executor or self.executor
        made: list[Artifact] = []
        kept_at = -math.inf
        try:
            for job, artifacts in executor(self.writer.folder, todo.values(), self._starting):
                results[job.key] = artifacts
                made += artifacts
                # Many small jobs are registered together: one by one, that takes longer than they do.
                if time.monotonic() - kept_at > SECONDS_UNREGISTERED:
                    self._keep(made, is_new=True)
                    made, kept_at = [], time.monotonic()
                self.progress.job_done()
        finally:
            self._keep(made, is_new=True)
        return results

    def _keep(self, made: Sequence[Artifact], *, is_new: bool) -> None:
        if not made:
            return
        if self._held is None:
            self.register(made)
        else:
            self._held += [(each, is_new) for each in made]

    def _starting(self, job: Job) -> Tick:
        self.progress.job(job.label)
        return self.progress.step

    def register(self, made: Sequence[Artifact]) -> None:
        """Make artifacts known in one transaction, as part of this run, and let readers see them."""
        if self._number is None:
            self._number = self._begin()
        self.writer.register(made, self._number)
        self.jobs_done += len({each.job for each in made})
        self.writer.publish()

    def _begin(self) -> int:
        row = self.writer.connection.execute(
            statement("begin_run"),
            {
                "command": self.command,
                "study": canonical(dict(self.study)),
                "version": importlib.metadata.version("alignhouse"),
                "python": platform.python_version(),
                "host": socket.gethostname(),
            },
        ).fetchone()
        assert row is not None
        return int(row[0])
