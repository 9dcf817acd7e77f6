"""The number of usable processor cores."""

from __future__ import annotations

import os

_sharing = 1


def cores() -> int:
    """The number of cores that this process may use; on macOS, which cannot limit them, all cores.

    A process that shares them with others (`share_cores`) may use its part; at least one.
    """
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, there // _sharing)


def share_cores(processes: int) -> None:
    """From now on, this process shares the cores with others. processes : their number, with this one."""
    global _sharing
    _sharing = processes
