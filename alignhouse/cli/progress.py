"""Progress bars: the current job, the number left, and the time left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from alignhouse.warehouse.sizes import size_in_words

SECONDS_BETWEEN_LINES = 5.0


def _bars_with(console: Console, *columns: ProgressColumn) -> Progress:
    """A spinner, a description and a bar, then `columns`; hidden unless the console is a terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=28),
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class Bars:
    """Bars on a terminal; elsewhere a line per stage, and a progress line every few seconds."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._todo = self._done = 0
        self._said_at = time.monotonic()
        self._bars = _bars_with(console, MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._stage = self._bars.add_task("", total=None, visible=False)
        self._job = self._bars.add_task("", total=None, visible=False)

    def stage(self, title: str, todo: int, done_before: int) -> None:
        self._bars.update(self._job, visible=False)
        if todo == 0:
            self._bars.update(self._stage, visible=False)
            return
        self._todo, self._done, self._said_at = todo, 0, time.monotonic()
        before = f", {done_before} done before" if done_before else ""
        self.console.print(f"{title}: {todo} to do{before}", highlight=False)
        self._bars.reset(self._stage, description=title, total=todo, visible=True)

    def job(self, label: str) -> None:
        if not self.console.is_terminal and time.monotonic() - self._said_at > SECONDS_BETWEEN_LINES:
            self._said_at = time.monotonic()
            self.console.print(f"  {self._done} of {self._todo} done, now {label}", highlight=False)
        self._bars.reset(self._job, description=f"  {label}", total=None, visible=True)

    def step(self, done: int, total: int) -> None:
        self._bars.update(self._job, completed=done, total=total)

    def job_done(self) -> None:
        self._done += 1
        self._bars.advance(self._stage)

    def say(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True)


@contextmanager
def bars(console: Console) -> Iterator[Bars]:
    """Show progress bars while the block runs."""
    shown = Bars(console)
    with shown._bars:
        yield shown


class ByteBars:
    """A bar of bytes with rate and time left on a terminal; elsewhere a line every few seconds."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._total = self._came = self._files = self._files_done = 0
        self._began = self._said_at = time.monotonic()
        self._bars = _bars_with(console, DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._task = self._bars.add_task("Checking what is here", total=None)

    def begin(self, total_bytes: int, files: int) -> None:
        self._total, self._files = total_bytes, files
        self._began = self._said_at = time.monotonic()
        if files:
            self.say(f"Fetching {files:,} files, {size_in_words(total_bytes)}")
        self._bars.reset(self._task, description="Fetching", total=total_bytes)

    def advance(self, bytes: int) -> None:
        self._came += bytes
        self._bars.advance(self._task, bytes)
        now = time.monotonic()
        if not self.console.is_terminal and now - self._said_at > SECONDS_BETWEEN_LINES:
            self._said_at = now
            rate = max(1.0, self._came / (now - self._began))
            left = round((self._total - self._came) / rate)
            self.say(
                f"  {size_in_words(self._came)} of {size_in_words(self._total)}, "
                f"{size_in_words(round(rate))}/s, "
                f"{left // 60}:{left % 60:02d} left, {self._files_done:,} of {self._files:,} files done"
            )

    def file_done(self, path: str) -> None:
        self._files_done += 1
        self._bars.update(self._task, description=f"Fetched {self._files_done:,} of {self._files:,}")

    def say(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True)


@contextmanager
def byte_bars(console: Console) -> Iterator[ByteBars]:
    """Show a bar of bytes while the block runs."""
    shown = ByteBars(console)
    with shown._bars:
        yield shown
