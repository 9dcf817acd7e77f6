"""One writer at a time: a lock that ends with its process, and a note that names the holder."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import getpass
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from alignhouse.warehouse.errors import AlignhouseError, BadInput, WarehouseLocked


@contextlib.contextmanager
def writing(folder: Path, purpose: str) -> Iterator[None]:
    """Hold the writer's lock of the warehouse at `folder`.

    Raises
    ------
    WarehouseLocked : another process holds it; the message names the process, its command and its start time.
    """
    path = folder / "working" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)

    def refusal(holder: str) -> WarehouseLocked:
        return WarehouseLocked(
            f"warehouse {folder} is being written by another process",
            found=holder,
            hint="wait for it to end, or stop it; ask, sql and report still work in the meantime",
        )

    with path.open("a+", encoding="utf-8") as file, only_one(file, purpose, refusal):
        yield


@contextlib.contextmanager
def only_one(file: TextIO, purpose: str, refusal: Callable[[str], AlignhouseError]) -> Iterator[None]:
    """Hold the lock on `file`, which is open for reading and appending, and write the holder into it.

    The operating system releases the lock when the process ends, even if it is killed. So a lock file alone
    does not mean that the lock is held.

    Parameters
    ----------
    refusal : makes the error if another process holds the lock, from a description of that process.

    Raises
    ------
    BadInput : the disk of `file` has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise refusal(_holder(file.read())) from None
    except OSError as error:
        raise BadInput(
            f"{Path(file.name).parent}: file locks do not work here, so a second writer could do damage",
            found=error.strerror,
            hint="use a folder on a local disk, or mount this one with locks",
        ) from error
    file.truncate(0)
    json.dump(
        {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "user": _user(),
            "purpose": purpose,
            "since": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        },
        file,
    )
    file.flush()
    try:
        yield
    finally:
        file.truncate(0)


def _holder(text: str) -> str:
    try:
        who = json.loads(text)
    except ValueError:
        return "a holder that has not yet written its name"
    return f"process {who['pid']} of {who['user']} on {who['host']}, {who['purpose']}, since {who['since']}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # In a container, the user id may have no name.
        return f"user {os.getuid()}"
