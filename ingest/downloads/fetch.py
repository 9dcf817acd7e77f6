"""Download files into a folder, several at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alignhouse.ingest.downloads.destination import (
    DownloadPlan,
    fetching_into,
    ledger_of,
    look,
    refuse_outside,
)
from alignhouse.ingest.downloads.http import Broken, Unreachable, version_on_server
from alignhouse.ingest.downloads.outcome import Fetched, IncompleteFetch, failure_in_words, is_disk_full
from alignhouse.ingest.downloads.part import remove_part
from alignhouse.ingest.downloads.progress import SilentDownload, TransferProgress
from alignhouse.ingest.downloads.remote_file import Proof, RemoteFile, refuse_plain_http, refuse_repeated
from alignhouse.ingest.downloads.statements import Statements, ask_statements
from alignhouse.ingest.downloads.threads import Link, each_in_threads
from alignhouse.ingest.downloads.transfer import Came, Dropped, Said, Verified, download
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import require_free_space
from alignhouse.warehouse.hashes import Hashes

_BETWEEN_SAVES = 1.0  # seconds; files whose hashes a kill loses are only read again, not downloaded


@dataclass(frozen=True)
class _Sized:
    file: RemoteFile
    n_bytes: int


@dataclass(frozen=True)
class _Done:
    file: RemoteFile
    proof: Proof


@dataclass(frozen=True)
class _Failed:
    file: RemoteFile
    error: Exception


def fetch(
    files: Sequence[RemoteFile],
    to: Path,
    *,
    allow_http: bool = False,
    workers: int = 8,
    progress: TransferProgress | None = None,
    verified: Verified | None = None,
) -> Fetched:
    """Download files to the folder `to`, each to its own path in it.

    A file gets its final name only after its content was verified. Complete files are not downloaded again,
    partial ones are resumed, and files with other content are replaced. The process may be stopped or killed
    at any time; the next call downloads the rest.

    Files without a published checksum are compared with what the server states. `Fetched.proofs` says what
    proved each file.

    Parameters
    ----------
    allow_http : accept http:// addresses, for a server that the user named.
    workers : number of files to download at the same time.
    verified : called with each complete file, its sha256 and its size in bytes, before a new file gets its
        final name; in any thread. If it raises OSError or BadInput, the file fails.

    Raises
    ------
    BadInput : another process downloads into `to`, the disk has too little room, two files have the same
        path, a path leads out of `to`, or an address is not allowed. Nothing was downloaded.
    IncompleteFetch : a BadInput, at the end, if files failed. The others are complete and verified.
    """
    refuse_repeated(files)
    if not allow_http:
        refuse_plain_http(files)
    if workers < 1:
        raise BadInput("number of files to download at a time", expected="1 or more", found=workers)
    progress = progress or SilentDownload()
    with fetching_into(to):
        ledger, statements = ledger_of(to), Statements(to)
        try:
            return _Fetch(files, to, ledger, statements, progress, verified or _nothing).run(workers)
        finally:
            _save(ledger, statements, progress)


class _Fetch:
    """One call of `fetch`, while the folder is locked."""

    def __init__(
        self,
        files: Sequence[RemoteFile],
        to: Path,
        ledger: Hashes,
        statements: Statements,
        progress: TransferProgress,
        verified: Verified,
    ) -> None:
        self._files, self._to, self._ledger, self._statements = files, to, ledger, statements
        self._progress, self._verified = progress, verified
        self._saved = time.monotonic()
        self._wrong: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._hosts: set[str] = set()
        self._silent_hosts: set[str] = set()
        self._failures: dict[str, Exception] = {}
        self._done = Fetched()

    def run(self, workers: int) -> Fetched:
        files = ask_statements(self._files, workers, self._fail)
        plan = look(files, self._to, self._ledger, self._statements, workers)
        for path, error in plan.unreadable.items():
            self._fail(path, error)
        for file in plan.verified:
            self._keep_complete(file, plan.proofs[file.path])
        each_in_threads(
            self._ask_size, [file for file in plan.left if file.bytes is None], workers, self._hear
        )
        self._silent_hosts.clear()  # a download is retried, the request for a size is not
        self._hosts = {file.host for file in plan.left}
        bytes_left = self._bytes_left(plan)
        require_free_space(
            self._to,
            bytes_left,
            f"for {len(plan.left)} files",
            "make room, download less, or download to another disk",
        )
        self._progress.begin(bytes_left, len(plan.left))
        for file in plan.wrong:
            self._wrong.add(file.path)
            self._progress.say(f"{file.path} exists with other content; it is downloaded again")
        each_in_threads(self._download, plan.left, workers, self._hear)
        if self._failures:
            raise IncompleteFetch(self._failures, self._done, len(self._files))
        return self._done

    def _keep_complete(self, file: RemoteFile, proof: Proof) -> None:
        path = self._to / file.path
        try:
            self._verified(file, self._ledger.of(path), path.stat().st_size)
            remove_part(path)  # a kill can leave one
        except (BadInput, OSError) as error:
            self._fail(file.path, error)
        else:
            self._done.verified.append(file)
            self._done.proofs[file.path] = proof

    def _bytes_left(self, plan: DownloadPlan) -> int:
        found = sum(max(0, size - plan.partial.get(path, 0)) for path, size in self._sizes.items())
        return plan.bytes_left + found

    def _ask_size(self, file: RemoteFile, link: Link) -> None:
        if file.host in self._silent_hosts:
            return
        try:
            size = version_on_server(file).n_bytes
        except Broken as error:
            # The size is only for the total. The download reports what is still wrong then.
            if error.unreachable:
                self._silent_hosts.add(file.host)
            return
        except BadInput:  # some servers refuse HEAD
            return
        if size is not None:
            link.tell(_Sized(file, size))

    def _download(self, file: RemoteFile, link: Link) -> None:
        try:
            if file.host in self._silent_hosts:
                raise Unreachable(
                    file.name, expected=f"the file at {file.url}", found="no connection to the server"
                )
            refuse_outside(file, self._to)
            final = self._to / file.path
            done = download(file, final, link, self._verified)
            self._ledger.remember(final, done.sha256)
            if done.file.as_stated:
                self._statements.remember(done.file, done.sha256, done.proof)
        except (BadInput, OSError) as error:
            link.tell(_Failed(file, error))
            if isinstance(error, Unreachable):
                self._silent_hosts.add(file.host)
            if is_disk_full(error) or self._silent_hosts >= self._hosts:
                link.stop.set()  # every other file would fail in the same way
        else:
            link.tell(_Done(done.file, done.proof))

    def _hear(self, message: object) -> None:
        match message:
            case Came(n_bytes):
                self._done.bytes_fetched += n_bytes
                self._progress.advance(n_bytes)
            case Dropped(n_bytes):
                self._progress.advance(-n_bytes)
            case Said(line):
                self._progress.say(line)
            case _Sized(file, n_bytes):
                self._sizes[file.path] = n_bytes
            case _Failed(file, error):
                self._fail(file.path, error)
            case _Done(file, proof):
                self._done.fetched.append(file)
                self._done.proofs[file.path] = proof
                if file.path in self._wrong:
                    self._done.replaced.append(file)
                self._progress.file_done(file.path)
                if time.monotonic() - self._saved >= _BETWEEN_SAVES:
                    _save(self._ledger, self._statements, self._progress)
                    self._saved = time.monotonic()

    def _fail(self, path: str, error: Exception) -> None:
        self._failures[path] = error
        self._progress.say(f"could not download {failure_in_words(path, error)}")


def _nothing(file: RemoteFile, sha256: str, n_bytes: int) -> None: ...


def _save(ledger: Hashes, statements: Statements, progress: TransferProgress) -> None:
    try:
        ledger.save()
        statements.save()
    except OSError as error:  # mostly a full disk, which also fails files with an error of its own
        progress.say(
            f"the hashes of verified files could not be saved; they are read again next time ({error})"
        )
