"""Measures the time and memory of whole processes."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path


def measured(command: list[str], folder: Path | None = None) -> tuple[float, float]:
    """Seconds and megabytes (peak resident) of a process in `folder`; raises SystemExit if it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{errors}")
    return seconds, usage.ru_maxrss / 1000
