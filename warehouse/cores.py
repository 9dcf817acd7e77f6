"""The number of usable processor cores."""

from __future__ import annotations

import os


def cores() -> int:
    """The number of cores that this process may use; on macOS, which cannot limit them, all cores."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
