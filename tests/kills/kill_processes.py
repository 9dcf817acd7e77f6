"""Commands in processes that can be killed: forked from a server that has imported the libraries once.

So a killed command costs no second for imports, and no kill is spent on them.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

SAID = "said.txt"
# Imported by the server. None of them starts a thread by being imported, so forking is safe.
LIBRARIES = (
    "command_line",
    "kill_cycle",
    "alignhouse.cli.app",
    "alignhouse.study.run",
    "alignhouse.study.analyse",
    "alignhouse.analysis.report.gather",
    "alignhouse.analysis.report.pictures",
    "alignhouse.warehouse.rebuild",
    "alignhouse.warehouse.checks",
    "alignhouse.warehouse.vectors",
    "duckdb",
    "numpy",
    "plotnine",
    "polars",
    "pyarrow.parquet",
    "scipy.stats",
)
# Drawing a figure takes a second and changes no file of the report's folder, so a report draws only one.
FIGURES = ("best_layer",)

_context = multiprocessing.get_context("forkserver")


class Command:
    """`alignhouse ARGUMENTS` in `folder`, started in its own process group."""

    def __init__(self, folder: Path, arguments: tuple[str, ...]) -> None:
        _context.set_forkserver_preload(list(LIBRARIES))
        self.said = folder / SAID
        self.process: ForkServerProcess = _context.Process(target=_run, args=(folder, arguments))
        self.started = time.monotonic()
        self.process.start()

    def wait(self) -> int:
        """The exit code; -9 after a kill."""
        self.process.join()
        assert self.process.exitcode is not None
        return self.process.exitcode

    def kill_after(self, seconds: float) -> bool:
        """Kill the process group at that time after the start; False if the command ended before."""
        self.process.join(max(0.0, self.started + seconds - time.monotonic()))
        pid = self.process.pid
        assert pid is not None
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            # It has ended, or it has not made its group yet.
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        return self.wait() == -signal.SIGKILL


def _run(folder: Path, arguments: tuple[str, ...]) -> None:
    os.setsid()
    from command_line import alignhouse

    from alignhouse.analysis.report import pictures

    every = pictures.figures()
    pictures.figures = lambda: {name: every[name] for name in FIGURES}  # type: ignore[assignment]
    done = alignhouse(*arguments, folder=folder)
    (folder / SAID).write_text(done.stdout + done.stderr, encoding="utf-8")
    sys.stdout.flush()
    os._exit(done.returncode)
