"""The warehouse on disk: readers open a published snapshot while one writer changes its own file.

DuckDB locks a file that is open for writing against all other processes, and a reader locks out the writer.
So the writer has its own file in `working/` and publishes copies of it by renaming. A reader keeps the
snapshot that it opened, the next reader opens the newer one, and nobody waits.
"""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from alignhouse.warehouse import artifacts
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import PartlyFailed
from alignhouse.warehouse.files import check_folder_name, move_into_place, replacing
from alignhouse.warehouse.history import journal_in_step, now
from alignhouse.warehouse.jobs import Job
from alignhouse.warehouse.journal import Entry
from alignhouse.warehouse.lock import writing
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.reading import WRITTEN, use_own_definitions, use_tables_only
from alignhouse.warehouse.registration import register_rows
from alignhouse.warehouse.schema import migrate, statement, transaction
from alignhouse.warehouse.summaries import bring_up_to_date

WORKING = Path("working") / f"{WRITTEN}.duckdb"
# This file exists while the writer has commits that are not published yet.
UNPUBLISHED = Path("working") / "unpublished"
# A complete new file of the writer, made by a rebuild; it replaces the old one when a writer opens.
REBUILT = Path("working") / "rebuilt.duckdb"
# The largest share of a writer's time that publishing may take (copying a large file takes seconds).
PUBLISHING_SHARE = 0.1
# Bytes with which DuckDB still works without much use of the disk.
LEAST_MEMORY = 500 * 10**6
COPIED_AT_ONCE = 2**20


