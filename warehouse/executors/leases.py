"""Leases: what lets a worker elsewhere write to the warehouse, until its coordinator takes it back.

A lease is a small file in the scratch folder of the warehouse. The coordinator removes it when it cancels a
batch. If the coordinator was killed, the next writer of the warehouse clears the scratch folder. So a worker
that nobody waits for ends at its next step, and writes nothing more.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from alignhouse.warehouse.artifacts import SCRATCH
from alignhouse.warehouse.errors import Stopped
from alignhouse.warehouse.late_files import appears

# How often a worker looks at its lease.
_SECONDS_A_LOOK = 0.5


class Lease:
    """The coordinator's side: a file with random content. root : the warehouse."""

    def __init__(self, root: Path) -> None:
        self.token = secrets.token_hex(16)
        self.file = root / SCRATCH / f"lease-{self.token[:12]}"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(self.token, encoding="utf-8")

    def take_back(self) -> None:
        """The worker that has it may write no more."""
        self.file.unlink(missing_ok=True)


class Leased:
    """The worker's side of a lease. file, token : of the `Lease`."""

    def __init__(self, file: Path, token: str) -> None:
        self._file, self._token = file, token
        self._looked_at = -_SECONDS_A_LOOK

    def begin(self) -> None:
        """Wait until the lease appears, where the process is `patient`; raise `Stopped` if it does not."""
        appears(self._file)
        self.check(now=True)

    def check(self, *, now: bool = False) -> None:
        """Raise `Stopped` if the lease was taken back. now : look, even if the last look was just before."""
        if not now and time.monotonic() - self._looked_at < _SECONDS_A_LOOK:
            return
        self._looked_at = time.monotonic()
        if read_token(self._file) != self._token:
            raise Stopped("the coordinator has taken this batch back")


def read_token(file: Path) -> str:
    """The content of a lease as this process sees it; "" if it sees none."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
