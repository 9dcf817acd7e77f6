"""Download of one file: resumed from its partial file, verified, then renamed to its final name."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from alignhouse.ingest.downloads.http import Answer, Broken, PastTheEnd, Unreachable, get
from alignhouse.ingest.downloads.part import Part, part_of, remove_part, version_file
from alignhouse.ingest.downloads.proof import is_of_parts, proof_of
from alignhouse.ingest.downloads.remote_file import Proof, RemoteFile
from alignhouse.ingest.downloads.threads import Link
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import move_into_place, require_free_space
from alignhouse.warehouse.sizes import size_in_words

_DOWNLOADS = 2  # of one file; if the second has a wrong hash too, the server's copy is wrong
_BREAKS = 6  # failures in a row, with less than _HEADWAY between them
_HEADWAY = 2**20  # bytes
_RESTARTS = 4  # from the first byte on, because the rest did not fit
_FIRST_PAUSE = 1.0  # seconds after a failure; doubles each time
_LONGEST_WAIT = 600.0  # seconds; if a server asks for more, the file fails

Verified = Callable[[RemoteFile, str, int], None]


@dataclass(frozen=True)
class Came:
    """Message: bytes were received."""

    bytes: int


@dataclass(frozen=True)
class Dropped:
    """Message: bytes that were received, now or in an earlier run, were discarded."""

    bytes: int


@dataclass(frozen=True)
class Said:
    """Message: a line of text for the person."""

    line: str


@dataclass(frozen=True)
class Downloaded:
    """A complete file. file : as asked for, with what the server stated. proof : what proved its content."""

    file: RemoteFile
    sha256: str
    proof: Proof


def download(file: RemoteFile, final: Path, link: Link, verified: Verified) -> Downloaded:
    """Download a file to `final`, continuing its partial file.

    Sends Came, Dropped and Said through the link.

    Parameters
    ----------
    verified : called with the file, its sha256 and size before the file gets its final name.

    Raises
    ------
    BadInput : the content is wrong twice, the server refuses, its file has another size, the disk has
        too little room for the rest, or the connection keeps failing (Unreachable if there was
        none at all).
    Halted : the work was stopped; the partial file stays.
    OSError : from the disk.
    """
    found = ""
    for _ in range(_DOWNLOADS):
        before = found
        found, n_bytes, etag = _complete_part(file, final, link)
        if file.as_stated:
            file = replace(file, bytes=n_bytes, etag=file.etag or etag)
        proof = proof_of(file, part_of(final), found, link.check)
        if proof is None and found == before and is_of_parts(file):
            link.tell(Said(f"{file.path}: the ETag fits no usual size of parts; two downloads were equal"))
            proof = "size"
        if proof is not None:
            link.check()
            verified(file, found, n_bytes)
            move_into_place(part_of(final), final)
            version_file(final).unlink(missing_ok=True)
            return Downloaded(file, found, proof)
        remove_part(final)
        link.tell(Dropped(n_bytes))
        link.tell(Said(f"{file.path}: the downloaded content is wrong; it is thrown away"))
    raise BadInput(
        f"content of {file.name}",
        expected=file.content_in_words,
        found=f"sha256 {found}, {_DOWNLOADS} times, at {file.url}",
        hint=file.hint,
    )


def _complete_part(file: RemoteFile, final: Path, link: Link) -> tuple[str, int, str | None]:
    """Download the rest of the partial file; the sha256, size and ETag of all of it."""
    with Part(file, final, link.check) as part:
        if part.discarded:
            link.tell(Said(f"{file.path}: the partial file {part.discarded}; it is thrown away"))
        try:
            _request_until_complete(file, final, part, link)
        except BaseException:
            # Once this run is stopped, the empty file may be another run's.
            if part.size == 0 and not link.stop.is_set():
                remove_part(final)
            raise
        return part.digest.hexdigest(), part.size, part.version.etag if part.version else None


def _request_until_complete(file: RemoteFile, final: Path, part: Part, link: Link) -> None:
    transfer, breaks = _Transfer(file, final, part, link), 0
    while not transfer.complete:
        before = part.size
        try:
            transfer.request_rest()
        except Broken as error:
            breaks = 1 if part.size - before >= _HEADWAY else breaks + 1
            _pause_after(breaks, error, file, part.size, link)


class _Transfer:
    """Fills a partial file by one request or more; `complete` says whether it has the whole file."""

    def __init__(self, file: RemoteFile, final: Path, part: Part, link: Link) -> None:
        self._file, self._final, self._part, self._link = file, final, part, link
        self._restarts = 0
        self.complete = part.size == self._total(None)

    def request_rest(self) -> None:
        """Append the answer to one request."""
        try:
            answer = get(self._file, self._part.size, self._part.version)
        except PastTheEnd as error:
            self._link.check()
            self._end_at(error.n_bytes)
            return
        with contextlib.closing(answer.chunks):
            # Before any change on the disk: once this run is stopped, another may use the folder.
            self._link.check()
            if self._file.etag and answer.version.etag not in (None, self._file.etag):
                raise BadInput(
                    self._file.name,
                    expected=f"the file with ETag {self._file.etag}",
                    found=f"another one, with ETag {answer.version.etag}, at {self._file.url}",
                    hint="it changed on the server since this download began; run the command again",
                )
            if not self._fits(answer):
                return
            total = self._total(answer.version.n_bytes)
            if total is not None:
                require_free_space(
                    self._final.parent,
                    total - self._part.size,
                    f"for {self._file.name}",
                    "make room on the disk",
                )
            for chunk in answer.chunks:
                self._link.check()
                if self._file.bytes is not None and self._part.size + len(chunk) > self._file.bytes:
                    raise self._other_size("more")
                self._part.append(chunk)
                self._link.tell(Came(len(chunk)))
        # Without any known size, the end of the answer is the end of the file.
        self.complete = total is None or self._part.size == total
        if total is not None and self._part.size > total:
            self._restart("the partial file is longer than the file")
        elif not self.complete:
            raise Broken(EOFError("the server ended early"))

    def _fits(self, answer: Answer) -> bool:
        """Whether the answer continues the content, which may have been discarded for it."""
        part = self._part
        if answer.start == 0:
            if part.size:
                self._restart("the server sends the whole file again")
            part.set_version(answer.version)
            return True
        if answer.start == part.size and (part.version is None or answer.version.may_be(part.version)):
            if part.version is None:
                part.set_version(answer.version)
            return True
        self._restart("the file on the server has changed")
        return False

    def _total(self, on_server: int | None) -> int | None:
        """The size of the file, from the best source that knows it."""
        if self._file.bytes is not None:
            if on_server not in (None, self._file.bytes):
                raise self._other_size(f"{on_server:,}")
            return self._file.bytes
        if on_server is None and self._part.version:
            return self._part.version.n_bytes
        return on_server

    def _end_at(self, on_server: int | None) -> None:
        """The server has no byte after the content so far."""
        if self._file.bytes is not None:
            raise self._other_size(f"no more than {on_server or self._part.size:,}")
        if on_server == self._part.size:
            self.complete = True
        else:
            self._restart("the partial file is longer than the file")

    def _restart(self, why: str) -> None:
        self._restarts += 1
        if self._restarts >= _RESTARTS:
            raise BadInput(
                self._file.name,
                expected=f"the rest of the file at {self._file.url}",
                found=f"none, {self._restarts} times; {why}",
            )
        self._link.tell(Dropped(self._part.size))
        self._link.tell(Said(f"{self._file.path}: {why}; the download starts again"))
        self._part.clear()

    def _other_size(self, found: str) -> BadInput:
        return BadInput(
            f"size of {self._file.name}",
            expected=f"{self._file.bytes:,} bytes",
            found=f"{found} on the server",
            hint="the server has another version of the file",
        )


def _pause_after(breaks: int, error: Broken, file: RemoteFile, size: int, link: Link) -> None:
    if breaks >= _BREAKS or error.wait > _LONGEST_WAIT:
        kind = Unreachable if error.unreachable else BadInput
        times = f"failed {breaks} times in a row, last" if breaks > 1 else "failed"
        raise kind(
            f"download of {file.name} {times} after {size_in_words(size)}",
            expected=f"the file at {file.url}",
            found=f"{error}, wait {round(error.wait):,} s" if error.wait else str(error),
        ) from error
    link.tell(Said(f"{file.path}: the connection failed after {size_in_words(size)} ({error}); trying again"))
    # Random, so that threads that a server throttled together do not return together.
    link.pause(error.wait + _FIRST_PAUSE * 2 ** (breaks - 1) * random.uniform(0.5, 1.0))
