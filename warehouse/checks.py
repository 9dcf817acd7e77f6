"""Checks of a warehouse: SQL rules that select the rows that break them, summaries, and artifact hashes."""

from __future__ import annotations

from collections.abc import Mapping

from alignhouse.warehouse.files import sha256_of
from alignhouse.warehouse.progress import Progress
from alignhouse.warehouse.schema import sql_files
from alignhouse.warehouse.store import Warehouse
from alignhouse.warehouse.summaries import stale_rows

MOST_ROWS = 20


def broken_rules(warehouse: Warehouse) -> list[str]:
    """One line for each row that breaks a rule of `sql/checks` (at most 20 per rule)."""
    return _rows_of(warehouse, sql_files("checks"))


def remarks(warehouse: Warehouse) -> list[str]:
    """One line for each row of `sql/checks/remarks`: what a reader should know, though it is no fault."""
    return _rows_of(warehouse, sql_files("checks", "remarks"))


def _rows_of(warehouse: Warehouse, queries: Mapping[str, str]) -> list[str]:
    lines = []
    for name, text in queries.items():
        rows = warehouse.sql(text).pl()
        for row in rows.head(MOST_ROWS).iter_rows(named=True):
            lines.append(f"{name}: " + ", ".join(f"{key} = {value}" for key, value in row.items()))
        if len(rows) > MOST_ROWS:
            lines.append(f"{name}: and {len(rows) - MOST_ROWS} more rows")
    return lines


def stale_summaries(warehouse: Warehouse) -> list[str]:
    """One line for each stored summary that differs from its definition, recomputed from the facts."""
    return [
        f"summary {name}: {count:,} rows differ from the facts; `alignhouse rebuild` recomputes them"
        for name, count in stale_rows(warehouse.connection).items()
        if count
    ]


def broken_artifacts(warehouse: Warehouse, progress: Progress) -> list[str]:
    """One line for each registered artifact that is missing or whose content has changed."""
    rows = warehouse.sql("select path, sha256 from artifact order by path").fetchall()
    faults = []
    progress.stage("Hashing artifacts", len(rows), 0)
    for path, sha256 in rows:
        file = warehouse.folder / path
        if not file.is_file():
            faults.append(f"artifact {path}: the file is missing")
        elif sha256_of(file) != sha256:
            faults.append(f"artifact {path}: the content has changed since it was registered")
        progress.job_done()
    return faults
