"""Commands in processes that can be killed: forked from a server that has imported the libraries once.

So a killed command costs no second for imports, and no kill is spent on them.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from kill_steps import SAID, Step, watch

# Imported by the server. None of them starts a thread by being imported, so forking is safe.
LIBRARIES = (
    "command_line",
    "kill_cycle",
    "alignhouse.cli.app",
    "alignhouse.cli.commands",
    "alignhouse.cli.progress",
    "alignhouse.study.run",
    "alignhouse.study.analyse",
    "alignhouse.analysis.figures.best_layer",
    "alignhouse.analysis.figures.by_region",
    "alignhouse.analysis.report.gather",
    "alignhouse.analysis.report.pictures",
    "alignhouse.ingest.models.checkpoint_files",
    "alignhouse.ingest.models.sources.mmaction2",
    "alignhouse.ingest.models.sources.timm",
    "alignhouse.ingest.models.sources.torchvision",
    "alignhouse.warehouse.checks",
    "alignhouse.warehouse.copies",
    "alignhouse.warehouse.rebuild",
    "alignhouse.warehouse.vacuum",
    "alignhouse.warehouse.vectors",
    "duckdb",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "numpy",
    "PIL.PngImagePlugin",
    "plotnine",
    "polars",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
    "rich.progress",
    "scipy.stats",
)
# Drawing a figure takes a second and changes no file of the report's folder, so a report draws only one.
FIGURES = ("best_layer",)

_context = multiprocessing.get_context("forkserver")
# Starting a process reads the exit codes of all that have ended. If two threads read the same one at once,
# the later finds nothing and takes it for 255.
_reading = threading.Lock()


class Command:
    """`alignhouse ARGUMENTS` in `folder`, started in its own process group.

    kill_at : the process kills itself and its children at this step.
    """

    def __init__(self, folder: Path, arguments: tuple[str, ...], kill_at: Step | None = None) -> None:
        _context.set_forkserver_preload(list(LIBRARIES))
        self.said = folder / SAID
        self.process: ForkServerProcess = _context.Process(target=_run, args=(folder, arguments, kill_at))
        self.started = time.monotonic()
        with _reading:
            self.process.start()

    def wait(self) -> int:
        """The exit code; -9 after a kill."""
        wait([self.process.sentinel])
        with _reading:
            self.process.join()
            assert self.process.exitcode is not None
            return self.process.exitcode

    def was_killed(self) -> bool:
        """Wait for the end; whether it was a kill."""
        return self.wait() == -signal.SIGKILL

    def kill_after(self, seconds: float) -> bool:
        """Kill the process group at that time after the start; False if the command ended before."""
        wait([self.process.sentinel], max(0.0, self.started + seconds - time.monotonic()))
        pid = self.process.pid
        assert pid is not None
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            # It has ended, or it has not made its group yet.
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        return self.was_killed()


def _run(folder: Path, arguments: tuple[str, ...], kill_at: Step | None) -> None:
    os.setsid()
    from command_line import alignhouse

    from alignhouse.analysis.report import pictures

    every = pictures.figures()
    pictures.figures = lambda: {name: every[name] for name in FIGURES}  # type: ignore[assignment]
    watch(folder, kill_at)
    done = alignhouse(*arguments, folder=folder)
    (folder / SAID).write_text(done.stdout + done.stderr, encoding="utf-8")
    sys.stdout.flush()
    os._exit(done.returncode)
