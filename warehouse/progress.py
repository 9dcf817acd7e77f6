"""The interface that shows progress to the user: jobs done, jobs left, and the rate."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Shows progress. The command line draws bars; tests and notebooks may use `Silent`."""

    def stage(self, title: str, todo: int, done_before: int) -> None:
        """A stage of `todo` jobs begins; `done_before` other jobs are already finished."""

    def job(self, label: str) -> None:
        """The next job of the stage begins."""

    def step(self, done: int, total: int) -> None:
        """The current job has done `done` of its `total` steps."""

    def job_done(self) -> None:
        """The current job is finished and stored."""

    def say(self, line: str) -> None:
        """Show a line of text to the user."""


class Silent:
    """Reports nothing."""

    def stage(self, title: str, todo: int, done_before: int) -> None: ...
    def job(self, label: str) -> None: ...
    def step(self, done: int, total: int) -> None: ...
    def job_done(self) -> None: ...
    def say(self, line: str) -> None: ...
