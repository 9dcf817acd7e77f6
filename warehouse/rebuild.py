"""Rebuilds the DuckDB file from the journal and the Parquet files, and sets damaged files aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from alignhouse.warehouse import artifacts
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse
from alignhouse.warehouse.files import check_folder_name, inside, set_aside
from alignhouse.warehouse.history import entries_from, last_entry, now, repeat
from alignhouse.warehouse.journal import Entry, entries_of, write_journal
from alignhouse.warehouse.lock import writing
from alignhouse.warehouse.progress import Progress, Silent
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.reading import open_snapshot
from alignhouse.warehouse.schema import migrate
from alignhouse.warehouse.store import WORKING, Writer, finish_rebuild, making_rebuilt
from alignhouse.warehouse.summaries import bring_up_to_date
from alignhouse.warehouse.verified import content_hash

MOST_NAMED = 20


@dataclass(frozen=True)
class Rebuilt:
    """artifacts : number of registered artifacts. set_aside : damaged or missing ones that were left out.

    by_file_time : whether there was no journal, so that the order of registration is a guess by file times.
    """

    artifacts: int
    set_aside: list[str]
    by_file_time: bool


def rebuild(
    folder: Path, command: str, progress: Progress | None = None, *, skip_damaged: bool = False
) -> Rebuilt:
    """Make the DuckDB file again, equal to the lost one in every table; all or nothing.

    The new file is made beside the old one, and replaces it at the end. Until then, readers use the old one,
    also if the process is killed.

    Parameters
    ----------
    skip_damaged : rename damaged artifacts to `*.parquet.damaged` and leave out what is missing, so that the
        next run of the study makes them again. Otherwise, damage is an error.

    Raises
    ------
    BadInput : the folder has no artifacts. BrokenWarehouse : artifacts are damaged or missing; names them.
    """
    check_folder_name(folder)
    if not any(artifacts.files(folder)):
        raise BadInput(f"nothing to rebuild in {folder}", expected="a warehouse with artifacts")
    with writing(folder, command):
        finish_rebuild(folder)
        old = _Old(folder)
        entries = _entries(folder, old)
        by_file_time = not entries
        if by_file_time:
            entries = _by_file_time(folder, command)
        loaded, faults = _verified(folder, entries, old, progress or Silent())
        if faults and not skip_damaged:
            raise not_as_registered(
                f"warehouse {folder} was not changed",
                faults,
                "restore them from a copy, or run `alignhouse rebuild --skip-damaged` and then the study",
            )
        for path in faults:
            set_aside(folder, path)
        if by_file_time or old.journal_is_from_it:
            write_journal(folder, entries)
        _make(folder, entries, loaded)
        finish_rebuild(folder)
    with Writer(folder, command) as writer:
        [(count,)] = writer.connection.execute("select count(*) from artifact").fetchall()
    return Rebuilt(int(count), [f"{path}: {fault}" for path, fault in faults.items()], by_file_time)


def not_as_registered(failed: str, faults: Mapping[str, str], hint: str) -> BrokenWarehouse:
    """The error that names damaged artifacts. faults : path of an artifact -> what is wrong with it."""
    return BrokenWarehouse(
        f"{failed}: {len(faults)} artifacts are not what was registered",
        found="; ".join(some_of([f"{path} ({fault})" for path, fault in faults.items()])),
        hint=hint,
    )


def some_of(lines: Sequence[str]) -> list[str]:
    """The first lines, and how many there are more."""
    more = len(lines) - MOST_NAMED
    return [*lines[:MOST_NAMED], *([f"and {more} more"] if more > 0 else [])]


class _Old:
    """What the existing DuckDB file knows, if it can be opened.

    hashes : path -> sha256 of each registered artifact. committed : number of its last journal entry.
    entries : its history; [] if it cannot be opened. journal_is_from_it : set when there was no journal.
    """

    def __init__(self, folder: Path) -> None:
        self.hashes: dict[str, str] = {}
        self.committed: int | None = None
        self.entries: list[Entry] = []
        self.journal_is_from_it = False
        for file in (folder / WORKING, folder / SNAPSHOT):
            if file.exists() and self._reads(file):
                return

    def _reads(self, file: Path) -> bool:
        # A broken file may fail anywhere; it is only a second opinion beside journal and artifacts.
        try:
            with open_snapshot(file) as connection:
                self.hashes = dict(connection.execute("select path, sha256 from artifact").fetchall())
                self.committed = last_entry(connection)
                self.entries = [{"n": n, **each} for n, each in enumerate(entries_from(connection), 1)]
        except (duckdb.Error, BrokenWarehouse):
            self.hashes, self.committed, self.entries = {}, None, []
            return False
        return True


def _entries(folder: Path, old: _Old) -> list[Entry]:
    """The committed entries of the journal; without a journal, the history of the old file."""
    entries = entries_of(folder)
    if not entries:
        old.journal_is_from_it = bool(old.entries)
        return old.entries
    if old.committed:
        entries = [entry for entry in entries if entry["n"] <= old.committed]
    return entries


def _by_file_time(folder: Path, command: str) -> list[Entry]:
    """One run that registers all complete jobs in the order of their files' times."""
    paths = sorted(artifacts.files(folder), key=lambda path: (path.stat().st_mtime_ns, path))
    loaded = [artifacts.load(folder, path) for path in paths]
    have: dict[str, int] = {}
    for each in loaded:
        have[each.job] = have.get(each.job, 0) + 1
    complete = [each for each in loaded if have[each.job] == each.of]
    named = [[each.artifact, each.path, each.sha256] for each in complete]
    run = {
        "run": 1, "started_at": now(), "command": command, "study": "{}", "version": "", "python": "",
        "host": "",
    }  # fmt: skip
    ended = {
        "run": 1,
        "status": "finished",
        "jobs": len({each.job for each in complete}),
        "finished_at": now(),
    }
    return [
        {"n": 1, "began": run},
        {"n": 2, "registered": named, "run": 1, "at": now()},
        {"n": 3, "ended": ended},
    ]


def _verified(
    folder: Path, entries: Sequence[Entry], old: _Old, progress: Progress
) -> tuple[dict[str, Artifact], dict[str, str]]:
    """The records of whole artifacts by path, and what is wrong with the others."""
    hashes: dict[str, str] = {}
    for entry in entries:
        hashes |= {path: sha256 for _, path, sha256 in entry.get("registered", ())}
        for _, path in entry.get("removed", ()):
            hashes.pop(path, None)
    loaded: dict[str, Artifact] = {}
    faults: dict[str, str] = {}
    progress.stage("Verifying artifacts", len(hashes), 0)
    for path, sha256 in hashes.items():
        file = inside(folder, path, links=True)
        fault = "it lies outside" if file is None else _fault(file, sha256, old.hashes.get(path))
        if fault is None:
            loaded[path] = artifacts.load(folder, folder / path)
        else:
            faults[path] = fault
        progress.job_done()
    return loaded, faults


def _fault(file: Path, sha256: str, other: str | None) -> str | None:
    if not file.is_file():
        return "the file is missing"
    if content_hash(file) != sha256:
        return "the content has changed since it was registered"
    if other not in (None, sha256):
        return "the journal and the DuckDB file have different hashes for it"
    return None


def _make(folder: Path, entries: Sequence[Entry], loaded: Mapping[str, Artifact]) -> None:
    """Make `working/rebuilt.duckdb`."""
    with making_rebuilt(folder) as path, duckdb.connect(str(path)) as connection:
        migrate(connection)
        repeat(connection, entries, loaded)
        bring_up_to_date(connection)
        connection.execute("checkpoint")
