"""Keeps the journal and a DuckDB file in step, and repeats the journal's commits in an empty file."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BrokenWarehouse
from alignhouse.warehouse.journal import JOURNAL, Entry, Journal, write_journal
from alignhouse.warehouse.registration import register_rows
from alignhouse.warehouse.schema import statement, transaction


def now() -> str:
    """The current time in UTC, ISO 8601 with microseconds."""
    return next(rising_times())


def rising_times() -> Iterator[str]:
    """The current time, and then a later one each time; see `now`."""
    at = dt.datetime.now(dt.UTC)
    while True:
        yield at.isoformat(timespec="microseconds")
        at += dt.timedelta(microseconds=1)


def journal_in_step(folder: Path, connection: duckdb.DuckDBPyConnection) -> Journal:
    """The journal of a warehouse, agreeing with the writer's open DuckDB file.

    Entries whose transaction was not committed become void. If the journal is missing, lacks commits or is
    damaged, it is made from the DuckDB file; a damaged one is kept as `journal.jsonl.damaged`.

    Raises
    ------
    BrokenWarehouse : the DuckDB file is new, but the journal has commits: the former file was lost.
    """
    committed = last_entry(connection)
    try:
        journal = Journal(folder)
    except BrokenWarehouse:
        os.replace(folder / JOURNAL, folder / f"{JOURNAL}.damaged")
        journal = Journal(folder)
    has_history = _has_history(connection)
    if not has_history and journal.has_commits:
        raise BrokenWarehouse(
            f"warehouse {folder}",
            expected="a DuckDB file with what the journal says was registered",
            found="none",
            hint="make it again with `alignhouse rebuild`",
        )
    if has_history and (committed == 0 or journal.standing < committed):
        write_journal(folder, entries_from(connection))
        journal = Journal(folder)
        connection.execute(statement("journal_committed"), {"entry": journal.last})
    elif journal.standing > committed:
        journal.void(range(committed + 1, journal.last + 1))
    return journal


def last_entry(connection: duckdb.DuckDBPyConnection) -> int:
    """The number of the last committed entry of the journal; 0 for a DuckDB file of an older version."""
    return sum(int(number) for (number,) in connection.execute("select last_entry from journal").fetchall())


def entries_from(connection: duckdb.DuckDBPyConnection) -> Iterator[Entry]:
    """Entries that lead to the runs and artifacts of a DuckDB file, for warehouses without a journal."""
    of_run: dict[int, list[tuple[str, list[list[str]]]]] = {}
    rows = connection.execute(statement("all_artifacts")).fetchall()
    for (run, at), alike in groupby(rows, key=lambda row: (row[3], row[4])):
        of_run.setdefault(run, []).append((_time(at), [list(row[:3]) for row in alike]))
    names = ("run", "started_at", "finished_at", "status", "command", "study", "version", "python", "host")
    for row in connection.execute(statement("all_runs")).fetchall():
        *facts, jobs, failed = row
        run = dict(zip(names, facts, strict=True))
        began, finished_at, status = _time(run["started_at"]), run.pop("finished_at"), run.pop("status")
        yield {"began": {**run, "started_at": began}}
        for at, named in of_run.get(run["run"], ()):
            yield {"registered": named, "run": run["run"], "at": at}
        if status != "running":
            finished = None if finished_at is None else _time(finished_at)
            ended = {"run": run["run"], "status": status, "jobs": jobs, "finished_at": finished}
            yield {"ended": {**ended, "failed": failed}}


def repeat(
    connection: duckdb.DuckDBPyConnection, entries: Iterable[Entry], loaded: Mapping[str, Artifact]
) -> None:
    """Repeat the commits of a journal in an empty DuckDB file with the current schema.

    Parameters
    ----------
    loaded : path of an artifact -> its record. Artifacts that are missing here are left out.
    """
    for entry in entries:
        with transaction(connection):
            apply_entry(connection, entry, loaded)
            connection.execute(statement("journal_committed"), {"entry": entry["n"]})


def apply_entry(connection: duckdb.DuckDBPyConnection, entry: Entry, loaded: Mapping[str, Artifact]) -> None:
    """Make the changes of one entry; call it inside a transaction. loaded : see `repeat`."""
    if "began" in entry:
        connection.execute(statement("begin_run"), entry["began"])
    elif "ended" in entry:
        # Older journals do not count failures.
        connection.execute(statement("end_run"), {"failed": None, **entry["ended"]})
    elif "removed" in entry:
        names = [name for name, _ in entry["removed"]]
        connection.execute(statement("remove_artifacts"), {"artifact": names})
    else:
        written = [loaded[path] for _, path, _ in entry["registered"] if path in loaded]
        if written:
            register_rows(connection, written, entry["run"], entry["at"])


def _has_history(connection: duckdb.DuckDBPyConnection) -> bool:
    return connection.execute("select 1 from run limit 1").fetchone() is not None


def _time(microseconds: Any) -> str:
    since = dt.timedelta(microseconds=int(microseconds))
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + since).isoformat(timespec="microseconds")
