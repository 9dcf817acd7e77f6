"""Batches that other processes can run, because their functions are at the top level of this module."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.errors import BadInput, Stopped
from alignhouse.warehouse.jobs import Job, Output


class Unsendable(Exception):
    """An error that holds something that cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("has a lock")
        self.lock = threading.Lock()


def numbers(start: int, count: int) -> Batch:
    """A batch of several jobs, one per number."""
    jobs = tuple(Job("number", 1, {"number": n}, {}, f"number {n}") for n in range(start, start + count))
    return Batch(jobs, _square)


def number_batch(kind: str, number: int | str) -> Batch:
    """A batch of one job; its kind selects what it does, see `_one`. For "steps", `number` is a path."""
    return single(Job("number", 1, {"kind": kind, "number": number}, {}, f"{kind} {number}"), _one)


def _square(jobs: Sequence[Job], reporter: Reporter) -> Iterator[list[Output]]:
    for job in jobs:
        number = job.settings["number"]
        yield [Output(("facts", "table=t"), pa.table({"square": [number * number]}))]


def _one(job: Job, reporter: Reporter, device: str = "") -> list[Output]:
    kind, number = job.settings["kind"], job.settings["number"]
    if kind == "fail":
        raise BadInput(f"number {number}", expected="1", found="0", hint="use another")
    if kind == "odd":
        raise Unsendable
    if kind == "die":
        os._exit(9)
    if kind == "slow":
        time.sleep(0.05)
    if kind == "steps":
        reporter.step(1, 4)
        # Until the coordinator has seen the step, and has made this file.
        ends = time.monotonic() + 60
        while not os.path.exists(number) and time.monotonic() < ends:
            time.sleep(0.01)
    if kind == "say":
        reporter.say(f"{number} says something")
    if kind == "kill once" and not os.path.exists(number):
        Path(number).touch()
        os._exit(9)
    if kind == "hold":
        _hold(Path(number), reporter)
    if kind == "meet":
        # Until another worker has one of these batches too.
        own = Path(number)
        own.touch()
        ends = time.monotonic() + 60
        while len([each for each in own.parent.iterdir() if each.is_file()]) < 2 and time.monotonic() < ends:
            time.sleep(0.01)
    about: dict[str, object] = {"pid": os.getpid()} if kind == "process" else {}
    if device:
        about = {"device": device}
    return [Output(("facts", "table=t"), pa.table({"number": [number]}), about=about)]


def _hold(started: Path, reporter: Reporter) -> None:
    """Make a file, and report steps until one of them raises `Stopped`; then make another file."""
    started.touch()
    try:
        while True:
            reporter.step(1, 2)
            time.sleep(0.05)
    except Stopped:
        started.with_suffix(".stopped").touch()
        raise
