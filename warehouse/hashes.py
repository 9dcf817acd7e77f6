"""A cache of content hashes, so that tens of gigabytes of source files are not read again in every run."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

from alignhouse.warehouse.files import sha256_of, write_text

_STATE = ("size", "inode", "modified", "changed")


class Hashes:
    """A cache of sha256 hashes, stored in a file of `folder`; thread-safe, and safe to delete.

    A cached hash is valid while the file's size, inode, modification time and change time stay the same. A
    program cannot set the change time back, so a replaced file is always noticed.

    Parameters
    ----------
    folder : files inside it are stored by relative path, so that it can be renamed; others by full path.
    file : path of the cache inside the folder.
    """

    def __init__(self, folder: Path, file: str = "working/hashes.json") -> None:
        self.path = folder / file
        self._folder = folder.resolve()
        self._lock = threading.Lock()
        self._changed = False
        self._known: dict[str, list[int | str]] = _read(self.path) if self.path.exists() else {}

    def of(self, path: Path, hashing: Callable[[Path], str] = sha256_of) -> str:
        """The sha256 of the file's content, from the cache or else computed with `hashing`."""
        state, name = state_of(path), self._name(path)
        with self._lock:
            known = self._known.get(name)
        if known and known[:-1] == state:
            return str(known[-1])
        digest = hashing(path)
        self._keep(name, state, digest)
        return digest

    def knows(self, path: Path) -> bool:
        """Whether `of` can return the hash without reading the file."""
        with self._lock:
            known = self._known.get(self._name(path))
        return bool(known and known[:-1] == state_of(path))

    def remember(self, path: Path, digest: str) -> None:
        """Add the sha256 of a file that the caller has just written and hashed."""
        self._keep(self._name(path), state_of(path), digest)

    def save(self) -> None:
        """Save new hashes for the next run."""
        with self._lock:
            if self._changed:
                write_text(self.path, json.dumps(self._known))
                self._changed = False

    def _keep(self, name: str, state: list[int | str], digest: str) -> None:
        with self._lock:
            self._known[name] = [*state, digest]
            self._changed = True

    def _name(self, path: Path) -> str:
        path = path.resolve()
        return str(path.relative_to(self._folder) if path.is_relative_to(self._folder) else path)


def state_of(path: Path) -> list[int | str]:
    """Size, inode, modification time and change time of a file: equal if nothing has written to it."""
    stat = path.stat()
    return [stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns]


def _read(path: Path) -> dict[str, list[int | str]]:
    # This is only a cache: entries that cannot be read are computed again from the files.
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    if not isinstance(known, dict):
        return {}
    return {
        name: kept for name, kept in known.items() if isinstance(kept, list) and len(kept) == len(_STATE) + 1
    }
