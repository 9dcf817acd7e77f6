"""A Dask scheduler and workers in processes of their own, on this machine's loopback."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

SUPPORT = Path(__file__).parent
_SECONDS = 60.0


class DaskCluster:
    """A scheduler and its workers; processes end with the block of `dask_cluster`.

    folder : for their logs and local files.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.workers: list[subprocess.Popen[bytes]] = []
        # The scheduler knows a dead worker for a while, so that its name cannot be used again.
        self._numbers = itertools.count()
        self._last = ""
        self.scheduler = self._start(
            "scheduler", "scheduler", "--host", self.address, "--no-dashboard", "--no-show"
        )
        self.wait_for("scheduler", "Scheduler at")

    def add_worker(
        self, *options: str, environment: Mapping[str, str] | None = None, wait: bool = True
    ) -> subprocess.Popen[bytes]:
        """Start a worker without a nanny, which would start it again."""
        self._last = name = f"worker-{next(self._numbers)}"
        process = self._start(
            name,
            "worker",
            self.address,
            *("--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name),
            *("--local-directory", str(self.folder), "--memory-limit", "0"),
            *options,
            environment=environment,
        )
        self.workers.append(process)
        if wait:
            self.wait_for(name, "Registered to")
        return process

    def end_last_worker(self) -> None:
        """Kill the worker that was added last, and wait until the scheduler knows."""
        process = self.workers.pop()
        process.kill()
        process.wait()
        # "Remove worker addr: ADDRESS name: NAME (REASON)"; the line of a new worker ends with its name.
        self.wait_for("scheduler", f"name: {self._last} (")

    def log(self, name: str) -> str:
        """What a process has written."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def end(self) -> None:
        """Kill every process."""
        for process in (*self.workers, self.scheduler):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()

    def _start(
        self, name: str, *command: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        paths = [str(SUPPORT), *filter(None, sys.path)]
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_" + command[0], *command[1:]],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(environment or {})},
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
            )

    def wait_for(self, name: str, words: str) -> None:
        """Wait until a process has written some words."""
        ends = time.monotonic() + _SECONDS
        while words not in self.log(name):
            assert time.monotonic() < ends, self.log(name)
            time.sleep(0.05)


@contextlib.contextmanager
def dask_cluster(folder: Path, workers: int) -> Iterator[DaskCluster]:
    """A scheduler and so many workers."""
    cluster = DaskCluster(folder)
    try:
        for _ in range(workers):
            cluster.add_worker(wait=False)
        for number in range(workers):
            cluster.wait_for(f"worker-{number}", "Registered to")
        yield cluster
    finally:
        cluster.end()
