"""One writer at a time: a lock that ends with its process, and a note that names the holder.

On some shared disks a lock holds on one machine only. So the holder also counts in its note, and whoever
finds the note of another machine watches whether it still counts. No clocks are compared.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import getpass
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from alignhouse.warehouse.errors import AlignhouseError, BadInput, WarehouseLocked

# How often a holder counts, and how long another machine watches before it takes the holder for dead.
SECONDS_A_BEAT = 5.0
SECONDS_TO_WATCH = 18.0
_SECONDS_A_LOOK = 0.2
# Spaces fill a note; a longer one is written too.
_MOST_LETTERS = 400


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
    _watch(Path(file.name), refusal)
    with _counting(file, purpose):
        yield


def _watch(path: Path, refusal: Callable[[str], AlignhouseError]) -> None:
    """Raise `refusal` if the note in the lock file is of another machine, and changes while it is watched."""
    before = _read(path)
    if _host(before) in (None, socket.gethostname()):
        return
    ends = time.monotonic() + SECONDS_TO_WATCH
    while time.monotonic() < ends:
        time.sleep(_SECONDS_A_LOOK)
        # Opening a file makes a client of NFS ask for its content again.
        now = _read(path)
        if now != before and _host(now) is not None:
            raise refusal(_holder(now))
        if now == "":
            return  # The other machine has ended.


@contextlib.contextmanager
def _counting(file: TextIO, purpose: str) -> Iterator[None]:
    """Write the holder into the lock file, and count in it until the block ends; then empty it."""
    note = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "user": _user(),
        "purpose": purpose,
        "since": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }
    ended = threading.Event()

    def write(to: int, beats: int) -> None:
        # In place, in one call and of one length: whoever looks meanwhile finds a whole note.
        text = json.dumps({**note, "beats": beats})
        os.pwrite(to, text.ljust(_MOST_LETTERS).encode(), 0)

    def count(to: int) -> None:
        beats = 0
        while not ended.wait(SECONDS_A_BEAT):
            beats += 1
            # A full disk does not end a run: only other machines would miss the count.
            with contextlib.suppress(OSError):
                write(to, beats)
                # Without this, a client of NFS keeps it to itself.
                os.fsync(to)

    file.truncate(0)
    # `file` only appends.
    with Path(file.name).open("r+b", buffering=0) as note_file:
        write(note_file.fileno(), 0)
        counting = threading.Thread(target=count, args=[note_file.fileno()], name="lock", daemon=True)
        counting.start()
        try:
            yield
        finally:
            ended.set()
            counting.join()
            file.truncate(0)


def _read(path: Path) -> str:
    """The note in a lock file; "" if there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _host(note: str) -> str | None:
    """The machine that has written a note; None if the note is not whole."""
    try:
        return str(json.loads(note)["host"])
    except (ValueError, KeyError, TypeError):
        return None


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
