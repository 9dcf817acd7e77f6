"""Runs the command line in this process, because a new process needs seconds for imports."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest


def alignhouse(
    *arguments: str, folder: Path, environment: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `alignhouse ARGUMENTS` in `folder`, like `python -m alignhouse`, and return its output.

    Exit code, standard output and standard error equal those of a process: an unexpected error gives exit
    code 1 and a traceback.
    """
    import typer.main

    from alignhouse.cli.app import main

    command = ["alignhouse", *arguments]
    with _streams(stdin) as (stdout, stderr), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", command)
        patch.setattr(typer.main, "get_command", _once(typer.main.get_command))
        for name, value in (environment or {}).items():
            patch.setenv(name, value)
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = _exit_code(ended)
        except Exception:
            traceback.print_exc()
            code = 1
    return subprocess.CompletedProcess(command, code, _text(stdout), _text(stderr))


def alignhouse_process(
    *arguments: str, folder: Path, environment: Mapping[str, str] | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """The same in a new process, for tests that need one."""
    return subprocess.run(
        [sys.executable, "-m", "alignhouse", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        input=stdin,
    )


def start_alignhouse(
    *arguments: str, folder: Path, stderr: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    """Start the command line in a process that a test interrupts, kills or watches."""
    return subprocess.Popen(
        [sys.executable, "-m", "alignhouse", *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        text=True,
        # A test run that was started in the background may ignore interrupts; this process must not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@cache
def _once(get_command: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make the parsers of all commands once, as a process does: many commands take less time."""
    return cache(get_command)


@contextlib.contextmanager
def _streams(stdin: str) -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    """A standard stream with a `.buffer`, like that of a process, to which Parquet is written."""
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    given = io.StringIO(stdin)
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        before, sys.stdin = sys.stdin, given
        try:
            yield stdout, stderr
        finally:
            sys.stdin = before


def _text(stream: io.TextIOWrapper) -> str:
    content = stream.buffer
    assert isinstance(content, io.BytesIO)
    return content.getvalue().decode("utf-8", errors="replace")


def _exit_code(ended: SystemExit) -> int:
    if ended.code is None:
        return 0
    if isinstance(ended.code, int):
        return ended.code
    print(ended.code, file=sys.stderr)
    return 1
