"""Runs: do the jobs of each stage once, register their results, and continue after an interruption."""

from __future__ import annotations

import contextlib
import importlib.metadata
import math
import platform
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.errors import AlignhouseError, BadInput, DamagedArtifact, error_in_words
from alignhouse.warehouse.executors.executor import Executor
from alignhouse.warehouse.executors.local import local
from alignhouse.warehouse.files import set_aside
from alignhouse.warehouse.history import now
from alignhouse.warehouse.jobs import Job, canonical
from alignhouse.warehouse.kept import forget
from alignhouse.warehouse.logs import LoggedProgress, RunLog, devices, error_facts, machine
from alignhouse.warehouse.progress import Progress, Silent
from alignhouse.warehouse.schema import statement
from alignhouse.warehouse.stage import StageJobs
from alignhouse.warehouse.store import Writer, discard

# Seconds that the files of finished jobs may wait for registration. If a run is killed, the next one
# registers its files.
SECONDS_UNREGISTERED = 1.0

Name = TypeVar("Name")


class Run:
    """One run of a study: its command, version and time; a context manager.

    The row of the run is written with the first job that it registers. So a run with nothing to do leaves no
    row.

    Parameters
    ----------
    writer : an open writer.
    command, study : stored in the row of the run.
    executor : runs all batches; None runs each stage in this process, with the executor that suits it.
    """

    def __init__(
        self,
        writer: Writer,
        command: str,
        study: Mapping[str, Any],
        progress: Progress | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.writer, self.command, self.study = writer, command, study
        shown = progress or Silent()
        self._log = RunLog(writer.folder, self._next_number, self._asked, shown.say)
        self.progress: Progress = LoggedProgress(shown, self._log)
        self.executor = executor
        self.jobs_done = 0
        self._failed = 0
        self._began = time.monotonic()
        self._number: int | None = None
        self._held: list[tuple[Artifact, bool]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, DamagedArtifact):
            self._set_aside(error)
        status = "finished" if error is None else "stopped"
        if error is not None:
            self._log.write("error", always=True, **error_facts(error))
        if self._log.is_open:
            self._log.write("ended", always=True, status=status, **self._totals())
        self._log.close()
        if self._number is None:
            return
        self.progress.doing("publishing")
        self.writer.end_run(self._number, status, self.jobs_done, now(), self._failed)

    def _totals(self) -> dict[str, Any]:
        return {
            "jobs": self.jobs_done,
            "failed": self._failed,
            "seconds": round(time.monotonic() - self._began, 3),
            "devices": devices(),
        }

    def _set_aside(self, error: DamagedArtifact) -> None:
        """Rename the damaged file, so that the next run makes it again, and say what was made from it."""
        set_aside(self.writer.folder, error.path)
        made = [f"{method} ({count})" for method, count in self.writer.made_from(error.path)]
        again = "the same command makes it again"
        error.hint = again + (f"; made from it before: {', '.join(made)}" if made else "")

    @contextlib.contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Register all jobs of the block in one transaction at its end, so input is never accepted in part.

        On bad input, the files that the block wrote are removed, so the warehouse is unchanged. If the
        process is killed, the files stay, and the next run registers them.
        """
        held: list[tuple[Artifact, bool]] = []
        self._held = held
        try:
            yield
        except BadInput:
            discard(each for each, is_new in held if is_new)
            raise
        finally:
            self._held = None
        if held:
            self.register([each for each, _ in held])

    def missing(self, jobs: Iterable[Job]) -> set[str]:
        """The keys of the jobs that are not done yet."""
        _, _, todo = self._sorted_out(jobs)
        return set(todo)

    def do(
        self, title: str, batches: Iterable[Batch], executor: Executor | None = None
    ) -> dict[str, list[Artifact]]:
        """Do the jobs that are not done yet; returns the artifacts of every job, by the job's key.

        Parameters
        ----------
        executor : used if the run has no executor of its own.

        Raises
        ------
        The first error of a job. Jobs that finished before it or in parallel stay done.
        """
        results, failures = self._do(title, batches, self.executor or executor, keep_going=False)
        for error in failures.values():
            raise error
        return results

    def do_named(
        self, title: str, batches: Mapping[Name, Batch], executor: Executor | None = None
    ) -> dict[Name, Artifact]:
        """Like `do`, for batches of one job with one artifact each: name -> artifact."""
        done = self.do(title, batches.values(), executor)
        found = {}
        for name, batch in batches.items():
            [job] = batch.jobs
            [found[name]] = done[job.key]
        return found

    def try_each(
        self, title: str, batches: Iterable[Batch], executor: Executor | None = None
    ) -> tuple[dict[str, list[Artifact]], dict[str, str]]:
        """Like `do`, but continue after a job fails.

        Returns the artifacts of the finished jobs and the error messages of the failed ones, both by the
        jobs' keys. The caller must report the errors.

        executor : used instead of that of the run.
        """
        chosen = executor or self.executor
        results, failures = self._do(title, batches, chosen, keep_going=True)
        return results, {key: error_in_words(error) for key, error in failures.items()}

    def _do(
        self, title: str, batches: Iterable[Batch], executor: Executor | None, *, keep_going: bool
    ) -> tuple[dict[str, list[Artifact]], dict[str, Exception]]:
        batches = list(batches)
        finished, adopted, todo = self._sorted_out(job for batch in batches for job in batch.jobs)
        results, failures = finished | adopted, dict[str, Exception]()
        self._keep([each for of_job in adopted.values() for each in of_job], is_new=False)
        stage = StageJobs(self.progress, self._log, batches, todo)
        self.progress.stage(title, len(todo), len(results), work=stage.work)
        chosen = executor or local
        made: list[Artifact] = []
        told: set[str] = set()
        kept_at = -math.inf
        try:
            doing = chosen(self.writer.folder, stage.pieces(), stage.starting, keep_going=keep_going)
            with contextlib.closing(doing):
                for job, result in doing:
                    stage.ended(job, result)
                    if isinstance(result, Exception):
                        self._failed += 1
                        failures[job.key] = self._told(job, result, told) if keep_going else result
                        continue
                    results[job.key] = result
                    made += result
                    # Register many small jobs together: one by one, registration takes longer than the jobs.
                    if time.monotonic() - kept_at > SECONDS_UNREGISTERED:
                        self.progress.doing("registering")
                        self._keep(made, is_new=True)
                        made, kept_at = [], time.monotonic()
                    self.progress.job_done(work=stage.work_of[job.key])
        finally:
            forget()
            self._keep(made, is_new=True)
        return results, failures

    def _told(self, job: Job, error: Exception, told: set[str]) -> Exception:
        """Report the error of a job, unless a job with the same label failed in the same way."""
        if isinstance(error, DamagedArtifact):
            self._set_aside(error)
        words = error_in_words(error)
        line = f"Failed: {job.label}: {words}"
        if line not in told:
            self.progress.say(line)
            told.add(line)
        # Keep only the message: the error's traceback would keep large arrays in memory.
        return AlignhouseError(words)

    def _sorted_out(
        self, jobs: Iterable[Job]
    ) -> tuple[dict[str, list[Artifact]], dict[str, list[Artifact]], dict[str, Job]]:
        """Artifacts of registered jobs, artifacts that need registration, and jobs to do; each by key."""
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

    def rows(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """The rows that a statement of `sql/statements` selects, each as column -> value."""
        answer = self.writer.connection.execute(statement(query), parameters)
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def _keep(self, made: Sequence[Artifact], *, is_new: bool) -> None:
        if not made:
            return
        if self._held is None:
            self.register(made)
        else:
            self._held += [(each, is_new) for each in made]

    def register(self, made: Sequence[Artifact]) -> None:
        """Register artifacts in one transaction, as part of this run, and publish them to readers."""
        if self._number is None:
            self._number = self._begin()
        self.writer.register(made, self._number)
        self.jobs_done += len({each.job for each in made})
        self.writer.publish()

    def _begin(self) -> int:
        return self.writer.begin_run(run_facts(self.command, self.study))

    def _next_number(self) -> int:
        return self.writer.next_run() if self._number is None else self._number

    def _asked(self) -> dict[str, Any]:
        """The first line of the log."""
        compute = self.study.get("compute", {})
        device = compute.get("device") if isinstance(compute, Mapping) else None
        return {
            "command": self.command,
            "device": device,
            "settings": dict(self.study),
            "host": socket.gethostname(),
            **machine(),
        }


def run_facts(command: str, study: Mapping[str, Any]) -> dict[str, str]:
    """The columns of the table `run` that are known when a run begins."""
    return {
        "command": command,
        "study": canonical(dict(study)),
        "version": importlib.metadata.version("alignhouse"),
        "python": platform.python_version(),
        "host": socket.gethostname(),
    }
