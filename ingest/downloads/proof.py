"""Compares a downloaded file with its published checksum, or with the ETag that the server states.

On S3 and compatible servers, an ETag is the MD5 of a file. For a file that was uploaded in parts, it is the
MD5 of the parts' MD5s with the number of parts, `hash-N` (Amazon S3 User Guide, "Checking object integrity").
The size of parts is not stated. It follows from the size of the file and N, because programs use whole MiB.
Other ETags say nothing about the content.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from alignhouse.ingest.downloads.http import CHUNK
from alignhouse.ingest.downloads.remote_file import Proof, RemoteFile

MIB = 2**20
_ETAG = re.compile(r'"(?P<md5>[0-9a-f]{32})(-(?P<parts>[1-9]\d{0,4}))?"', re.ASCII)
# Sizes of parts in MiB that common programs use; all are tried if they are few.
_USUAL = (5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 200, 250, 256, 500, 512, 1024)
_FEW = 8


def proof_of(file: RemoteFile, path: Path, sha256: str, stop: Callable[[], None]) -> Proof | None:
    """What proves the content of a file; None if it is another one.

    Parameters
    ----------
    path, sha256 : of the content. stop : called now and then while the file is read; may raise.
    """
    if file.md5:
        return "md5" if md5_of(path, stop) == file.md5 else None
    if not file.as_stated:
        return "sha256" if sha256.startswith(file.sha256) else None
    stated = _ETAG.fullmatch(file.etag or "")
    if stated is None:
        return "size"
    if stated["parts"] is None:
        return "statement" if md5_of(path, stop) == stated["md5"] else None
    sizes = part_sizes(path.stat().st_size, int(stated["parts"]))
    if any(md5_of_parts(path, size, stop) == stated["md5"] for size in sizes):
        return "statement"
    return None if sizes else "size"


def is_of_parts(file: RemoteFile) -> bool:
    """Whether the stated ETag was made of the parts of a file, whose size is not stated."""
    stated = _ETAG.fullmatch(file.etag or "")
    return stated is not None and stated["parts"] is not None


def part_sizes(n_bytes: int, n_parts: int) -> list[int]:
    """The sizes in bytes that the parts of a file may have, whole MiB; [] if there are none.

    All parts but the last have one size, and the last one is not longer.
    """
    if n_parts == 1:
        return [max(1, n_bytes)]
    low, high = -(-n_bytes // n_parts), (n_bytes - 1) // (n_parts - 1)
    sizes = range(-(-low // MIB), high // MIB + 1)
    some = sizes if len(sizes) <= _FEW else [each for each in _USUAL if each in sizes]
    return [each * MIB for each in some if each]


def md5_of(path: Path, stop: Callable[[], None]) -> str:
    """The MD5 of a file, in hexadecimal."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as content:
        while chunk := content.read(CHUNK):
            stop()
            digest.update(chunk)
    return digest.hexdigest()


def md5_of_parts(path: Path, size: int, stop: Callable[[], None]) -> str:
    """The MD5 of the MD5s of a file's parts of `size` bytes, in hexadecimal."""
    total = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as content:
        while True:
            digest, left = hashlib.md5(usedforsecurity=False), size
            while left and (chunk := content.read(min(left, CHUNK))):
                stop()
                digest.update(chunk)
                left -= len(chunk)
            if left == size:
                return total.hexdigest()
            total.update(digest.digest())
