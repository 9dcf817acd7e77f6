"""Content hashes of source files, remembered so that tens of gigabytes are not read again at every run."""

from __future__ import annotations

import json
from pathlib import Path

from warehouse.files import sha256_of, write_text


class Hashes:
    """sha256 of files, kept in `<warehouse>/working/hashes.json`; safe to delete.

    A remembered hash counts only while the file's size, inode, modification and change times are what they
    were; the change time cannot be set back, so a file replaced under the same name is always noticed.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "working" / "hashes.json"
        self._known: dict[str, list[int | str]] = {}
        self._changed = False
        if self.path.exists():
            try:
                self._known = json.loads(self.path.read_text(encoding="utf-8"))
            except ValueError:  # only a memory aid: without it every file is read again
                self._known = {}

    def of(self, path: Path) -> str:
        """The sha256 of the file's content."""
        stat = path.stat()
        state = [stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns]
        name = str(path.resolve())
        known = self._known.get(name)
        if known and known[:-1] == state:
            return str(known[-1])
        digest = sha256_of(path)
        self._known[name] = [*state, digest]
        self._changed = True
        return digest

    def save(self) -> None:
        """Keep what was learnt for the next run."""
        if self._changed:
            write_text(self.path, json.dumps(self._known))
            self._changed = False
