"""The partial file of a download, and what is known of the version that it belongs to.

Both are beside the final file: `.NAME.part` and `.NAME.part.json`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from alignhouse.ingest.downloads.http import CHUNK, Version
from alignhouse.ingest.downloads.remote_file import RemoteFile


def part_of(final: Path) -> Path:
    """The partial file, which becomes `final` when it is complete and verified."""
    return final.with_name(f".{final.name}.part")


def version_file(final: Path) -> Path:
    """The file that holds the server's ETag, date and size of the partial file."""
    return final.with_name(f".{final.name}.part.json")


def usable_bytes(file: RemoteFile, final: Path) -> int:
    """How many bytes of the partial file a download can keep.

    0 if it is longer than the file. Also 0 if neither its version nor a complete checksum is known: then
    a mix of two versions could go unnoticed.
    """
    part, version = part_of(final), read_version(final)
    if part.is_symlink() or not part.is_file() or not (version or file.has_full_checksum):
        return 0
    size = part.stat().st_size
    total = version.n_bytes if file.bytes is None and version else file.bytes
    return size if total is None or size <= total else 0


def read_version(final: Path) -> Version | None:
    """The version of the partial file; None if it is unknown or its file is damaged."""
    try:
        version = Version(**json.loads(version_file(final).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError, RecursionError):
        return None
    texts = all(value is None or isinstance(value, str) for value in (version.etag, version.modified))
    return version if texts and (version.n_bytes is None or type(version.n_bytes) is int) else None


def remove_part(final: Path) -> None:
    """Delete the partial file and its version, if they exist."""
    version_file(final).unlink(missing_ok=True)
    part_of(final).unlink(missing_ok=True)


class Part:
    """A partial file, open for appending; a context manager that closes it.

    Parameters
    ----------
    stop : called now and then while the partial file is hashed; may raise.

    Attributes
    ----------
    size, digest : of the content so far. version : of the content, None if unknown. discarded : why earlier
        content could not be kept, "" if it could.
    """

    def __init__(self, file: RemoteFile, final: Path, stop: Callable[[], None]) -> None:
        self._final, self._path = final, part_of(final)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        kept = usable_bytes(file, final)
        if self._path.is_symlink():
            self._path.unlink()
        self._content = _open_without_links(self._path)
        self.version = read_version(final)
        self.digest, self.size, self.discarded = hashlib.sha256(), 0, ""
        try:
            if self._content.seek(0, os.SEEK_END) > kept:
                known = self.version or file.has_full_checksum
                self.clear()
                self.discarded = "is longer than the file" if known else "is of an unknown version"
            self._content.seek(0)
            self.digest, self.size = hash_of(self._content, stop)
        except BaseException:
            self._content.close()
            raise

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *exception: object) -> None:
        self._content.close()

    def append(self, chunk: bytes) -> None:
        """Write a chunk to the disk at once, so that a kill loses nothing."""
        self._content.write(chunk)
        self._content.flush()
        self.digest.update(chunk)
        self.size += len(chunk)

    def set_version(self, version: Version) -> None:
        """Store the version of the content, for a later run."""
        self.version = version
        version_file(self._final).write_text(json.dumps(asdict(version)), encoding="utf-8")

    def clear(self) -> None:
        """Discard the content and its version."""
        self._content.truncate(0)
        version_file(self._final).unlink(missing_ok=True)
        self.digest, self.size, self.version = hashlib.sha256(), 0, None


def hash_of(content: BinaryIO, stop: Callable[[], None]) -> tuple[hashlib._Hash, int]:
    """The sha256 (still open) and size in bytes of the rest of `content`; `stop` may raise in between."""
    digest, size = hashlib.sha256(), 0
    while chunk := content.read(CHUNK):
        stop()
        digest.update(chunk)
        size += len(chunk)
    return digest, size


def hashing_until(stop: Callable[[], None]) -> Callable[[Path], str]:
    """A function that returns the sha256 of a file; `stop` is called now and then and may raise."""

    def hashing(path: Path) -> str:
        with path.open("rb") as content:
            digest, _ = hash_of(content, stop)
        return digest.hexdigest()

    return hashing


def _open_without_links(path: Path) -> BinaryIO:
    # A link in place of the partial file would let a download write outside of its folder.
    return open(path, "a+b", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, 0o666))
