"""What servers state about files without a published checksum, and a record of what was compared with it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import get_args

from alignhouse.ingest.downloads.http import Broken, Unreachable, Version, version_on_server
from alignhouse.ingest.downloads.remote_file import Proof, RemoteFile
from alignhouse.ingest.downloads.threads import Link, each_in_threads
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import write_text

STATEMENTS = ".alignhouse-statements.json"
_TRIES = 3
_PAUSE = 1.0  # seconds after a failure


@dataclass(frozen=True)
class _Stated:
    """What a file was compared with, and its sha256."""

    etag: str | None
    bytes: int | None
    sha256: str
    proof: Proof


class Statements:
    """Which files of a folder were compared with which statement; thread-safe.

    It is stored in the folder. Without it, files are compared again; if nothing is stated, downloaded again.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / STATEMENTS
        self._lock = threading.Lock()
        self._changed = False
        self._known = _read(self._path)

    def proof(self, file: RemoteFile, sha256: str) -> Proof | None:
        """What proved the content before; None if the server states something else now."""
        with self._lock:
            known = self._known.get(file.path)
        if not file.as_stated or known is None or known.sha256 != sha256:
            return None
        # A server that refuses the question contradicts nothing.
        is_silent = file.etag is None and file.bytes is None
        return known.proof if is_silent or file.etag == known.etag else None

    def remember(self, file: RemoteFile, sha256: str, proof: Proof) -> None:
        """Record a file that was compared."""
        with self._lock:
            self._known[file.path] = _Stated(file.etag, file.bytes, sha256, proof)
            self._changed = True

    def save(self) -> None:
        """Save new records for the next run."""
        with self._lock:
            if self._changed:
                known = {path: asdict(each) for path, each in self._known.items()}
                write_text(self._path, json.dumps(known, indent=1))
                self._changed = False


@dataclass(frozen=True)
class _Told:
    file: RemoteFile
    version: Version


@dataclass(frozen=True)
class _Silent:
    file: RemoteFile
    error: BadInput


def ask_statements(
    files: Sequence[RemoteFile], workers: int, fail: Callable[[str, Exception], None]
) -> list[RemoteFile]:
    """The files, with size and ETag of those without a published checksum, as their servers state them.

    A server that refuses the question states nothing.

    Parameters
    ----------
    fail : called with the path of a file whose server cannot be reached, and the error; it is left out.
    """
    told: dict[str, RemoteFile | None] = {}

    def hear(message: object) -> None:
        if isinstance(message, _Silent):
            told[message.file.path] = None
            fail(message.file.path, message.error)
        else:
            assert isinstance(message, _Told)
            version, file = message.version, message.file
            size = file.bytes if version.n_bytes is None else version.n_bytes
            told[file.path] = replace(file, bytes=size, etag=version.etag)

    each_in_threads(_ask, [file for file in files if file.as_stated], workers, hear)
    found = [told.get(file.path) if file.as_stated else file for file in files]
    return [file for file in found if file is not None]


def _ask(file: RemoteFile, link: Link) -> None:
    for attempt in range(1, _TRIES + 1):
        try:
            link.tell(_Told(file, version_on_server(file)))
            return
        except Broken as error:
            if attempt == _TRIES:
                expected = f"size and ETag of the file at {file.url}"
                link.tell(_Silent(file, Unreachable(file.name, expected=expected, found=error)))
                return
            link.pause(max(error.wait, _PAUSE))
        except BadInput:  # some servers refuse HEAD; if the file is missing, the download says so
            link.tell(_Told(file, Version()))
            return


def _read(path: Path) -> dict[str, _Stated]:
    # Damaged entries only cost a comparison.
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        found = {name: _Stated(**each) for name, each in known.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: each for name, each in found.items() if each.proof in get_args(Proof)}
