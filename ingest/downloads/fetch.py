"""Fetching files: several at a time, each verified, none that is verified already."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alignhouse.ingest.datasets.bmd.manifest import RemoteFile
from alignhouse.ingest.downloads.destination import (
    Plan,
    fetching_into,
    ledger_of,
    look,
    refuse_repeated,
    refuse_too_little_disk,
)
from alignhouse.ingest.downloads.outcome import Fetched, IncompleteFetch, in_words, is_disk_full, keep
from alignhouse.ingest.downloads.progress import Silent, TransferProgress
from alignhouse.ingest.downloads.s3 import BUCKET, PREFIX, Source
from alignhouse.ingest.downloads.threads import Link, in_threads
from alignhouse.ingest.downloads.transfer import Came, Dropped, Said, Unreachable, bring
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.hashes import Hashes

FETCH_LESS = "make room, fetch fewer regions or subjects, or fetch to another disk"
_BETWEEN_SAVES = 1.0  # seconds; what a kill loses of the ledger is only read again, not fetched


@dataclass(frozen=True)
class _Brought:
    file: RemoteFile


@dataclass(frozen=True)
class _Failed:
    file: RemoteFile
    error: Exception


def fetch(
    files: Sequence[RemoteFile],
    to: Path,
    *,
    endpoint_url: str | None = None,
    bucket: str = BUCKET,
    prefix: str = PREFIX,
    workers: int = 8,
    progress: TransferProgress | None = None,
) -> Fetched[RemoteFile]:
    """Bring the files to the folder `to`, each below it under its own path.

    A file is in its place only once its sha256 is right. What came before is kept: verified files are not
    fetched again, halves are resumed, and what is there with other content is replaced. It may be stopped, or
    killed, at any moment: fetch again and it does the rest.

    Parameters
    ----------
    endpoint_url, bucket, prefix : where the data set is; by default OpenNeuro's public bucket at Amazon.
    workers : files that come at a time.

    Raises BadInput where another process fetches into `to`, the disk has too little room, or nothing can be
    begun; IncompleteFetch, a BadInput, at the end where files failed: the others are there, verified.
    """
    refuse_repeated(files)
    if workers < 1:
        raise BadInput("files to fetch at a time", expected="1 or more", found=workers)
    progress = progress or Silent()
    with fetching_into(to):
        ledger = ledger_of(to)
        try:
            plan = look(files, to, ledger, workers)
            refuse_too_little_disk(plan.bytes_left, to, FETCH_LESS)
            # Nothing of the server is needed, nor boto3, where all is here.
            source = Source(bucket, prefix, endpoint_url, connections=workers) if plan.left else None
            progress.begin(plan.bytes_left, len(plan.left))
            for file in plan.wrong:
                progress.say(f"{file.path} is there, but is not the data set's file; it is fetched again")
            if source is None:
                return Fetched(verified=plan.verified)
            return _Fetch(plan, to, source, ledger, progress).run(workers)
        finally:
            keep(ledger, progress)


class _Fetch:
    """The part of a fetch that talks to the server."""

    def __init__(
        self, plan: Plan, to: Path, source: Source, ledger: Hashes, progress: TransferProgress
    ) -> None:
        self._plan, self._to, self._source = plan, to, source
        self._ledger, self._progress = ledger, progress
        self._saved = time.monotonic()
        self._wrong = {file.path for file in plan.wrong}
        self._failures: dict[str, Exception] = {}
        self._done: Fetched[RemoteFile] = Fetched(verified=plan.verified)

    def run(self, workers: int) -> Fetched[RemoteFile]:
        in_threads(self._work, self._plan.left, workers, self._hear)
        if self._failures:
            raise IncompleteFetch(
                self._failures, self._done, asked=len(self._plan.verified) + len(self._plan.left)
            )
        return self._done

    def _work(self, file: RemoteFile, link: Link) -> None:
        final = self._to / file.path
        try:
            bring(file, final, self._source, link)
            self._ledger.remember(final, file.sha256)
        except (BadInput, OSError) as error:
            link.tell(_Failed(file, error))
            if _concerns_all(error):
                link.stop.set()
        else:
            link.tell(_Brought(file))

    def _hear(self, message: object) -> None:
        match message:
            case Came(n_bytes):
                self._done.bytes_fetched += n_bytes
                self._progress.advance(n_bytes)
            case Dropped(n_bytes):
                self._progress.advance(-n_bytes)
            case Said(line):
                self._progress.say(line)
            case _Failed(file, error):
                self._failures[file.path] = error
                self._progress.say(f"could not fetch {in_words(file.path, error)}")
            case _Brought(file):
                self._done.fetched.append(file)
                if file.path in self._wrong:
                    self._done.replaced.append(file)
                self._progress.file_done(file.path)
                self._save_now_and_then()

    def _save_now_and_then(self) -> None:
        if time.monotonic() - self._saved >= _BETWEEN_SAVES:
            keep(self._ledger, self._progress)
            self._saved = time.monotonic()


def _concerns_all(error: Exception) -> bool:
    """Whether every other file would fail of the same."""
    return isinstance(error, Unreachable) or is_disk_full(error)
