"""One checkpoint: resumed where it stopped, verified, and only then moved into its place."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from alignhouse.ingest.downloads.s3 import CHUNK, Broken
from alignhouse.ingest.downloads.threads import Link
from alignhouse.ingest.downloads.transfer import Came, Dropped, Said, Unreachable, part_of
from alignhouse.ingest.models.checkpoint_files import Checkpoint, OnceSeen
from alignhouse.ingest.models.checkpoint_http import Answer, PastTheEnd, Throttled, Version, get
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import move_into_place, write_text
from alignhouse.warehouse.sizes import in_words

_WRONG_HASHES = 2  # the second of a file is the server's fault
_BREAKS = 6  # in a row, with less than _HEADWAY between them
_HEADWAY = 2**20  # bytes
_BEGINNINGS = 4  # from the first byte on, because the server's file had changed
_FIRST_PAUSE = 1.0  # seconds after a break; doubles
_LONGEST_PAUSE = 600.0  # seconds; who is asked to wait longer had better come back another day


def version_file(final: Path) -> Path:
    """Where it is remembered what the server said of the file that lies here in part."""
    part = part_of(final)
    return part.with_name(part.name + ".json")


def bytes_in_part(final: Path) -> int:
    """How much of a file lies here, to go on from; 0 where it is not known what it is a part of."""
    part = part_of(final)
    return part.stat().st_size if part.is_file() and _remembered(final) else 0


def bring(file: Checkpoint, final: Path, seen: OnceSeen, link: Link) -> str:
    """Make `final` the file, going on from what lies in its part; its sha256.

    Tells the link Came, Dropped and Said.

    Parameters
    ----------
    seen : says what the sha256 must start with, and keeps all of it.

    Raises
    ------
    BadInput : a second wrong hash, what the server refuses, too little room, and a connection that keeps
        breaking (Unreachable if there was none at all).
    Halted : when stopped, leaving the part.
    OSError : from the disk.
    """
    part = part_of(final)
    expected, found = seen.expected(file), ""
    for _ in range(_WRONG_HASHES):
        found, n_bytes = _gather(file, final, link)
        if found.startswith(expected):
            link.check()
            # Before the file is in its place: a file that is there is always held to what it was.
            seen.keep(file, found, n_bytes)
            move_into_place(part, final)
            version_file(final).unlink(missing_ok=True)
            return found
        version_file(final).unlink(missing_ok=True)
        part.unlink()
        link.tell(Dropped(n_bytes))
        link.tell(Said(f"{file.name}: the content that came is not the file's; it is thrown away"))
    raise BadInput(
        f"content of the {file}",
        expected=f"sha256 {expected}{'...' if len(expected) < len(found) else ''}",
        found=f"{found if len(expected) == len(found) else found[:12] + '...'}, {_WRONG_HASHES} times",
        hint=f"the copy at {file.url} is damaged"
        if expected == file.sha_start
        else f"the file at {file.url} is no longer the one noted in {seen.path.name}; "
        "remove its entry there if that is meant",
    )


def _gather(file: Checkpoint, final: Path, link: Link) -> tuple[str, int]:
    """Fill the part up to the file's end; the sha256 and size of what is in it then."""
    part = part_of(final)
    try:
        with part.open("a+b") as to:
            gathered = _Gathered(file, final, to, link)
            breaks = 0
            while not gathered.whole:
                before = gathered.size
                try:
                    gathered.go_on()
                except Broken as error:
                    breaks = 1 if gathered.size - before >= _HEADWAY else breaks + 1
                    _pause_after(breaks, error, gathered, link)
            return gathered.digest.hexdigest(), gathered.size
    except BaseException:
        if part.is_file() and part.stat().st_size == 0:  # nothing to go on from
            version_file(final).unlink(missing_ok=True)
            part.unlink()
        raise


