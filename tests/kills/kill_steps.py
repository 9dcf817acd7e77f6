"""The steps of a command: what it is about to change on the disk or in DuckDB, and a kill at one of them.

Moments that are spread over time rarely hit a short gap, such as that between an entry of the journal and its
commit. Steps do.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

STEPS = "steps.txt"
# The standard output and error of a command.
SAID = "said.txt"
# A hard link to the snapshot of the start: what a reader has open.
OPENED = "opened.duckdb"
# What differs from process to process in the names of files: keys of jobs and process numbers.
VARIES = re.compile(r"[0-9a-f]{20}(-\d+)?|(?<=[.-])\d+(?=\.part|$)|(?<=scratch/)[^/]+$")
# Statements that change a DuckDB file begin with these words.
CHANGES = {"alter", "attach", "begin", "checkpoint", "commit", "copy", "create", "delete", "insert", "update"}
# A step -> where a kill at it landed; the first that its name contains.
PLACES = {
    "remove ": "removing",
    "journal.jsonl": "journal",
    "sql ": "DuckDB",
    "process": "publishing",
    ".duckdb": "publishing",
    "working/": "publishing",
    "": "files",
}
NOWHERE = "nothing yet"
LANDED = (NOWHERE, "files", "journal", "DuckDB", "publishing", "removing")


class Step(NamedTuple):
    """The `number`th time, from 1, that a command is about to do `what`, and so many seconds later."""

    what: str
    number: int
    delay: float = 0.0


def steps_of(folder: Path) -> list[str]:
    """What the last command in `folder` did, in its order; the last one may have been prevented by a kill."""
    log = folder / STEPS
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def landed(folder: Path) -> str:
    """Where the last command in `folder` was killed: one of `LANDED`."""
    steps = steps_of(folder)
    return place_of(steps[-1]) if steps else NOWHERE


def place_of(what: str) -> str:
    """Where a kill at this step lands: one of `LANDED`."""
    return next(place for part, place in PLACES.items() if part in what)


def watch(folder: Path, kill_at: Step | None) -> None:
    """Write down each step of this process before it is done; kill the process group at one of them."""
    log = os.open(folder / STEPS, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    seen: Counter[str] = Counter()

    def step(what: str) -> None:
        seen[what] += 1
        os.write(log, f"{what}\n".encode())
        if kill_at and (what, seen[what]) == kill_at[:2]:
            _kill(kill_at.delay)

    _watch_statements(step)
    _watch_files(folder.absolute(), step)


def _kill(delay: float) -> None:
    if delay:
        timer = threading.Timer(delay, _kill, [0])
        timer.daemon = True
        timer.start()
    else:
        os.killpg(0, signal.SIGKILL)


def _watch_statements(step: Callable[[str], None]) -> None:
    import duckdb

    execute = duckdb.DuckDBPyConnection.execute

    def watched(connection: duckdb.DuckDBPyConnection, query: Any, *arguments: Any, **named: Any) -> Any:
        lines = (line for line in str(query).splitlines() if not line.lstrip().startswith("--"))
        words = " ".join(lines).split()[:3]
        if words and words[0] in CHANGES:
            step(f"sql {' '.join(words)}")
        return execute(connection, query, *arguments, **named)

    duckdb.DuckDBPyConnection.execute = watched  # type: ignore[method-assign]


def _watch_files(folder: Path, step: Callable[[str], None]) -> None:
    ours = {STEPS, SAID, OPENED}

    def named(path: Any) -> str | None:
        """The name of a file in the folder."""
        if not isinstance(path, str | bytes | os.PathLike):
            return None
        full = os.path.abspath(os.fsdecode(path))
        name = os.path.relpath(full, folder)
        return None if name.startswith("..") or name in ours else VARIES.sub("*", name)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR) and (name := named(arguments[0])):
            step(f"write {name}")
        elif event == "os.rename" and (name := named(arguments[1])):
            step(f"move to {name}")
        elif event in ("os.remove", "shutil.rmtree") and (name := named(arguments[0])):
            step(f"remove {name}")
        elif event == "subprocess.Popen":
            step("start a process")

    sys.addaudithook(hook)
