"""Errors that a user can act on: one line says what failed, was expected and found, and how to fix it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from alignhouse.warehouse.exports import printable


class AlignhouseError(Exception):
    """Base of every error that alignhouse raises on purpose.

    Parameters
    ----------
    failed : what failed, and where ("betas of sub-03, lV1v").
    expected, found : the value that was required, and the actual value.
    hint : how to fix it.
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
        return printable(" ".join(line.split()))


class BadInput(AlignhouseError):
    """The input is wrong; the warehouse was left as it was. Exit code 2."""

    exit_code = 2


class BadQuery(BadInput):
    """SQL that cannot be answered. where : the line at fault, and below it a caret; "" if it is not known."""

    def __init__(
        self, failed: str, *, found: object = None, hint: str | None = None, where: str = ""
    ) -> None:
        super().__init__(failed, found=found, hint=hint)
        self.where = where

    def __str__(self) -> str:
        lines = [super().__str__(), *map(printable, self.where.splitlines())]
        return "\n".join(lines)


class WarehouseLocked(BadInput):
    """Another process is writing to the warehouse."""


class BrokenWarehouse(AlignhouseError):
    """The files of the warehouse contradict its own records."""


class DamagedArtifact(BrokenWarehouse):
    """A file of the warehouse is not what was registered. path : relative to the warehouse."""

    def __init__(self, path: str, found: str, hint: str | None = None) -> None:
        self.path = path
        super().__init__(
            f"artifact {path}",
            expected="the file that was registered",
            found=found,
            hint=hint or "run the study again to make it again; `alignhouse check` finds all damage",
        )

    def __reduce__(self) -> tuple[type[DamagedArtifact], tuple[str, str, str | None]]:
        return type(self), (self.path, str(self.found), self.hint)


class PartlyFailed(AlignhouseError):
    """Some jobs failed, each for its own reason; all other results are finished and stored."""


class Stopped(AlignhouseError):
    """The user stopped the command; finished work is stored. Exit code 130, by the convention of shells."""

    exit_code = 130


def error_in_words(error: Exception) -> str:
    """An error in one line; an unexpected error is shown with its type."""
    if isinstance(error, AlignhouseError):
        return str(error)
    from alignhouse.warehouse.faults import fault_of_machine  # which imports this module

    if (fault := fault_of_machine(error)) is not None:
        return str(fault)
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def some_names(names: Iterable[str], most: int) -> str:
    """Names in a sentence: "a, b and 3 more" if there are more than `most`."""
    known = list(names)
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more


def near_names(name: str, known: Iterable[str], most: int = 4) -> str:
    """A hint that lists the known names most similar to `name`, or a few known names if none is similar."""
    known = list(known)
    folded = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), folded, n=most, cutoff=0.5)
    if near:
        return "did you mean " + ", ".join(folded[each] for each in near) + "?"
    return "known: " + ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