class _Gathered:
    """A part that is open for appending: hash and size of what is in it, and of which version that is."""

    def __init__(self, file: Checkpoint, final: Path, to: BinaryIO, link: Link) -> None:
        self.file, self.final, self.to, self.link = file, final, to, link
        self.digest, self.size, self.beginnings, self.whole = hashlib.sha256(), 0, 0, False
        self.version = _remembered(final)
        to.seek(0)
        while chunk := to.read(CHUNK):
            link.check()
            self.digest.update(chunk)
            self.size += len(chunk)
        if self.size and self.version is None:
            # Its bytes were never counted as come, so they are not counted as dropped.
            link.tell(Said(f"{file.name}: it is not known what its part is a part of; it is thrown away"))
            self._empty()
        self._end_or_not(self.version.n_bytes if self.version and self.size else None)

    def go_on(self) -> None:
        """Append what one request gives."""
        try:
            answer = get(self.file.url, str(self.file), self.size, self.version)
        except PastTheEnd as error:
            if error.n_bytes == self.size:
                self.whole = True
            else:
                self._begin_again("its part is longer than the file")
            return
        with contextlib.closing(answer.chunks):
            if not self._continues(answer):
                return
            total = self._total(answer)
            self._refuse_too_little_disk(total)
            for chunk in answer.chunks:
                # Before writing: another fetch may have the folder once this one was stopped.
                self.link.check()
                self.to.write(chunk)
                self.to.flush()
                self.digest.update(chunk)
                self.size += len(chunk)
                self.link.tell(Came(len(chunk)))
        self.whole = total is None
        self._end_or_not(total)
        if self.size and not self.whole:
            raise Broken(EOFError("the server ended early"))

    def _continues(self, answer: Answer) -> bool:
        """Whether the answer is to be appended, perhaps after what was there was thrown away."""
        if answer.start == 0:
            if self.size:
                self._begin_again("the server gives the whole file again")
            self.version = answer.version
            write_text(version_file(self.final), json.dumps(asdict(answer.version)))
            return True
        if answer.start == self.size and (self.version is None or answer.version.may_be(self.version)):
            return True
        self._begin_again("the server has another file by now")
        return False

    def _total(self, answer: Answer) -> int | None:
        if answer.version.n_bytes is None and self.version is not None:
            return self.version.n_bytes
        return answer.version.n_bytes

    def _end_or_not(self, total: int | None) -> None:
        if total is not None and self.size == total:
            self.whole = True
        elif total is not None and self.size > total:
            self._begin_again("its part is longer than the file")

    def _begin_again(self, why: str) -> None:
        self.beginnings += 1
        if self.beginnings >= _BEGINNINGS:
            raise BadInput(
                str(self.file),
                expected=f"the rest of the file at {self.file.url}",
                found=f"none, {self.beginnings} times; {why}",
            )
        self.link.tell(Dropped(self.size))
        self.link.tell(Said(f"{self.file.name}: {why}; it begins again"))
        self._empty()

    def _empty(self) -> None:
        self.to.truncate(0)
        version_file(self.final).unlink(missing_ok=True)
        self.digest, self.size, self.version = hashlib.sha256(), 0, None

    def _refuse_too_little_disk(self, total: int | None) -> None:
        free = shutil.disk_usage(self.final.parent).free
        if total is not None and free < total - self.size:
            raise BadInput(
                f"too little room for the {self.file}",
                expected=f"{in_words(total - self.size)} free",
                found=in_words(free),
                hint="make room",
            )


def _remembered(final: Path) -> Version | None:
    # Without it a file begins again: nothing is lost but time.
    try:
        kept = json.loads(version_file(final).read_text(encoding="utf-8"))
        version = Version(**kept)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    texts_are = all(value is None or isinstance(value, str) for value in (version.etag, version.modified))
    return version if texts_are and (version.n_bytes is None or type(version.n_bytes) is int) else None


def _pause_after(breaks: int, error: Broken, gathered: _Gathered, link: Link) -> None:
    name, at = gathered.file.name, in_words(gathered.size)
    asked = error.seconds if isinstance(error, Throttled) else 0.0
    if breaks >= _BREAKS or asked > _LONGEST_PAUSE:
        kind = Unreachable if error.unreachable else BadInput
        times = f"broke off {breaks} times in a row, last" if breaks > 1 else "broke off"
        raise kind(
            f"{gathered.file} {times} after {at}",
            expected=f"the file at {gathered.file.url}",
            found=f"{error}, come back in {round(asked):,} s" if asked else str(error),
        ) from error
    link.tell(Said(f"{name}: broke off after {at} ({error}); going on"))
    # At random, so that threads that were throttled together do not come back together.
    link.pause(asked + _FIRST_PAUSE * 2 ** (breaks - 1) * random.uniform(0.5, 1.0))
