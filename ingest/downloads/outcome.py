"""What came of a fetch, and what to say where a part of it failed."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from alignhouse.ingest.downloads.progress import TransferProgress
from alignhouse.warehouse.errors import AlignhouseError, BadInput
from alignhouse.warehouse.hashes import Hashes

Item = TypeVar("Item")
_DISK_IS_FULL = {errno.ENOSPC, errno.EDQUOT}
_NAMED = 3  # failures in the error's one line


@dataclass
class Fetched(Generic[Item]):
    """What a fetch did.

    verified : files that were there and right. fetched : files that came, in the order in which they did.
    replaced : those of `fetched` that were there with other content. bytes_fetched : came from the server.
    """

    verified: list[Item] = field(default_factory=list)
    fetched: list[Item] = field(default_factory=list)
    bytes_fetched: int = 0
    replaced: list[Item] = field(default_factory=list)


class IncompleteFetch(BadInput, Generic[Item]):
    """Some files could not be fetched. failures : name -> error. done : what is verified and safe."""

    def __init__(
        self, failures: Mapping[str, Exception], done: Fetched[Item], asked: int, what: str = "files"
    ) -> None:
        self.failures, self.done = failures, done
        safe = len(done.verified) + len(done.fetched)
        named = "; ".join(in_words(name, error) for name, error in list(failures.items())[:_NAMED])
        more = f"; and {len(failures) - _NAMED:,} more" if len(failures) > _NAMED else ""
        begun = safe + len(failures)
        unbegun = f"; {asked - begun:,} were not finished" if begun < asked else ""
        super().__init__(
            f"{len(failures):,} of {asked:,} {what} could not be fetched",
            found=named + more + unbegun,
            hint=f"{safe:,} files are verified and safe; fetch again for the rest",
        )


def in_words(name: str, error: Exception) -> str:
    """A failure in words that name the file."""
    return str(error) if isinstance(error, AlignhouseError) else f"{name}: {error}"


def is_disk_full(error: Exception) -> bool:
    """Whether every other file would fail of the same."""
    return isinstance(error, OSError) and error.errno in _DISK_IS_FULL


def keep(ledger: Hashes, progress: TransferProgress) -> None:
    """Save what was verified, or say that it could not be."""
    try:
        ledger.save()
    except OSError as error:  # a full disk, mostly, which is also what the files that did not fit will say
        progress.say(f"what was verified could not be noted, and will be read again next time ({error})")
