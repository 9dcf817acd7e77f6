"""Compares artifacts with their registered hashes before they are used, once per file and process."""

from __future__ import annotations

import threading
from pathlib import Path

from alignhouse.warehouse.errors import DamagedArtifact
from alignhouse.warehouse.files import sha256_of
from alignhouse.warehouse.hashes import state_of
from alignhouse.warehouse.late_files import appears

_lock = threading.Lock()
# File -> its size, inode and times when it was hashed, and its sha256.
_seen: dict[Path, tuple[list[int | str], str]] = {}


def verify(root: Path, path: str, sha256: str) -> Path:
    """The file `path` of the warehouse `root`, if its content is what was registered.

    Raises
    ------
    DamagedArtifact : it is missing, or its content has changed.
    """
    file = root / path
    if not appears(file):
        raise DamagedArtifact(path, "no such file")
    if content_hash(file) != sha256:
        raise DamagedArtifact(path, "another content than the registered one")
    return file


def content_hash(file: Path) -> str:
    """The sha256 of a file, computed again only if its size, inode or times have changed."""
    file = file.absolute()
    state = state_of(file)
    with _lock:
        known = _seen.get(file)
    return known[1] if known is not None and known[0] == state else hash_again(file)


def hash_again(file: Path) -> str:
    """The sha256 of a file, read again whatever is remembered, and remembered for `content_hash`."""
    file = file.absolute()
    state = state_of(file)
    digest = sha256_of(file)
    with _lock:
        _seen[file] = state, digest
    return digest
