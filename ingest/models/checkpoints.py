"""Downloading checkpoints of mmaction2's networks: several at a time, verified, none that is there already.

Importing this module loads no deep-learning library and no HTTP client.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from alignhouse.ingest.downloads.destination import fetching_into, ledger_of, refuse_too_little_disk
from alignhouse.ingest.downloads.outcome import Fetched, IncompleteFetch, in_words, is_disk_full, keep
from alignhouse.ingest.downloads.progress import Silent, TransferProgress
from alignhouse.ingest.downloads.s3 import Broken
from alignhouse.ingest.downloads.threads import Link, in_threads
from alignhouse.ingest.downloads.transfer import Came, Dropped, Said, Unreachable, hashing_until
from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.checkpoint_files import SOURCE, Checkpoint, OnceSeen, address_of, checkpoints_of
from alignhouse.ingest.models.checkpoint_http import size_at
from alignhouse.ingest.models.checkpoint_transfer import bring, bytes_in_part
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.hashes import Hashes


@dataclass
class FetchedCheckpoints(Fetched[Checkpoint]):
    """What a fetch did; passed_over : networks whose weights come through the hub of their source."""

    passed_over: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Looked:
    file: Checkpoint
    there: bool
    right: bool


@dataclass(frozen=True)
class _Sized:
    file: Checkpoint
    n_bytes: int


@dataclass(frozen=True)
class _Brought:
    file: Checkpoint


@dataclass(frozen=True)
class _Failed:
    file: Checkpoint
    error: Exception


def fetch_checkpoints(
    networks: Sequence[Network],
    folder: Path,
    *,
    progress: TransferProgress | None = None,
    workers: int = 4,
    url_of: Callable[[Network], str] = address_of,
) -> FetchedCheckpoints:
    """Bring the checkpoints of the networks of mmaction2 among `networks` to `folder`, under their own names.

    A file is in its place only once its sha256 starts as its name says and, if the folder has held it before
    (`checkpoints.json`), is what it was then. What came before is kept: verified files are not fetched again,
    halves are resumed, and what is there with other content is replaced. It may be stopped, or killed, at any
    moment: fetch again and it does the rest.

    Parameters
    ----------
    progress : hears what comes; a file whose size the server does not tell beforehand is not in its total.
    workers : files that come at a time.
    url_of : where a network's checkpoint is; by default where the catalog says.

    Raises
    ------
    BadInput : a network without a usable file name or address, another process that fetches into `folder`,
        too little room on its disk, a `checkpoints.json` that cannot be read.
    IncompleteFetch : a BadInput, at the end, where files failed: the others are there, verified.
    """
    files = checkpoints_of(networks, url_of)
    if workers < 1:
        raise BadInput("checkpoints to fetch at a time", expected="1 or more", found=workers)
    progress = progress or Silent()
    done = FetchedCheckpoints(passed_over=[network.name for network in networks if network.source != SOURCE])
    if not files:
        return done
    with fetching_into(folder):
        ledger, seen = ledger_of(folder), OnceSeen(folder)
        try:
            return _Fetch(files, folder, ledger, seen, progress, done).run(workers)
        finally:
            keep(ledger, progress)


class _Fetch:
    """One fetch, from looking what is there to the error at its end."""

    def __init__(
        self,
        files: list[Checkpoint],
        folder: Path,
        ledger: Hashes,
        seen: OnceSeen,
        progress: TransferProgress,
        done: FetchedCheckpoints,
    ) -> None:
        self._files, self._folder, self._ledger, self._seen = files, folder, ledger, seen
        self._progress, self._done = progress, done
        self._right: set[str] = set()
        self._wrong: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._silent_hosts: set[str] = set()
        self._failures: dict[str, Exception] = {}

    def run(self, workers: int) -> FetchedCheckpoints:
        in_threads(self._look, self._files, workers, self._hear)
        self._done.verified = [file for file in self._files if file.name in self._right]
        left = [file for file in self._files if file.name not in self._right | set(self._failures)]
        in_threads(self._ask_size, left, workers, self._hear)
        self._silent_hosts.clear()  # a fetch is tried harder than a size is asked for
        to_come = sum(
            max(0, self._sizes[file.name] - bytes_in_part(self._folder / file.name))
            for file in left
            if file.name in self._sizes
        )
        refuse_too_little_disk(
            to_come, self._folder, "make room, leave networks out, or keep the weights on another disk"
        )
        self._progress.begin(to_come, len(left))
        for file in left:
            if file.name in self._wrong:
                self._progress.say(
                    f"{file.name} is there, but is not the published file; it is fetched again"
                )
        in_threads(self._bring, left, workers, self._hear)
        if self._failures:
            raise IncompleteFetch(self._failures, self._done, len(self._files), "checkpoints")
        return self._done

    def _look(self, file: Checkpoint, link: Link) -> None:
        path = self._folder / file.name
        try:
            if not path.is_file():
                return link.tell(_Looked(file, there=False, right=False))
            sha256 = self._ledger.of(path, hashing_until(link.check))
            right = sha256.startswith(self._seen.expected(file))
            if right:
                self._seen.keep(file, sha256, path.stat().st_size)
        except OSError as error:
            return link.tell(_Failed(file, error))
        link.tell(_Looked(file, there=True, right=right))

    def _ask_size(self, file: Checkpoint, link: Link) -> None:
        host = urlsplit(file.url).netloc
        if host in self._silent_hosts:
            return
        try:
            size = size_at(file.url, str(file))
        except Broken as error:
            # Sizes are only for the sum; what is wrong is told by the fetch, if it is still wrong then.
            if error.unreachable:
                self._silent_hosts.add(host)
            return
        except BadInput:  # some servers answer no HEAD
            return
        if size is not None:
            link.tell(_Sized(file, size))

    def _bring(self, file: Checkpoint, link: Link) -> None:
        final, host = self._folder / file.name, urlsplit(file.url).netloc
        try:
            if host in self._silent_hosts:
                raise Unreachable(str(file), expected=f"the file at {file.url}", found="no way to the server")
            self._ledger.remember(final, bring(file, final, self._seen, link))
        except (BadInput, OSError) as error:
            if isinstance(error, Unreachable):
                self._silent_hosts.add(host)
            link.tell(_Failed(file, error))
            if is_disk_full(error):
                link.stop.set()  # all others would fail of the same
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
            case _Looked(file, there, right):
                if right:
                    self._right.add(file.name)
                elif there:
                    self._wrong.add(file.name)
            case _Sized(file, n_bytes):
                self._sizes[file.name] = n_bytes
            case _Failed(file, error):
                self._failures[file.name] = error
                self._progress.say(f"could not fetch {in_words(file.name, error)}")
            case _Brought(file):
                self._done.fetched.append(file)
                if file.name in self._wrong:
                    self._done.replaced.append(file)
                self._progress.file_done(file.name)
                keep(self._ledger, self._progress)
