"""Files that another machine has renamed into place, on a shared disk that shows them late.

A machine that mounts a folder remembers which names it has: with NFS on Linux for at most 60 s, unless the
mount says otherwise. So a process elsewhere waits for a file that it was told of, before it calls it missing.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

SECONDS_LATE = 70.0
_SECONDS_A_LOOK = 0.1
# Not a context variable: threads that a batch starts are patient too.
_patience = 0.0


@contextlib.contextmanager
def patient(seconds: float) -> Iterator[None]:
    """In this block, all threads of this process wait so long for each file that `appears` is asked for."""
    global _patience
    before, _patience = _patience, seconds
    try:
        yield
    finally:
        _patience = before


def appears(file: Path, seconds: float | None = None) -> bool:
    """Whether a file is there; if it is not, look again for some time.

    Parameters
    ----------
    seconds : how long; None takes those of `patient`, and outside of it looks only once.
    """
    ends = time.monotonic() + (_patience if seconds is None else seconds)
    while not file.is_file():
        if time.monotonic() >= ends:
            return False
        # Reading a folder makes this machine ask for its names again.
        with contextlib.suppress(OSError):
            os.listdir(file.parent)
        time.sleep(_SECONDS_A_LOOK)
    return True
