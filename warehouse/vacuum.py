"""Removes the files that nothing in a warehouse needs, and makes its DuckDB file smaller."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import duckdb

from alignhouse.warehouse import artifacts
from alignhouse.warehouse.contents import rows_shown
from alignhouse.warehouse.files import DAMAGED_SUFFIX, inside
from alignhouse.warehouse.history import now
from alignhouse.warehouse.journal import entries_of
from alignhouse.warehouse.lock import writing
from alignhouse.warehouse.progress import Progress, Silent
from alignhouse.warehouse.reader import Warehouse
from alignhouse.warehouse.reading import WRITTEN, open_snapshot
from alignhouse.warehouse.schema import statement
from alignhouse.warehouse.store import REBUILT, Writer, making_rebuilt, newest_file, unfinished_parts

# The DuckDB file is written again if more than this share of its blocks is free.
MOST_FREE = 0.2


@dataclass(frozen=True)
class Vacuumed:
    """What was removed, or would be.

    Attributes
    ----------
    replaced : registered artifacts whose rows have all been replaced.
    unregistered : files of killed runs. damaged : files that a rebuild has set aside.
    temporary : unfinished files of killed processes.
    left : one line for each file that could go but stays, with the reason.
    bytes : size of all these files but those in `left`.
    """

    replaced: list[Path]
    unregistered: list[Path]
    damaged: list[Path]
    temporary: list[Path]
    left: list[str]
    bytes: int

    @property
    def files(self) -> list[Path]:
        """All files that go."""
        return [*self.replaced, *self.unregistered, *self.damaged, *self.temporary]


def vacuum(folder: Path, command: str, progress: Progress | None = None) -> Vacuumed:
    """Remove the artifacts that no row and no current job needs, and what killed processes left.

    Records leave the table `artifact` first, with an entry of the journal, and readers get a snapshot without
    them. Then the files are deleted. If the process is killed, the next vacuum deletes the rest. A study that
    goes back to replaced settings computes their jobs again.

    Raises
    ------
    BadInput : no warehouse is there. WarehouseLocked : another process is writing.
    """
    with Warehouse(folder):
        pass
    progress = progress or Silent()
    # An opening writer removes them.
    temporary = _temporary(folder)
    with Writer(folder, command) as writer:
        names, found = _found(folder, writer.connection, temporary)
        if names:
            gone = [[name, path] for name, path in names.items()]
            with writer.committing({"removed": gone, "at": now()}):
                writer.connection.execute(statement("remove_artifacts"), {"artifact": list(names)})
        # Readers and copies must not see a snapshot that lists deleted files.
        writer.publish(force=True)
        progress.stage("Removing files", len(found.files), 0)
        for path in found.files:
            path.unlink(missing_ok=True)
            progress.job_done()
        is_smaller = _compact(folder, writer.connection)
    if is_smaller:
        with Writer(folder, command):
            pass  # Puts the smaller file into its place and publishes it.
    return found


def to_vacuum(folder: Path, command: str) -> Vacuumed:
    """What `vacuum` would remove now; changes nothing.

    Raises
    ------
    BadInput : no warehouse is there. WarehouseLocked : another process is writing.
    """
    with Warehouse(folder):
        pass
    with writing(folder, command), open_snapshot(folder / newest_file(folder)) as connection:
        return _found(folder, connection, _temporary(folder))[1]


def _temporary(folder: Path) -> dict[Path, int]:
    """Files that killed processes left unfinished, with their sizes."""
    rebuilding = (folder / REBUILT.with_suffix(".part")).glob("*")
    return _measured(chain(_in_scratch(folder), unfinished_parts(folder), rebuilding))


def _found(
    folder: Path, connection: duckdb.DuckDBPyConnection, temporary: dict[Path, int]
) -> tuple[dict[str, str], Vacuumed]:
    """Names and paths of the registered artifacts that can go, and all files; needs the writer's lock."""
    left: list[str] = []
    unneeded, outside = _unneeded(folder, connection)
    left += [f"{path}: it lies behind a link or outside of the warehouse" for path in outside]
    unregistered: list[Path] = []
    known = [path for (path,) in connection.execute("select path from artifact").fetchall()]
    in_journal = _in_journal(folder)
    for path in (path for alike in artifacts.orphans(folder, known).values() for path in alike):
        name = path.relative_to(folder).as_posix()
        if inside(folder, name) is None:
            left.append(f"{name}: it lies behind a link")
        elif name in in_journal:
            # The DuckDB file may have been lost and begun again, and only the journal remembers this file.
            left.append(f"{name}: the journal lists it, the DuckDB file does not")
        else:
            unregistered.append(path)
    replaced = _measured(folder / path for path in unneeded.values())
    orphans = _measured(unregistered)
    damaged = _measured(_damaged(folder))
    size = sum(sum(each.values()) for each in (replaced, orphans, damaged, temporary))
    return unneeded, Vacuumed(list(replaced), list(orphans), list(damaged), list(temporary), left, size)


def _unneeded(folder: Path, connection: duckdb.DuckDBPyConnection) -> tuple[dict[str, str], list[str]]:
    """Names and paths of artifacts that can go, and the paths of those that stay because of a link."""
    shown = [name for of_table in rows_shown(connection).values() for name in of_table]
    rows = connection.execute(statement("unneeded_artifacts"), {"shown": shown}).fetchall()
    outside = {job for _, job, path in rows if inside(folder, path) is None}
    names = {name: path for name, job, path in rows if job not in outside}
    return names, [path for _, job, path in rows if job in outside]


def _in_journal(folder: Path) -> set[str]:
    """The paths of all artifacts in the journal, also in void entries, without those that were removed."""
    paths: set[str] = set()
    for entry in entries_of(folder, with_void=True):
        paths |= {path for _, path, _ in entry.get("registered", ())}
        paths -= {path for _, path in entry.get("removed", ())}
    return paths


def _measured(paths: Iterable[Path]) -> dict[Path, int]:
    """The files that exist, with their sizes in bytes."""
    return {path: path.lstat().st_size for path in paths if path.is_file() or path.is_symlink()}


def _in_scratch(folder: Path) -> Iterator[Path]:
    scratch = folder / artifacts.SCRATCH
    if not scratch.is_symlink():
        yield from (path for path in scratch.rglob("*") if not path.is_dir())


def _damaged(folder: Path) -> Iterator[Path]:
    for each in artifacts.FOLDERS:
        for path in (folder / each).rglob(f"*.parquet{DAMAGED_SUFFIX}"):
            if inside(folder, path.relative_to(folder).as_posix()) is not None:
                yield path


def _compact(folder: Path, connection: duckdb.DuckDBPyConnection) -> bool:
    """Write the DuckDB file without its free blocks, if it has many; the next writer puts it into place."""
    connection.execute(f"checkpoint {WRITTEN}")
    sizes = connection.execute("select total_blocks, free_blocks from pragma_database_size()").fetchall()
    if not any(free > MOST_FREE * total for total, free in sizes):
        return False
    with making_rebuilt(folder) as path:
        quoted = str(path.absolute()).replace("'", "''")
        connection.execute(f"attach '{quoted}' as smaller (type duckdb)")
        try:
            connection.execute(f"copy from database {WRITTEN} to smaller")
        finally:
            connection.execute("detach smaller")
    return True
