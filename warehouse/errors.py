"""Errors that a person can act on: one line with what failed, was expected, was found, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AlignhouseError(Exception):
    """Base of every error that alignhouse raises on purpose.

    Parameters
    ----------
    failed : what failed, and where ("betas of sub-03, lV1v").
    expected, found : what was wanted and what was met instead.
    hint : what to do about it.
    """

    exit_code = 1

    def __init__(
        self,
        failed: str,
        *,
        expected: object = None,
        found: object = None,
        hint: str | None = None,
    ) -> None:
        self.failed, self.expected, self.found, self.hint = failed, expected, found, hint
        super().__init__(failed)

    def __str__(self) -> str:
        line = self.failed
        details = [
            f"{name} {value}"
            for name, value in (("expected", self.expected), ("found", self.found))
            if value is not None
        ]
        if details:
            line += ": " + ", ".join(details)
        if self.hint:
            line += f" ({self.hint})"
        return " ".join(line.split())


class BadInput(AlignhouseError):
    """The input is wrong; the warehouse was left as it was. Exit code 2."""

    exit_code = 2


class WarehouseLocked(BadInput):
    """Another process is writing to the warehouse."""


class BrokenWarehouse(AlignhouseError):
    """What the warehouse holds contradicts what it says it holds."""


class PartlyFailed(AlignhouseError):
    """Some of what was asked for failed, each for its own reason; the rest is done and safe."""


class Stopped(AlignhouseError):
    """The person stopped the work; what was done is safe. Exit code 130, as shells have it."""

    exit_code = 130


def error_in_words(error: Exception) -> str:
    """An error in one line; of those that nobody expected, the kind too."""
    if isinstance(error, AlignhouseError):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def near_names(name: str, known: Iterable[str], most: int = 4) -> str:
    """A hint that lists the known names nearest to `name`, or a few known ones when none is near."""
    known = list(known)
    folded = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), folded, n=most, cutoff=0.5)
    if near:
        return "did you mean " + ", ".join(folded[each] for each in near) + "?"
    return "known: " + ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
