"""How many processor cores there are to use."""

from __future__ import annotations

import os


def cores() -> int:
    """The cores that this process may use; all of the machine's where the system (macOS) cannot tell."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
