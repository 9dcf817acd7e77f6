"""What a stage of work reports to, so that a person can see what is done, how many are left and the rate."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Shows progress; the command line has one with bars, tests and notebooks may use `Silent`."""

    def stage(self, title: str, todo: int, done_before: int) -> None:
        """A stage of `todo` jobs begins; `done_before` others were found finished."""

    def job(self, label: str) -> None:
        """The next job of the stage begins."""

    def step(self, done: int, total: int) -> None:
        """The current job has done some of its steps."""

    def job_done(self) -> None:
        """The current job is finished and safe."""

    def say(self, line: str) -> None:
        """A line for the person who watches."""


class Silent:
    """Reports nothing."""

    def stage(self, title: str, todo: int, done_before: int) -> None: ...
    def job(self, label: str) -> None: ...
    def step(self, done: int, total: int) -> None: ...
    def job_done(self) -> None: ...
    def say(self, line: str) -> None: ...
