"""Temporary files of tests in memory: DuckDB and the batches sync thousands of small files to the disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY_DISK = Path("/dev/shm")
# The tests of warehouses hold 0.3 GB with three processes. A failed test keeps its files.
NEEDED = 6_000_000_000


def temporary_files_in_memory(disk: Path = MEMORY_DISK) -> None:
    """Let this process and those it starts put their temporary files on the memory disk.

    Nothing changes where TMPDIR is set, or where the disk is missing, small, or refuses to run programs.
    """
    if "TMPDIR" not in os.environ and _is_suitable(disk):
        os.environ["TMPDIR"] = str(disk)
        # Python looks the folder up once, and pytest has asked for it already.
        tempfile.tempdir = None


def _is_suitable(disk: Path) -> bool:
    if not os.access(disk, os.W_OK) or os.statvfs(disk).f_flag & os.ST_NOEXEC:
        return False
    # Not at the top: numpy must be loaded after the numbers of threads are set.
    from alignhouse.study.doctor import available_memory

    return min(shutil.disk_usage(disk).free, available_memory() or 0) >= NEEDED
