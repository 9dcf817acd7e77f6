"""How a download reports its progress."""

from __future__ import annotations

from typing import Protocol


class TransferProgress(Protocol):
    """Shows the progress of a download. Only the thread that called `fetch` calls it."""

    def begin(self, total_bytes: int, files: int) -> None:
        """Size and number of the files to download; bytes that are on the disk already are not counted."""

    def advance(self, bytes: int) -> None:
        """Number of bytes received, or (negative) discarded. The sum is `total_bytes` at the end."""

    def file_done(self, path: str) -> None:
        """A file is verified and has its final name."""

    def say(self, line: str) -> None:
        """Show a line of text."""


class SilentDownload:
    """Shows nothing."""

    def begin(self, total_bytes: int, files: int) -> None: ...
    def advance(self, bytes: int) -> None: ...
    def file_done(self, path: str) -> None: ...
    def say(self, line: str) -> None: ...
