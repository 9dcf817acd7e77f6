"""Downloading checkpoints of mmaction2's networks: several at a time, verified, none that is there already.

Importing this module loads no deep-learning library and no HTTP client.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ingest.downloads.destination import fetching_into, ledger_of
from ingest.downloads.progress import Silent, TransferProgress
from ingest.downloads.s3 import Broken
from ingest.downloads.threads import Link, in_threads
from ingest.downloads.transfer import Came, Dropped, Said, Unreachable, hashing_until
from ingest.models.catalog import Network
from ingest.models.checkpoint_files import SOURCE, Checkpoint, OnceSeen, address_of, checkpoints_of
from ingest.models.checkpoint_http import size_at
from ingest.models.checkpoint_transfer import bring, bytes_in_part
from warehouse.errors import AlignhouseError, BadInput
from warehouse.hashes import Hashes
from warehouse.sizes import in_words

_DISK_IS_FULL = {errno.ENOSPC, errno.EDQUOT}
_NAMED = 3  # failures in the error's one line


@dataclass
class FetchedCheckpoints:
    """What a fetch did.

    verified : files that were there and right. fetched : files that came, in the order in which they did.
    replaced : those of `fetched` that were there with other content. bytes_fetched : came from the servers.
    passed_over : names of networks whose weights come through the hub of their source.
    """

    verified: list[Checkpoint] = field(default_factory=list)
    fetched: list[Checkpoint] = field(default_factory=list)
    bytes_fetched: int = 0
    replaced: list[Checkpoint] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)


class IncompleteCheckpoints(BadInput):
    """Some checkpoints could not be fetched. failures : file name -> error. done : what is verified, safe."""

    def __init__(self, failures: dict[str, Exception], done: FetchedCheckpoints, asked: int) -> None:
        self.failures, self.done = failures, done
        safe = len(done.verified) + len(done.fetched)
        named = "; ".join(_in_words(name, error) for name, error in list(failures.items())[:_NAMED])
        more = f"; and {len(failures) - _NAMED:,} more" if len(failures) > _NAMED else ""
        begun = safe + len(failures)
        unbegun = f"; {asked - begun:,} were not finished" if begun < asked else ""
        super().__init__(
            f"{len(failures):,} of {asked:,} checkpoints could not be fetched",
            found=named + more + unbegun,
            hint=f"{safe:,} files are verified and safe; fetch again for the rest",
        )


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
    IncompleteCheckpoints : a BadInput, at the end, where files failed: the others are there, verified.
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
            _save(ledger, progress)


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
        _refuse_too_little_disk(to_come, self._folder)
        self._progress.begin(to_come, len(left))
        for file in left:
            if file.name in self._wrong:
                self._progress.say(
                    f"{file.name} is there, but is not the published file; it is fetched again"
                )
        in_threads(self._bring, left, workers, self._hear)
        if self._failures:
            raise IncompleteCheckpoints(self._failures, self._done, asked=len(self._files))
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
            if isinstance(error, OSError) and error.errno in _DISK_IS_FULL:
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
                self._progress.say(f"could not fetch {_in_words(file.name, error)}")
            case _Brought(file):
                self._done.fetched.append(file)
                if file.name in self._wrong:
                    self._done.replaced.append(file)
                self._progress.file_done(file.name)
                _save(self._ledger, self._progress)


def _refuse_too_little_disk(n_bytes: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise BadInput(
            f"too little room on the disk of {folder}",
            expected=f"{in_words(n_bytes)} free",
            found=in_words(free),
            hint="make room, leave networks out, or keep the weights on another disk",
        )


def _save(ledger: Hashes, progress: TransferProgress) -> None:
    try:
        ledger.save()
    except OSError as error:  # a full disk, mostly, which is also what the files that did not fit will say
        progress.say(f"what was verified could not be noted, and will be read again next time ({error})")


def _in_words(name: str, error: Exception) -> str:
    return str(error) if isinstance(error, AlignhouseError) else f"{name}: {error}"
