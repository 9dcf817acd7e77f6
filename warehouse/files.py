"""Files that are either complete or absent: hashing, syncing, moving into place."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from alignhouse.warehouse.errors import BadInput, BrokenWarehouse
from alignhouse.warehouse.faults import faults_at
from alignhouse.warehouse.sizes import size_in_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAMAGED_SUFFIX = ".damaged"
_NOT_FOR_DUCKDB = ("?", "\\")


def check_folder_name(folder: Path) -> None:
    """Raise BadInput if DuckDB cannot open files in a folder of this name."""
    if bad := [character for character in _NOT_FOR_DUCKDB if character in str(folder.absolute())]:
        raise BadInput(
            f"warehouse {folder}",
            expected=f"a path without {' and '.join(_NOT_FOR_DUCKDB)}, which DuckDB cannot open",
            found=f"{bad[0]} in {folder.absolute()}",
            hint="rename the folder, or choose another place",
        )


def sha256_of(path: Path) -> str:
    """The sha256 of a file's content, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_free_space(folder: Path, needed: int, purpose: str, hint: str) -> None:
    """Raise BadInput if the disk of a folder has less free space than the bytes `needed`.

    Parameters
    ----------
    folder : may be missing; then its nearest existing parent counts.
    purpose : what the space is for ("to copy 4 files"). hint : what to do without it.
    """
    existing = next(each for each in (folder, *folder.absolute().parents) if each.is_dir())
    free = shutil.disk_usage(existing).free
    if needed <= free:
        return
    expected, found = size_in_words(needed), size_in_words(free)
    if expected == found:
        expected, found = f"{needed:,} bytes", f"{free:,} bytes"
    raise BadInput(
        f"too little space on the disk of {folder} {purpose}",
        expected=f"{expected} free",
        found=found,
        hint=hint,
    )


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8) atomically: an existing file is replaced only at the end."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def inside(folder: Path, name: str, *, links: bool = False) -> Path | None:
    """The file `name` (a relative POSIX path) in `folder`; None if the name leads out of it.

    A list of names may come from somebody else. So may links: unless `links` are allowed, the answer is also
    None if a parent folder of the file is one.
    """
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\0" in name:
        return None
    parents = [folder.joinpath(*parts[:end]) for end in range(1, len(parts))]
    if not links and any(map(os.path.islink, parents)):
        return None
    return folder.joinpath(*parts)


def set_aside(folder: Path, path: str) -> None:
    """Rename a damaged artifact of a warehouse, so that it is not taken for a finished one.

    Raises
    ------
    BrokenWarehouse : a link leads to it, and this may be somebody else's file.
    """
    file = inside(folder, path)
    if file is None:
        raise BrokenWarehouse(f"artifact {path} was not set aside", found="a link", hint="rename it yourself")
    if file.exists():
        file.replace(file.with_name(file.name + DAMAGED_SUFFIX))


def sync(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to disk (fsync)."""
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


def read_exactly(descriptor: int, into: NDArray[Any], offset: int) -> None:
    """Fill a contiguous array with the bytes of an open file from `offset` on; OSError if it is shorter."""
    target = into.data.cast("B")
    done = 0
    while done < len(target):
        count = os.preadv(descriptor, [target[done:]], offset + done)
        if count == 0:
            raise OSError("a temporary file is shorter than the data written to it")
        done += count


@contextlib.contextmanager
def replacing(final: Path) -> Iterator[Path]:
    """Yield a temporary path beside `final`; it replaces `final` on success and is removed on error."""
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{final.name}.{os.getpid()}.part")
    try:
        with faults_at(final):
            yield temporary
            move_into_place(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)
