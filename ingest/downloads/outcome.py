"""The result of a download, and the error that lists what failed."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field

from alignhouse.ingest.downloads.remote_file import Proof, RemoteFile
from alignhouse.warehouse.errors import AlignhouseError, BadInput

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_NAMED = 3  # failures in the error's one line


@dataclass
class Fetched:
    """The result of `fetch`.

    verified : files that were complete before. fetched : files downloaded now, in order of completion.
    replaced : those of `fetched` that replaced a file with other content. bytes_fetched : bytes received.
    proofs : path -> what proved the content, of `verified` and `fetched`.
    """

    verified: list[RemoteFile] = field(default_factory=list)
    fetched: list[RemoteFile] = field(default_factory=list)
    bytes_fetched: int = 0
    replaced: list[RemoteFile] = field(default_factory=list)
    proofs: dict[str, Proof] = field(default_factory=dict)


class IncompleteFetch(BadInput):
    """Some files could not be downloaded. failures : path -> error. done : the files that are complete."""

    def __init__(self, failures: Mapping[str, Exception], done: Fetched, asked: int) -> None:
        self.failures, self.done = failures, done
        complete = len(done.verified) + len(done.fetched)
        named = "; ".join(failure_in_words(path, error) for path, error in list(failures.items())[:_NAMED])
        more = f"; and {len(failures) - _NAMED:,} more" if len(failures) > _NAMED else ""
        ended = complete + len(failures)
        unfinished = f"; {asked - ended:,} were not finished" if ended < asked else ""
        super().__init__(
            f"{len(failures):,} of {asked:,} files could not be downloaded",
            found=named + more + unfinished,
            hint=f"{complete:,} files are verified and safe; run the command again for the rest",
        )


def failure_in_words(path: str, error: Exception) -> str:
    """An error as a line of text that names the file."""
    return str(error) if isinstance(error, AlignhouseError) else f"{path}: {error}"


def is_disk_full(error: Exception) -> bool:
    """Whether the disk, or the user's quota on it, is full."""
    return isinstance(error, OSError) and error.errno in _DISK_FULL
