"""What a study's folder holds, and what is wrong with it after a kill."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.checks import altered_rows, broken_artifacts, broken_rules, stale_summaries
from alignhouse.warehouse.files import sha256_of
from alignhouse.warehouse.journal import entries_of
from alignhouse.warehouse.logs import LOGS
from alignhouse.warehouse.progress import Silent
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.store import REBUILT, WORKING

# Columns in which a killed and repeated study may differ from an undisturbed one, and why.
MAY_DIFFER = {
    # A kill divides a run into several. Some of them were stopped and have no end, and each counts its own
    # jobs and failures. The study names its folder, which is another one here.
    "run": ("run", "started_at", "finished_at", "status", "jobs", "failed", "host", "study"),
    # The run that registered an artifact, and when: after a kill, that is the repetition.
    "artifact": ("run", "registered_at"),
    # Entries of the journal that were not committed are void, so the numbers go on after them.
    "journal": ("last_entry",),
}
# Tables that say where rows come from; the others have facts or are made from them.
LINEAGE = frozenset(MAY_DIFFER)
# Names and hashes follow the bits of what a job read. The last bits of resampled values depend on which
# networks are computed together (docs/statistics.md), and a kill can divide a batch of networks.
FOLLOW_BITS = {"artifact", "job", "path", "sha256", "bytes", "inputs"}
TOLERANCE = 1e-6
KEY = re.compile(r"[0-9a-f]{20}(?=-\d+\.parquet)")
Rows = dict[str, pl.DataFrame]


def rows(warehouse: Path, *, all_columns: bool = False) -> Rows:
    """Table -> its rows in the published snapshot, sorted."""
    found = {}
    with Warehouse.open(warehouse) as opened:
        query = "select table_name from duckdb_tables() where database_name = 'warehouse' order by all"
        for (table,) in opened.sql(query).fetchall():
            chosen = opened.sql(f'from "{table}"').pl()
            if not all_columns:
                chosen = chosen.drop(MAY_DIFFER.get(table, ()))
            # One study is one row, in however many runs it was done.
            chosen = chosen.unique() if table == "run" else chosen
            found[table] = chosen.sort(pl.all()) if chosen.columns else chosen
    return found


def different_tables(found: Rows, expected: Rows, *, bit_for_bit: bool = True) -> list[str]:
    """One line for each table that differs, in more than the last bits of resampled values if so wanted."""
    return [
        f"table {name} differs"
        for name in sorted(found.keys() | expected.keys())
        if name not in found
        or name not in expected
        or not _equal(found[name], expected[name], bit_for_bit=bit_for_bit)
    ]


def _equal(one: pl.DataFrame, other: pl.DataFrame, *, bit_for_bit: bool) -> bool:
    if bit_for_bit or one.columns != other.columns or len(one) != len(other):
        return one.equals(other)
    names = [name for name, kind in one.schema.items() if not kind.is_float() and name not in FOLLOW_BITS]
    floats = [name for name, kind in one.schema.items() if kind.is_float()]
    one, other = (each.select(*names, *floats) for each in (one, other))
    one, other = (each.sort(pl.all()) if names + floats else each for each in (one, other))
    return one.select(names).equals(other.select(names)) and all(
        np.allclose(one[name].to_numpy(), other[name].to_numpy(), rtol=0, atol=TOLERANCE, equal_nan=True)
        for name in floats
    )


def statuses(warehouse: Path) -> list[str]:
    """How each run ended, in their order."""
    with Warehouse.open(warehouse) as opened:
        return [status for (status,) in opened.sql("select status from run order by run").fetchall()]


def files(warehouse: Path) -> Counter[str]:
    """How many files of each name a warehouse has, without the job's key in the name of an artifact.

    A file that was set aside has its former name, and does not count twice once it was made again.
    """
    found = contents(warehouse)
    return Counter(KEY.sub("", name) for name in {each.removesuffix(".damaged") for each in found})


def contents(folder: Path) -> dict[str, str]:
    """Path -> sha256 of each file, without the lock and logs; {} for a folder that is not there."""
    return {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock" and path.parent.name != LOGS
    }


def faults(warehouse: Path, *, of_rows: bool = True) -> list[str]:
    """What `alignhouse check` says. of_rows : whether to compare rows with Parquet files, which is slow."""
    with Warehouse.open(warehouse) as opened:
        found = [*broken_rules(opened), *stale_summaries(opened), *broken_artifacts(opened, Silent())]
        return found + (altered_rows(opened, Silent()) if of_rows else [])


def wrong_commits(warehouse: Path) -> list[str]:
    """Artifacts that the writer has committed without their file or their entry of the journal.

    Readers may not see them yet, and a repetition would hide the fault: it makes missing files again. A file
    that a rebuild has finished must list all that the journal does: the next writer takes it, whatever its
    command is.
    """
    registered: dict[str, str] = {}
    standing: set[str] = set()
    for entry in entries_of(warehouse):
        named = {path: sha256 for _, path, sha256 in entry.get("registered", ())}
        registered |= named
        standing = (standing | named.keys()) - {path for _, path in entry.get("removed", ())}
    is_rebuilt = (warehouse / REBUILT).exists()
    found = _committed(warehouse, (REBUILT,) if is_rebuilt else (WORKING, WORKING.with_suffix(".duckdb.wal")))
    lines = []
    for path, sha256 in found.items():
        if registered.get(path) != sha256:
            lines.append(f"{path} is committed, but not in the journal")
        if not (warehouse / path).is_file():
            lines.append(f"{path} is committed, but its file is missing")
    if is_rebuilt:
        lines += [f"{path} is in the journal, but not in {REBUILT}" for path in standing - found.keys()]
    return lines


def _committed(warehouse: Path, names: Sequence[Path]) -> dict[str, str]:
    """Path -> sha256 of the artifacts in a DuckDB file; opens a copy, because opening changes it."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            if (warehouse / name).exists():
                shutil.copyfile(warehouse / name, Path(folder) / name.name)
        copied = Path(folder) / names[0].name
        if not copied.exists():
            return {}
        with duckdb.connect(str(copied)) as connection:
            has_table = connection.execute("from duckdb_tables() where table_name = 'artifact'").fetchall()
            query = "select path, sha256 from artifact"
            return dict(connection.execute(query).fetchall()) if has_table else {}


def lose_the_duckdb_files(warehouse: Path) -> None:
    """Remove the snapshot, and the folder of the writer."""
    shutil.rmtree(warehouse / "working", ignore_errors=True)
    (warehouse / SNAPSHOT).unlink()
