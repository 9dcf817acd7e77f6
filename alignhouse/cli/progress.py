"""Progress bars: what is being done, the number of jobs done, and the time left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from alignhouse.cli.pace import Pace, in_words, roughly
from alignhouse.warehouse.sizes import size_in_words

# Of progress lines where the output is no terminal; longer in stages of more than ten minutes.
SECONDS_BETWEEN_LINES = 15.0
MOST_SECONDS_BETWEEN_LINES = 60.0
LINES_OF_A_STAGE = 40
SECONDS_BETWEEN_DOWNLOADS = 5.0


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
    """Bars on a terminal; elsewhere a line per stage, and a progress line every few seconds.

    Parameters
    ----------
    seconds : between two progress lines where the console is no terminal.
    clock : gives the time in seconds.
    """

    def __init__(
        self,
        console: Console,
        *,
        seconds: float = SECONDS_BETWEEN_LINES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console = console
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._title = self._label = self._what = ""
        self._todo = self._done = self._steps = self._total_steps = 0
        self._said_at = self._stage_at = self._job_at = clock()
        self._pace = Pace(0, self._said_at)
        self._has_said = False
        self._bars = _bars_with(
            console,
            TextColumn("{task.fields[counted]}", markup=False),
            TextColumn("{task.fields[elapsed]}", markup=False),
            TextColumn("{task.fields[left]}", markup=False),
        )
        empty: dict[str, Any] = {"counted": "", "elapsed": "", "left": ""}
        self._stage = self._bars.add_task("", total=None, visible=False, **empty)
        self._job = self._bars.add_task("", total=None, visible=False, **empty)

    def stage(self, title: str, todo: int, done_before: int, work: float | None = None) -> None:
        with self._lock:
            self._end_stage()
            self._bars.update(self._job, visible=False)
            self._bars.update(self._stage, visible=False)
            self._todo, self._done, self._has_said = todo, 0, False
            if todo == 0:
                return
            self._title, self._label, self._what = title, "", ""
            self._said_at = self._stage_at = self._job_at = self._clock()
            self._pace = Pace(work if work is not None else float(todo), self._stage_at)
            before = f", {done_before} done before" if done_before else ""
            self._print(f"{title}: {todo} to do{before}")
            self._bars.reset(self._stage, description=title, total=work or todo, visible=True)
        self.tick()

    def job(self, label: str, work: float = 1.0) -> None:
        with self._lock:
            self._label, self._what = label, ""
            self._steps = self._total_steps = 0
            self._job_at = self._clock()
            self._pace.call(work, self._job_at)
            self._bars.reset(self._job, description=f"  {label}", total=None, visible=True)
        self.tick()

    def doing(self, what: str) -> None:
        with self._lock:
            self._what = what
        self._show()

    def step(self, done: int, total: int) -> None:
        with self._lock:
            self._steps, self._total_steps = done, total
            self._pace.step(done / total if total else 0.0, self._clock())
            self._bars.update(self._job, completed=done, total=total)
            self._bars.update(self._stage, completed=self._pace.done)

    def job_done(self, work: float = 1.0) -> None:
        with self._lock:
            self._done += 1
            self._pace.finished(work, self._clock())
            self._bars.update(self._stage, completed=self._pace.done)
        self.tick()

    def say(self, line: str) -> None:
        self._print(line)

    def tick(self) -> None:
        """Bring times up to date, and print a line if the last one is old; also called by a thread."""
        if self.console.is_terminal:
            self._show()
            return
        with self._lock:
            now = self._clock()
            pause = min(MOST_SECONDS_BETWEEN_LINES, (now - self._stage_at) / LINES_OF_A_STAGE)
            if self._done < self._todo and now - self._said_at >= max(self._seconds, pause):
                self._said_at, self._has_said = now, True
                self._print(self._line(now))

    def end(self) -> None:
        """Print the last stage's end where the console is no terminal."""
        with self._lock:
            self._end_stage()
            self._todo = self._done = 0

    def _show(self) -> None:
        with self._lock:
            now = self._clock()
            left = self._pace.left(now)
            self._bars.update(
                self._stage,
                counted=f"{self._done}/{self._todo}",
                elapsed=in_words(now - self._stage_at),
                left="" if left is None else f"about {roughly(left)} left",
            )
            self._bars.update(
                self._job,
                description=f"  {self._label}" + (f": {self._what}" if self._what else ""),
                counted=f"{self._steps}/{self._total_steps}" if self._total_steps else "",
                elapsed=in_words(now - self._job_at),
            )

    def _line(self, now: float) -> str:
        line = f"  {self._done} of {self._todo} done"
        if (left := self._pace.left(now)) is not None:
            line += f", about {roughly(left)} left"
        if self._label:
            line += f"; now {self._label}"
            line += f": {self._what}" if self._what else ""
            steps = f"{self._steps}/{self._total_steps}, " if self._total_steps else ""
            line += f" ({steps}{in_words(now - self._job_at)})"
        return line

    def _end_stage(self) -> None:
        """On a pipe, a stage that took long enough for progress lines gets a last one."""
        if self._has_said:
            self._print(f"  {self._done} of {self._todo} done in {in_words(self._clock() - self._stage_at)}")
            self._has_said = False

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True)


@contextmanager
def bars(console: Console) -> Iterator[Bars]:
    """Show progress bars while the block runs. A thread keeps times true while a job says nothing."""
    shown, stop = Bars(console), threading.Event()

    def ticking() -> None:
        while not stop.wait(1.0):
            shown.tick()

    thread = threading.Thread(target=ticking, daemon=True, name="progress")
    with shown._bars:
        thread.start()
        try:
            yield shown
        finally:
            stop.set()
            thread.join()
            shown.end()


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
        if not self.console.is_terminal and now - self._said_at > SECONDS_BETWEEN_DOWNLOADS:
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
