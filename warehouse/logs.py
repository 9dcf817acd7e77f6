"""The log of a run, `logs/run-N.jsonl`: one JSON object per line, for people. No command reads it.

Each line is written at once, so a killed run leaves its log. A log holds at most `MOST_BYTES` of jobs and
lines, and a warehouse at most `MOST_LOGS` logs: a new log removes the oldest ones.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.faults import faults_at
from alignhouse.warehouse.history import now
from alignhouse.warehouse.progress import Progress

LOGS = "logs"
MOST_LOGS = 100
MOST_BYTES = 16 * 2**20
# Failures and the end are written beyond that, up to this.
MOST_BYTES_OF_ALL = MOST_BYTES + 2**20
# Lines that wait for the first job: stages with nothing to do, warnings about the input.
MOST_WAITING = 1000
MOST_TRACEBACK = 20_000
_NAME = re.compile(r"run-(\d{1,9})\.jsonl")
_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")


class RunLog:
    """The log of one run. It is opened by the first line that is worth a file: a job, a failure, an error.

    A file that cannot be written, for example because `logs` is a link, does not stop the run. One line
    then says that there is no log.

    Parameters
    ----------
    number : the number of the run, asked for when the log is opened. Runs that register nothing share their
        number, and the log, with the next one.
    began : the facts of the first line, asked for when the log is opened.
    complain : shows a line to the user.
    """

    def __init__(
        self,
        folder: Path,
        number: Callable[[], int],
        began: Callable[[], Mapping[str, Any]],
        complain: Callable[[str], None],
    ) -> None:
        self._folder, self._number, self._began, self._complain = folder / LOGS, number, began, complain
        self._started_at = now()
        self._waiting: list[dict[str, Any]] = []
        self._file: int | None = None
        self._bytes = 0
        self._is_full = self._is_broken = False

    @property
    def is_open(self) -> bool:
        return self._file is not None

    def note(self, event: str, **facts: Any) -> None:
        """Write a line, or keep it until the log is opened; if the log never is, the line is dropped."""
        line = {"event": event, "at": now(), **facts}
        if self._file is not None:
            self._append(line)
        elif not self._is_broken and len(self._waiting) < MOST_WAITING:
            self._waiting.append(line)

    def write(self, event: str, *, always: bool = False, **facts: Any) -> None:
        """Write a line, and open the log if it is not open. always : also if the log is full."""
        if self._file is None and not self._is_broken:
            self._open()
        self._append({"event": event, "at": now(), **facts}, always=always)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> None:
        try:
            number = self._number()
            self._folder.mkdir(exist_ok=True)
            # A warehouse may come from somebody else: links are not followed, and a pipe does not block.
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                _remove_oldest(folder, number)
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
                self._file = os.open(f"run-{number}.jsonl", flags, 0o644, dir_fd=folder)
            finally:
                os.close(folder)
            self._bytes = os.fstat(self._file).st_size
        except OSError as error:
            self._give_up(error)
            return
        self._append({"event": "began", "at": self._started_at, "run": number, **self._began()}, always=True)
        for line in self._waiting:
            self._append(line)
        self._waiting = []

    def _append(self, line: Mapping[str, Any], *, always: bool = False) -> None:
        if self._file is None:
            return
        text = _as_json(line)
        if self._bytes + len(text) > (MOST_BYTES_OF_ALL if always else MOST_BYTES):
            if self._is_full or self._bytes > MOST_BYTES_OF_ALL:
                return
            self._is_full = True
            text = _as_json({"event": "full", "at": now(), "most_bytes": MOST_BYTES})
        try:
            with faults_at(self._folder):
                os.write(self._file, text)
        except OSError as error:
            self._give_up(error)
            return
        self._bytes += len(text)

    def _give_up(self, error: OSError) -> None:
        self.close()
        self._is_broken, self._waiting = True, []
        self._complain(f"No log of this run: {self._folder}: {error.strerror}")


class LoggedProgress:
    """Passes everything to another progress, and notes stages and lines of text in the log."""

    def __init__(self, shown: Progress, log: RunLog) -> None:
        self._shown, self._log = shown, log
        self.job, self.doing, self.step, self.job_done = shown.job, shown.doing, shown.step, shown.job_done

    def stage(self, title: str, todo: int, done_before: int, work: float | None = None) -> None:
        self._log.note("stage", title=title, todo=todo, done_before=done_before)
        self._shown.stage(title, todo, done_before, work=work)

    def say(self, line: str) -> None:
        self._log.note("said", line=line)
        self._shown.say(line)


def error_facts(error: BaseException) -> dict[str, str]:
    """The type, message and traceback of an error."""
    trace = "".join(traceback.format_exception(error))
    if len(trace) > MOST_TRACEBACK:
        trace = f"{trace[: MOST_TRACEBACK // 2]}\n...\n{trace[-MOST_TRACEBACK // 2 :]}"
    return {"error": f"{type(error).__name__}: {error}"[:2000], "traceback": trace}


def machine() -> dict[str, Any]:
    """Python, system, cores and the versions of the installed packages that alignhouse can use."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": cores(),
        "versions": _versions(),
    }


def devices() -> list[str]:
    """The names of the GPUs, if this process has used one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return []
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


@cache
def _versions() -> dict[str, str]:
    names = ["alignhouse"]
    for requirement in importlib.metadata.requires("alignhouse") or ():
        found = _REQUIREMENT.match(requirement)
        if found is not None and found[0] not in names:
            names.append(found[0])
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # a package of an extra
    return versions


def _remove_oldest(folder: int, number: int) -> None:
    """Remove the oldest logs, so that there is room for that of run `number`."""
    numbers = [int(found[1]) for name in os.listdir(folder) if (found := _NAME.fullmatch(name))]
    older = sorted(each for each in set(numbers) if each != number)
    for each in older[: max(0, len(older) - MOST_LOGS + 1)]:
        os.unlink(f"run-{each}.jsonl", dir_fd=folder)


def _as_json(line: Mapping[str, Any]) -> bytes:
    return (json.dumps(line, ensure_ascii=False, default=str) + "\n").encode("utf-8", errors="replace")
