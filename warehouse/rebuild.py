"""Rebuilds the DuckDB file from the Parquet files."""

from __future__ import annotations

from pathlib import Path

from alignhouse.warehouse import artifacts
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.lock import writing
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import SNAPSHOT, UNPUBLISHED, WORKING, Writer


def rebuild(folder: Path, command: str) -> int:
    """Register every complete artifact of a warehouse in a new DuckDB file; returns their number.

    If two files have the same rows, the newer file is used. Artifacts do not store when they were made, so
    all rows belong to one run, the rebuild.

    Raises
    ------
    BadInput : the folder has no artifacts. BrokenWarehouse : an artifact is not readable.
    """
    if not any(artifacts.files(folder)):
        raise BadInput(f"nothing to rebuild in {folder}", expected="a warehouse with artifacts")
    with writing(folder, command):
        for outdated in (WORKING, WORKING.with_suffix(".duckdb.wal"), UNPUBLISHED, Path(SNAPSHOT)):
            (folder / outdated).unlink(missing_ok=True)
    paths = sorted(artifacts.files(folder), key=lambda path: (path.stat().st_mtime_ns, path))
    loaded = [artifacts.load(folder, path) for path in paths]
    have: dict[str, int] = {}
    for each in loaded:
        have[each.job] = have.get(each.job, 0) + 1
    complete = [each for each in loaded if have[each.job] == each.of]
    with Writer(folder, command) as writer, Run(writer, command, {}) as run:
        run.register(complete)
    return len(complete)
