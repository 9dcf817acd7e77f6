"""What fetching reports to, so that a person can see what has come and what is left."""

from __future__ import annotations

from typing import Protocol


class TransferProgress(Protocol):
    """Shows a fetch; the command line has one with bars. Only the thread that called `fetch` calls it."""

    def begin(self, total_bytes: int, files: int) -> None:
        """So much is left to fetch; what is verified, or lies here in part, is not counted."""

    def advance(self, bytes: int) -> None:
        """So many bytes came, or (negative) were found wrong and thrown away; they add up to the total."""

    def file_done(self, path: str) -> None:
        """A file is verified and in its place."""

    def say(self, line: str) -> None:
        """A line for the person who watches."""


class Silent:
    """Reports nothing."""

    def begin(self, total_bytes: int, files: int) -> None: ...
    def advance(self, bytes: int) -> None: ...
    def file_done(self, path: str) -> None: ...
    def say(self, line: str) -> None: ...
