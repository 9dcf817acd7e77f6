"""The folder that files are fetched into: who does it, what is verified, what is left, is there room."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alignhouse.ingest.datasets.bmd.manifest import RemoteFile
from alignhouse.ingest.downloads.threads import Link, in_threads
from alignhouse.ingest.downloads.transfer import bytes_in_part, hashing_until
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.hashes import Hashes
from alignhouse.warehouse.lock import only_one
from alignhouse.warehouse.sizes import in_words

LEDGER = ".alignhouse-verified.json"
LOCK = ".alignhouse-fetch.lock"


@dataclass(frozen=True)
class Plan:
    """What a fetch would do, each list in the order asked for.

    verified : files that are there and right. left : those to fetch. wrong : those of `left` that are there
    with other content. partial : of those of `left` that came in part, path -> bytes. bytes_left : to fetch.
    """

    verified: list[RemoteFile]
    left: list[RemoteFile]
    wrong: list[RemoteFile]
    partial: dict[str, int]
    bytes_left: int


@dataclass(frozen=True)
class _Looked:
    file: RemoteFile
    there: bool
    right: bool


def plan(files: Sequence[RemoteFile], to: Path, *, workers: int = 4) -> Plan:
    """What of the files is in the folder `to`, verified, and what is left; changes nothing there.

    A file that no fetch has verified, or that was changed since, is read through.

    Raises BadInput for a path listed twice, and where `to` is no folder.
    """
    refuse_repeated(files)
    if to.exists() and not to.is_dir():
        raise BadInput(f"{to} is no folder", expected="a folder to fetch into")
    return look(files, to, ledger_of(to), workers)


def look(files: Sequence[RemoteFile], to: Path, ledger: Hashes, workers: int) -> Plan:
    """As `plan`, with the caller's ledger, which learns the hashes of what was read."""
    looked: dict[str, _Looked] = {}

    def work(file: RemoteFile, link: Link) -> None:
        link.tell(_look(file, to / file.path, ledger, link))

    def hear(message: object) -> None:
        assert isinstance(message, _Looked)
        looked[message.file.path] = message

    in_threads(work, files, workers, hear)
    left = [file for file in files if not looked[file.path].right]
    in_parts = {file.path: bytes_in_part(file, to / file.path) for file in left}
    return Plan(
        verified=[file for file in files if looked[file.path].right],
        left=left,
        wrong=[file for file in left if looked[file.path].there],
        partial={path: size for path, size in in_parts.items() if size},
        bytes_left=sum(file.bytes - in_parts[file.path] for file in left),
    )


def ledger_of(to: Path) -> Hashes:
    """The memory of what was verified in the folder; deleting its file only costs reading the files again."""
    return Hashes(to, LEDGER)


@contextlib.contextmanager
def fetching_into(to: Path) -> Iterator[None]:
    """Make the folder if need be, and be the only one who fetches into it.

    Raises BadInput where another process does, saying which and since when, and where the folder cannot be
    made or written.
    """
    try:
        to.mkdir(parents=True, exist_ok=True)
        # Neither made nor emptied by what holds it; the system's lock on it falls with its process.
        file = (to / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot fetch into {to}", expected="a folder to write to", found=error) from error

    def refusal(holder: str) -> BadInput:
        return BadInput(
            f"another process is fetching into {to}", found=holder, hint="wait for it to end, or stop it"
        )

    with file, only_one(file, "fetching", refusal):
        yield


def refuse_too_little_disk(bytes_left: int, to: Path, hint: str) -> None:
    """Raise BadInput, with a hint of what to do, where the disk of `to` has less room than is needed."""
    free = shutil.disk_usage(to).free
    if free < bytes_left:
        raise BadInput(
            f"too little room on the disk of {to}",
            expected=f"{in_words(bytes_left)} free",
            found=in_words(free),
            hint=hint,
        )


def _look(file: RemoteFile, path: Path, ledger: Hashes, link: Link) -> _Looked:
    try:
        if not path.is_file():
            return _Looked(file, there=False, right=False)
        of_that_size = path.stat().st_size == file.bytes
        right = of_that_size and ledger.of(path, hashing_until(link.check)) == file.sha256
        return _Looked(file, there=True, right=right)
    except OSError as error:
        raise BadInput(f"cannot read {path}", found=error) from error


def refuse_repeated(files: Sequence[RemoteFile]) -> None:
    paths = [file.path for file in files]
    if len(set(paths)) < len(paths):
        twice = next(path for i, path in enumerate(paths) if path in paths[:i])
        raise BadInput(f"{twice} is listed twice", expected="each file once")
