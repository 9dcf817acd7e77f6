"""Files that are either whole or not there: hashing, syncing, moving into place."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path


def sha256_of(path: Path) -> str:
    """The sha256 of a file's content, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a whole text file (UTF-8) in one step; an earlier one stays until then."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def move_into_place(temporary: Path, final: Path) -> None:
    """Sync `temporary` and rename it to `final` (same disk), so that `final` is never seen half-written."""
    final.parent.mkdir(parents=True, exist_ok=True)
    sync(temporary)
    os.replace(temporary, final)
    sync(final.parent)


@contextlib.contextmanager
def replacing(final: Path) -> Iterator[Path]:
    """A temporary path beside `final`, moved over it when the block ends well, else removed."""
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{final.name}.{os.getpid()}.part")
    try:
        yield temporary
        move_into_place(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)
