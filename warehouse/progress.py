"""The interface that shows progress to the user: jobs done, work left, and what is being done now."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Shows progress. The command line draws bars; tests and notebooks may use `Silent`.

    Work is an amount in any unit that is comparable within a stage, such as layers or multiply-adds. The
    time left is computed from it, because jobs can differ by a factor of a thousand.
    """

    def stage(self, title: str, todo: int, done_before: int, work: float | None = None) -> None:
        """A stage of `todo` jobs begins; `done_before` other jobs are already finished.

        work : of all `todo` jobs; None counts each job as 1.
        """

    def job(self, label: str, work: float = 1.0) -> None:
        """The next job begins. work : of this job and of those that the same call makes after it."""

    def doing(self, what: str) -> None:
        """What the current job does from now on, in a few words: "making RDMs"."""

    def step(self, done: int, total: int) -> None:
        """The current call has done `done` of its `total` steps."""

    def job_done(self, work: float = 1.0) -> None:
        """A job is finished and stored. work : of this job alone."""

    def say(self, line: str) -> None:
        """Show a line of text to the user."""


class Silent:
    """Reports nothing; also a `Reporter`."""

    def stage(self, title: str, todo: int, done_before: int, work: float | None = None) -> None: ...
    def job(self, label: str, work: float = 1.0) -> None: ...
    def doing(self, what: str) -> None: ...
    def step(self, done: int, total: int) -> None: ...
    def job_done(self, work: float = 1.0) -> None: ...
    def say(self, line: str) -> None: ...
    def took(self, job: str, started_at: str, seconds: float) -> None: ...
