"""The destination folder of a download: its lock, the files that are complete, the room on its disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alignhouse.ingest.downloads.part import hashing_until, usable_bytes
from alignhouse.ingest.downloads.proof import proof_of
from alignhouse.ingest.downloads.remote_file import Proof, RemoteFile, refuse_repeated
from alignhouse.ingest.downloads.statements import Statements, ask_statements
from alignhouse.ingest.downloads.threads import Link, each_in_threads
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.hashes import Hashes
from alignhouse.warehouse.lock import only_one

LEDGER = ".alignhouse-verified.json"
LOCK = ".alignhouse-fetch.lock"


@dataclass(frozen=True)
class DownloadPlan:
    """What a download has to do, each list in the order of the request.

    verified : files that are complete. proofs : path -> what proves their content. left : files to download.
    wrong : those of `left` that exist with other content. unreadable : path -> error, of files that exist and
    cannot be read. partial : path -> bytes of those of `left` that can be resumed. bytes_left : to download,
    as far as sizes are known.
    """

    verified: list[RemoteFile]
    proofs: dict[str, Proof]
    left: list[RemoteFile]
    wrong: list[RemoteFile]
    unreadable: dict[str, Exception]
    partial: dict[str, int]
    bytes_left: int


@dataclass(frozen=True)
class _Looked:
    file: RemoteFile
    exists: bool = False
    proof: Proof | None = None
    error: Exception | None = None


def plan(files: Sequence[RemoteFile], to: Path, *, workers: int = 4) -> DownloadPlan:
    """What `fetch` would have to do; changes nothing.

    Files that no download has verified, or that changed since, are read and hashed. The server is asked about
    files without a published checksum.

    Raises
    ------
    BadInput : a path is listed twice or leads out of `to`, `to` is not a folder, or the server that is asked
        cannot be reached.
    """
    refuse_repeated(files)
    if to.exists() and not to.is_dir():
        raise BadInput(f"{to} is not a folder", expected="a folder to download into")

    def fail(path: str, error: Exception) -> None:
        raise error

    return look(ask_statements(files, workers, fail), to, ledger_of(to), Statements(to), workers)


def look(
    files: Sequence[RemoteFile], to: Path, ledger: Hashes, statements: Statements, workers: int
) -> DownloadPlan:
    """As `plan`, for files whose statements are known; adds the hashes of files that are read to `ledger`."""
    for file in files:
        refuse_outside(file, to)
    looked: dict[str, _Looked] = {}

    def work(file: RemoteFile, link: Link) -> None:
        link.tell(_look(file, to / file.path, ledger, statements, link))

    def hear(message: object) -> None:
        assert isinstance(message, _Looked)
        looked[message.file.path] = message

    each_in_threads(work, files, workers, hear)
    each = [looked[file.path] for file in files]
    left = [one.file for one in each if not one.proof and not one.error]
    partial = {file.path: usable_bytes(file, to / file.path) for file in left}
    return DownloadPlan(
        verified=[one.file for one in each if one.proof],
        proofs={one.file.path: one.proof for one in each if one.proof},
        left=left,
        wrong=[file for file in left if looked[file.path].exists],
        unreadable={one.file.path: one.error for one in each if one.error},
        partial={path: size for path, size in partial.items() if size},
        bytes_left=sum((file.bytes or 0) - partial[file.path] for file in left if file.bytes is not None),
    )


def ledger_of(to: Path) -> Hashes:
    """The hashes of the files that were verified in a folder. Deleting its file only costs time."""
    return Hashes(to, LEDGER)


@contextlib.contextmanager
def fetching_into(to: Path) -> Iterator[None]:
    """Create the folder if needed, and lock it against other downloads.

    Raises
    ------
    BadInput : another process downloads into it (the message says which and since when), or it cannot be
        created or written.
    """
    try:
        to.mkdir(parents=True, exist_ok=True)
        # Opening neither locks nor empties the file. The lock ends with the process that holds it.
        file = (to / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"cannot download into {to}", expected="a folder that can be written", found=error
        ) from error

    def refusal(holder: str) -> BadInput:
        return BadInput(
            f"another process is downloading into {to}", found=holder, hint="wait until it ends, or stop it"
        )

    with file, only_one(file, "fetching", refusal):
        yield


def refuse_outside(file: RemoteFile, to: Path) -> None:
    """Raise BadInput if a link in the folder leads the file's path out of the folder."""
    folder = (to / file.path).parent.resolve()
    if not folder.is_relative_to(to.resolve()):
        raise BadInput(f"folder of {file.path}", expected=f"a folder in {to}", found=f"a link to {folder}")


def _look(file: RemoteFile, path: Path, ledger: Hashes, statements: Statements, link: Link) -> _Looked:
    try:
        if not path.is_file():
            return _Looked(file)
        if file.bytes not in (None, path.stat().st_size):
            return _Looked(file, exists=True)
        sha256 = ledger.of(path, hashing_until(link.check))
        proof = statements.proof(file, sha256)
        # Without any statement, only a file that was downloaded before is known to be complete.
        if proof is None and (file.bytes is not None or not file.as_stated):
            proof = proof_of(file, path, sha256, link.check)
        return _Looked(file, exists=True, proof=proof)
    except OSError as error:
        return _Looked(file, error=BadInput(f"cannot read {path}", found=error))
