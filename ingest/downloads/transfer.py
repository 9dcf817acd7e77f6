"""One file: resumed where it stopped, verified, and only then moved into its place."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from alignhouse.ingest.datasets.bmd.manifest import RemoteFile
from alignhouse.ingest.downloads.s3 import CHUNK, Answer, Broken
from alignhouse.ingest.downloads.threads import Link
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import move_into_place
from alignhouse.warehouse.sizes import in_words

_WRONG_HASHES = 2  # the second of a file is the server's fault
_BREAKS = 6  # in a row, with less than _HEADWAY between them
_HEADWAY = 2**20  # bytes
_FIRST_PAUSE = 1.0  # seconds after a break; doubles


@dataclass(frozen=True)
class Came:
    """Bytes came from the server."""

    bytes: int


@dataclass(frozen=True)
class Dropped:
    """Bytes that had come, now or before, were thrown away."""

    bytes: int


@dataclass(frozen=True)
class Said:
    """A line for the person who watches."""

    line: str


class Unreachable(BadInput):
    """The server cannot be reached: no file can come."""


class Readable(Protocol):
    """Where files come from; `alignhouse.ingest.downloads.s3.Source` is one."""

    def get(self, file: RemoteFile, start: int) -> Answer: ...


def part_of(final: Path) -> Path:
    """Where the content of a file is gathered until it is whole and verified."""
    return final.with_name(f".{final.name}.part")


def bytes_in_part(file: RemoteFile, final: Path) -> int:
    """How much of the file lies in its part; 0 for a part that is longer than the file, so none of it."""
    part = part_of(final)
    size = part.stat().st_size if part.is_file() else 0
    return size if size <= file.bytes else 0


def bring(file: RemoteFile, final: Path, source: Readable, link: Link) -> None:
    """Make `final` the file, going on from what lies in its part; tells the link Came, Dropped and Said.

    Raises BadInput for a second wrong hash, what `source` refuses, and a connection that keeps breaking
    (Unreachable if there was none at all); Halted when stopped, leaving the part; OSError from the disk.
    """
    part = part_of(final)
    part.parent.mkdir(parents=True, exist_ok=True)
    found = ""
    for _ in range(_WRONG_HASHES):
        try:
            found = _gather(file, part, source, link)
        except BaseException:
            if part.is_file() and part.stat().st_size == 0:  # nothing to go on from
                part.unlink()
            raise
        if found == file.sha256:
            link.check()
            move_into_place(part, final)
            return
        part.unlink()
        link.tell(Dropped(file.bytes))
        link.tell(Said(f"{file.path}: the content that came is not the file's; it is thrown away"))
    raise BadInput(
        f"content of {file.path}",
        expected=f"sha256 {file.sha256[:12]}...",
        found=f"{found[:12]}..., {_WRONG_HASHES} times",
        hint="the server's copy is damaged, or not the manifest's version",
    )


def hashing_until(stop: Callable[[], None]) -> Callable[[Path], str]:
    """A function that gives a file's sha256, and calls `stop` now and then, which may raise."""

    def hashing(path: Path) -> str:
        with path.open("rb") as content:
            digest, _ = _hash_of(content, stop)
        return digest.hexdigest()

    return hashing


def _gather(file: RemoteFile, part: Path, source: Readable, link: Link) -> str:
    """Fill the part up to the file's size; the sha256 of what is in it then."""
    with part.open("a+b") as to:
        if to.seek(0, 2) > file.bytes:
            to.truncate(0)
            link.tell(Said(f"{file.path}: its part is longer than the file; it is thrown away"))
        to.seek(0)
        gathered = _Gathered(file, to, *_hash_of(to, link.check))
        breaks = 0
        while gathered.size < file.bytes:
            before = gathered.size
            try:
                gathered.go_on(source, link)
                if gathered.size < file.bytes:
                    raise Broken(EOFError("the server ended early"))
            except Broken as error:
                breaks = 1 if gathered.size - before >= _HEADWAY else breaks + 1
                _pause_after(breaks, error, gathered, link)
        return gathered.digest.hexdigest()


@dataclass
class _Gathered:
    """A part that is open for appending, with the hash and size of what is in it."""

    file: RemoteFile
    to: BinaryIO
    digest: hashlib._Hash
    size: int

    def go_on(self, source: Readable, link: Link) -> None:
        """Append what one request gives."""
        answer = source.get(self.file, self.size)
        with contextlib.closing(answer.chunks):
            if answer.start != self.size:
                self._begin_again(answer.start, link)
            for chunk in answer.chunks:
                # Before writing: another fetch may have the destination once this one was stopped.
                link.check()
                self._append(chunk)
                link.tell(Came(len(chunk)))

    def _append(self, chunk: bytes) -> None:
        if self.size + len(chunk) > self.file.bytes:
            raise BadInput(
                f"size of {self.file.path}", expected=f"{self.file.bytes:,} bytes", found="more on the server"
            )
        self.to.write(chunk)
        self.to.flush()
        self.digest.update(chunk)
        self.size += len(chunk)

    def _begin_again(self, start: int, link: Link) -> None:
        """For a server that gives the whole file where the rest of it was asked for."""
        if start != 0:
            raise BadInput(
                f"{self.file.path} from byte {self.size:,} on", expected="that", found=f"from {start:,} on"
            )
        self.to.truncate(0)
        link.tell(Dropped(self.size))
        self.digest, self.size = hashlib.sha256(), 0


def _hash_of(content: BinaryIO, stop: Callable[[], None]) -> tuple[hashlib._Hash, int]:
    """The sha256, not yet finished, and the size of what is left to read of `content`."""
    digest, size = hashlib.sha256(), 0
    while chunk := content.read(CHUNK):
        stop()
        digest.update(chunk)
        size += len(chunk)
    return digest, size


def _pause_after(breaks: int, error: Broken, gathered: _Gathered, link: Link) -> None:
    path, at = gathered.file.path, in_words(gathered.size)
    if breaks >= _BREAKS:
        kind = Unreachable if error.unreachable else BadInput
        raise kind(f"{path} broke off {breaks} times in a row, last after {at}", found=str(error)) from error
    link.tell(Said(f"{path}: broke off after {at} ({error}); going on"))
    # At random, so that threads that were throttled together do not come back together.
    link.pause(_FIRST_PAUSE * 2 ** (breaks - 1) * random.uniform(0.5, 1.0))
