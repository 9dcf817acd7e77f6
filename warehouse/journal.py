"""The journal: what was registered in which order, with hashes, and the runs that did it.

It lies beside the Parquet files as `journal.jsonl`, one JSON object a line. The writer appends and syncs an
entry before it commits the transaction of the same number. So the journal never lacks a commit, and
`alignhouse rebuild` can repeat all commits in a new DuckDB file. Entries whose transaction was not committed,
because the process died in between, are declared void by the next writer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alignhouse.warehouse.errors import BrokenWarehouse
from alignhouse.warehouse.faults import faults_at
from alignhouse.warehouse.files import replacing, sync

JOURNAL = "journal.jsonl"
# Its number "n", and what was committed: "began" or "ended" (a run), "registered" or
# "removed" (artifacts), or "void".
Entry = Mapping[str, Any]


class Journal:
    """The journal of a warehouse, open for the one writer that holds its lock.

    An incomplete last line, which a killed process may leave, is cut off.

    Attributes
    ----------
    last : number of the last entry, 0 if there is none.
    standing : number of the last entry that is not void. has_commits : whether it has two or more of these.
        A single one may be the begin of the first run, whose process died before the commit.

    Raises
    ------
    BrokenWarehouse : a line is damaged; names it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL
        self.last = self.standing = 0
        self.has_commits = False
        if self.path.exists():
            entries, complete = _parsed(self.path)
            if complete < self.path.stat().st_size:
                os.truncate(self.path, complete)
            self.last = max((entry["n"] for entry in entries), default=0)
            standing = [entry["n"] for entry in _standing(entries)]
            self.standing = max(standing, default=0)
            self.has_commits = len(standing) > 1

    def append(self, entry: Entry) -> int:
        """Append an entry and flush it to disk; returns its number."""
        is_new = not self.path.exists()
        line = json.dumps({"n": self.last + 1, **entry}, separators=(",", ":"), ensure_ascii=False) + "\n"
        with faults_at(self.path), self.path.open("ab") as file:
            start = file.tell()
            try:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                # A full disk: take back what was written of the line.
                os.truncate(self.path, start)
                raise
        if is_new:
            sync(self.path.parent)
        self.last += 1
        return self.last

    def void(self, numbers: Iterable[int]) -> None:
        """Declare that the transactions of these entries were not committed."""
        self.append({"void": list(numbers)})


def write_journal(folder: Path, entries: Iterable[Entry]) -> None:
    """Replace the journal of a warehouse by these entries, numbered from 1."""
    with replacing(folder / JOURNAL) as temporary, temporary.open("w", encoding="utf-8") as file:
        for number, entry in enumerate(entries, 1):
            file.write(json.dumps({"n": number, **entry}, ensure_ascii=False) + "\n")


def entries_of(folder: Path, *, with_void: bool = False) -> list[Entry]:
    """The entries of a warehouse's journal that are not void, or all; [] if it has no journal.

    Raises
    ------
    BrokenWarehouse : a line is damaged; names it.
    """
    path = folder / JOURNAL
    if not path.exists():
        return []
    entries = _parsed(path)[0]
    return entries if with_void else _standing(entries)


def _standing(entries: Sequence[Entry]) -> list[Entry]:
    void = {number for entry in entries for number in entry.get("void", ())}
    return [entry for entry in entries if entry["n"] not in void and "void" not in entry]


def _parsed(path: Path) -> tuple[list[Entry], int]:
    """The entries of the complete lines, and the number of bytes of these lines."""
    entries: list[Entry] = []
    complete = 0
    for number, line in enumerate(_complete_lines(path), 1):
        complete += len(line)
        try:
            entry = json.loads(line)
            entries.append({**entry, "n": int(entry["n"])})
        except (ValueError, KeyError, TypeError, RecursionError):
            raise BrokenWarehouse(
                f"journal {path}, line {number}",
                expected="an entry as alignhouse writes it",
                found=f"{line[:60]!r}",
                hint="restore the file from a copy, or delete it: the next command that writes makes it from "
                "the DuckDB file",
            ) from None
    return entries, complete


def _complete_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line
