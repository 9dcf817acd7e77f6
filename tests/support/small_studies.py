"""Small studies whose rows replace each other, and the rows of a warehouse."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from empty_warehouse import empty_warehouse
from small_batches import batch_of

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.files import sha256_of
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.reading import attach
from alignhouse.warehouse.result_names import described_tables, quoted
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.schema import sql_files, table_names
from alignhouse.warehouse.store import Writer

SLOT = ("dataset", "subject")
FACTS = ("facts", "table=subject")


def subjects(**orders: int) -> pa.Table:
    """Rows of the table `subject`: name -> order."""
    names, numbers = list(orders), pa.array(orders.values(), pa.int32())
    return pa.table({"dataset": ["d"] * len(names), "subject": names, "subject_order": numbers})


def vectors(seed: int) -> Output:
    """A file of vectors without a table."""
    return Output(("nulls", f"seed={seed}"), pa.table({"name": ["a"], "value": [float(seed)]}))


def study(seed: int) -> list[Batch]:
    """Two jobs: one whose row and vectors depend on the seed, and one that all studies share."""
    facts = Output(FACTS, subjects(s1=seed), table="subject", slot=SLOT)
    shared = Output(FACTS, subjects(s2=7), table="subject", slot=SLOT)
    return [
        batch_of(Job("seeded", 1, {"seed": seed}, {}, "seeded"), facts, vectors(seed)),
        batch_of(Job("shared", 1, {}, {}, "shared"), shared),
    ]


def do(folder: Path, batches: list[Batch]) -> int:
    """Run batches in a warehouse; returns the number of jobs that were computed or adopted."""
    with Writer(empty_warehouse(folder), "test") as writer, Run(writer, "alignhouse run", {}) as run:
        run.do("jobs", batches)
    return run.jobs_done


def rows_of(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the published snapshot; tables of results as `results.NAME`."""
    try:
        with _attached(folder / SNAPSHOT) as connection:
            return _rows(connection)
    except duckdb.CatalogException:
        # A snapshot of an older version lacks tables; a warehouse shows them.
        with Warehouse(folder) as warehouse:
            return _rows(warehouse.connection)


def _rows(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    # Listing the tables of the file would take DuckDB 20 ms.
    names = sorted({"migration", *table_names(), *sql_files("summaries"), *described_tables(connection)})
    # One statement finds the few tables with rows, because each statement takes milliseconds.
    filled = " union all ".join(f"select '{name}' from {quoted(name)} having count(*) > 0" for name in names)
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in names}
    for (name,) in connection.execute(filled).fetchall():
        rows[name] = sorted(connection.execute(f"from {quoted(name)}").fetchall(), key=repr)
    return rows


@contextmanager
def _attached(snapshot: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the tables of a snapshot; to open a warehouse takes three times as long."""
    connection = _connection()
    attach(connection, snapshot)
    try:
        connection.execute("use warehouse")
        yield connection
    finally:
        connection.execute("use memory")
        connection.execute("detach warehouse")


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def lose_the_duckdb_files(folder: Path) -> None:
    shutil.rmtree(folder / "working")
    (folder / SNAPSHOT).unlink()


def contents(folder: Path) -> dict[str, str]:
    """The hash of every file but the note of the lock's holder."""
    return {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }
