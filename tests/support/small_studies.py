"""Small studies whose rows replace each other, and the rows of a warehouse."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
from small_batches import batch_of

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.files import sha256_of
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.reader import SNAPSHOT
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
    with Writer(folder, "test") as writer, Run(writer, "alignhouse run", {}) as run:
        run.do("jobs", batches)
    return run.jobs_done


def rows_of(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the published snapshot; tables of results as `results.NAME`."""
    with Warehouse(folder) as warehouse:
        # Listing the tables of the file would take DuckDB 20 ms.
        names = sorted(
            {"migration", *table_names(), *sql_files("summaries"), *described_tables(warehouse.connection)}
        )
        # One statement finds the few tables with rows, because each statement takes milliseconds.
        filled = " union all ".join(
            f"select '{name}' from {quoted(name)} having count(*) > 0" for name in names
        )
        rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in names}
        for (name,) in warehouse.connection.execute(filled).fetchall():
            found = warehouse.connection.execute(f"from {quoted(name)}").fetchall()
            rows[name] = sorted(found, key=repr)
        return rows


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
