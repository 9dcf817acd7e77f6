"""A progress that keeps what a run reports."""

from __future__ import annotations

from alignhouse.warehouse.progress import Silent


class Listening(Silent):
    """Keeps the lines and the steps."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps: list[int] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def step(self, done: int, total: int) -> None:
        self.steps.append(done)