class Writer:
    """The only writer of a warehouse; a context manager that creates the warehouse if it is missing.

    Parameters
    ----------
    folder : the warehouse.
    purpose : the command, shown to other processes that find the warehouse locked.
    memory : bytes that DuckDB may use, but at least `LEAST_MEMORY`; beyond them, it uses the disk.
        Default: 80 % of the machine's memory.

    Raises
    ------
    WarehouseLocked : another process is writing.
    """

    def __init__(self, folder: Path | str, purpose: str, *, memory: int | None = None) -> None:
        self.folder = Path(folder)
        self.purpose = purpose
        self._memory = memory
        self._stack = ExitStack()
        self._handle: io.FileIO | None = None
        self._published_at = 0.0
        self._publishing_took = 0.0
        self._orphans: dict[str, list[Path]] = {}
        # Known jobs are kept in memory, because a query for each job would take a millisecond.
        self._registered_jobs: set[str] = set()

    def __enter__(self) -> Self:
        check_folder_name(self.folder)
        self._is_new = not self.folder.exists()
        self._has_committed = False
        self._handle = None
        # Between two studies: some rows of the older one are replaced, others not yet.
        self._is_between = (self.folder / UNPUBLISHED).exists()
        with ExitStack() as opening:
            opening.enter_context(writing(self.folder, self.purpose))
            finish_rebuild(self.folder)
            working, snapshot = self.folder / WORKING, self.folder / SNAPSHOT
            if not working.exists() and snapshot.exists():
                with replacing(working) as temporary:
                    shutil.copyfile(snapshot, temporary)
            _remove_unfinished(self.folder)
            # Nobody else can have put views or macros into a new file.
            is_new_file = not working.exists()
            self._keep_open = opening.enter_context(ExitStack())
            self.connection = duckdb.connect(str(working))
            opening.callback(self.connection.close)
            if self._memory is not None:
                self.connection.execute(f"set memory_limit = '{max(self._memory, LEAST_MEMORY)}B'")
            if not is_new_file:
                use_tables_only(self.connection)
            if migrate(self.connection):
                self.mark_changed()
            if not is_new_file:
                use_own_definitions(self.connection)
            self._journal = journal_in_step(self.folder, self.connection)
            known = self.connection.execute("select path, job from artifact").fetchall()
            self._orphans = artifacts.orphans(self.folder, [path for path, _ in known])
            self._registered_jobs = {job for _, job in known}
            self._stack = opening.pop_all()
        for (run,) in self.connection.execute(statement("runs_without_an_end")).fetchall():
            self.end_run(run, "stopped", None, None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        in_vain = error is not None and self._is_new and not self._has_committed
        stopped = error is not None and not isinstance(error, PartlyFailed)
        try:
            if not in_vain and not (stopped and self._is_between):
                self.publish(force=True)
        finally:
            self._stack.close()
            shutil.rmtree(self.folder if in_vain else self.folder / artifacts.SCRATCH, ignore_errors=True)

    def finished(self, jobs: Iterable[Job]) -> dict[str, list[Artifact]]:
        """The artifacts of jobs that are done and whose rows are current, by the jobs' keys.

        `adoptable` returns the other complete files: those that a killed process did not register, and those
        whose rows another study has replaced.
        """
        keys = sorted({job.key for job in jobs} & self._registered_jobs)
        found: dict[str, list[Artifact]] = {}
        for each in self.artifacts("current_artifacts_of_jobs", jobs=keys) if keys else ():
            found.setdefault(each.job, []).append(each)
        return {key: each for key, each in found.items() if len(each) == each[0].of}

    def artifacts(self, query: str, **parameters: Any) -> list[Artifact]:
        """The artifacts that a statement of `sql/statements` selects, without those whose file is missing."""
        rows = self.connection.execute(statement(query), parameters).fetchall()
        found = [artifacts.from_row(self.folder, row) for row in rows]
        return [each for each in found if self._is_there(each)]

    def made_from(self, path: str) -> list[tuple[str, int]]:
        """Method -> number of the artifacts that were made from an artifact, directly or through others."""
        return self.connection.execute(statement("made_from"), {"path": path}).fetchall()

    def adoptable(self, job: Job) -> list[Artifact] | None:
        """The artifacts of `job` if all its files exist but are not (or no longer) registered, else None."""
        paths: list[Path] = []
        if job.key in self._registered_jobs:
            rows = self.connection.execute(
                "select path from artifact where job = $job", {"job": job.key}
            ).fetchall()
            paths = [self.folder / row[0] for row in rows]
        paths += self._orphans.get(job.key[: artifacts.NAME_DIGITS], [])
        return artifacts.adopt(self.folder, job, [path for path in paths if path.is_file()])

    def register(self, written: Sequence[Artifact], run: int) -> None:
        """Register artifacts and insert their rows into their tables, in one transaction."""
        at = now()
        named = [[each.artifact, each.path, each.sha256] for each in written]
        jobs = {each.job for each in written}
        are_new = not jobs & self._registered_jobs and len({name for name, _, _ in named}) == len(named)
        with self.committing({"registered": named, "run": run, "at": at}):
            replaced = register_rows(self.connection, written, run, at, are_new=are_new)
        self._is_between |= replaced
        self._registered_jobs |= jobs

    def begin_run(self, facts: Mapping[str, Any]) -> int:
        """Insert the row of a run and return its number. facts : the other columns of `run`."""
        number = self.next_run()
        run = {"run": number, "started_at": now(), **facts}
        with self.committing({"began": run}):
            self.connection.execute(statement("begin_run"), run)
        return number

    def next_run(self) -> int:
        """The number that the next run will have."""
        [(number,)] = self.connection.execute(statement("next_run")).fetchall()
        return int(number)

    def end_run(
        self, run: int, status: str, jobs: int | None, finished_at: str | None, failed: int | None = None
    ) -> None:
        """Store how a run ended: "finished" or "stopped". failed : number of jobs that failed."""
        ended = {"run": run, "status": status, "jobs": jobs, "finished_at": finished_at, "failed": failed}
        with self.committing({"ended": ended}):
            self.connection.execute(statement("end_run"), ended)

    @contextmanager
    def committing(self, *entries: Entry) -> Iterator[None]:
        """Append entries to the journal, then commit the changes of the block in one transaction."""
        self.mark_changed()
        numbers: list[int] = []
        try:
            for entry in entries:
                numbers.append(self._journal.append(entry))
            with transaction(self.connection):
                yield
                self.connection.execute(statement("journal_committed"), {"entry": numbers[-1]})
        except BaseException:
            if numbers:
                self._journal.void(numbers)
            raise
        self._has_committed = True

    def mark_changed(self) -> None:
        """Record on disk that commits need publishing; if this process is killed, the next writer does it."""
        (self.folder / UNPUBLISHED).touch()

    def publish(self, *, force: bool = False) -> None:
        """Publish the committed rows to readers, unless publishing would take over a tenth of the time.

        Once rows have been replaced, readers keep the older study until the writer ends without an error, so
        that they never see rows of two studies side by side. If it is stopped, the next writer publishes.
        """
        if not (self.folder / UNPUBLISHED).exists() or (self._is_between and not force):
            return
        since = time.monotonic() - self._published_at
        if not force and since < self._publishing_took * (1 / PUBLISHING_SHARE - 1):
            return
        started = time.monotonic()
        bring_up_to_date(self.connection)
        self.connection.execute(f"checkpoint {WRITTEN}")
        with replacing(self.folder / SNAPSHOT) as temporary:
            self._copy_working_file(temporary)
        (self.folder / UNPUBLISHED).unlink()
        self._published_at = time.monotonic()
        self._publishing_took = self._published_at - started

    def _copy_working_file(self, target: Path) -> None:
        """Copy the writer's file, and leave it open until DuckDB has closed it.

        DuckDB's lock is a POSIX lock: this process would lose it by closing any other handle of the file.
        """
        if self._handle is None:
            self._handle = self._keep_open.enter_context((self.folder / WORKING).open("rb", buffering=0))
        self._handle.seek(0)
        with target.open("wb") as copied:
            shutil.copyfileobj(self._handle, copied, COPIED_AT_ONCE)

    def _is_there(self, artifact: Artifact) -> bool:
        return artifact.file.is_file() and artifact.file.stat().st_size == artifact.bytes


@contextmanager
def making_rebuilt(folder: Path) -> Iterator[Path]:
    """Yield the path of a new DuckDB file; on success it becomes `REBUILT`, which `finish_rebuild` uses.

    It has that name only when it is complete.
    """
    part = folder / REBUILT.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part / "new.duckdb"
        move_into_place(part / "new.duckdb", folder / REBUILT)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def newest_file(folder: Path) -> Path:
    """The DuckDB file with which the next writer will begin; relative to the warehouse."""
    return next(path for path in (REBUILT, WORKING, Path(SNAPSHOT)) if (folder / path).exists())


def finish_rebuild(folder: Path) -> None:
    """Put the file that a rebuild has made into its place, if there is one; for the holder of the lock.

    Can be repeated after a kill at any moment.
    """
    rebuilt, working = folder / REBUILT, folder / WORKING
    if not rebuilt.exists():
        return
    (folder / UNPUBLISHED).touch()
    # The log belongs to the old file.
    working.with_suffix(".duckdb.wal").unlink(missing_ok=True)
    move_into_place(rebuilt, working)


def unfinished_parts(folder: Path) -> Iterator[Path]:
    """Files of killed processes that were about to replace another file; see `files.replacing`."""
    for parent in (folder, folder / WORKING.parent):
        yield from parent.glob(".*.part")


def _remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left unfinished; for the holder of the lock, so nobody is using it."""
    for left in (folder / artifacts.SCRATCH, folder / REBUILT.with_suffix(".part")):
        shutil.rmtree(left, ignore_errors=True)
    for part in list(unfinished_parts(folder)):
        part.unlink()


def discard(written: Iterable[Artifact]) -> None:
    """Remove files that were moved into place but must not be registered."""
    for artifact in written:
        artifact.file.unlink(missing_ok=True)
