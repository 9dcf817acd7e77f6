"""Checks of a warehouse: SQL rules, stored summaries, hashes of artifacts, and rows against their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import duckdb

from alignhouse.warehouse.files import inside
from alignhouse.warehouse.progress import Progress
from alignhouse.warehouse.reader import SNAPSHOT, Warehouse
from alignhouse.warehouse.reading import attach
from alignhouse.warehouse.registration import INCOMING, rows_of_file, show_rows
from alignhouse.warehouse.result_names import is_result, quoted, result_tables
from alignhouse.warehouse.schema import columns_of_tables, sql_files, statement
from alignhouse.warehouse.summaries import stale_rows
from alignhouse.warehouse.verified import content_hash, hash_again

MOST_ROWS = 20
# Bounds memory: the rows of these files are compared at once.
FILES_AT_ONCE = 200


def broken_rules(warehouse: Warehouse) -> list[str]:
    """One line for each row that breaks a rule of `sql/checks` (at most 20 per rule)."""
    return _rows_of(warehouse.sql, sql_files("checks"))


def rule_faults(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """As `broken_rules`, for a connection to a snapshot or to a writer's file."""
    return _rows_of(connection.sql, sql_files("checks"))


def remarks(warehouse: Warehouse) -> list[str]:
    """One line for each row of `sql/checks/remarks`: what a reader should know, though it is no fault."""
    return _rows_of(warehouse.sql, sql_files("checks", "remarks"))


def _rows_of(ask: Callable[[str], duckdb.DuckDBPyRelation], queries: Mapping[str, str]) -> list[str]:
    lines = []
    for name, text in queries.items():
        rows = ask(text).pl()
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
        elif hash_again(file) != sha256:
            faults.append(f"artifact {path}: the content has changed since it was registered")
        progress.job_done()
    return faults


def altered_rows(warehouse: Warehouse, progress: Progress) -> list[str]:
    """One line for each table whose rows are not those of its artifacts' files.

    Rows of a current artifact must be exactly the rows of its file. An older artifact may have lost rows to
    newer ones, but must have no others. Files that are missing or damaged are left to `broken_artifacts`.
    """
    known = warehouse.sql(statement("artifacts_of_tables")).fetchall()
    of_table: dict[str, list[tuple[str, Path, bool]]] = {}
    for table, artifact, path, sha256, is_current in known:
        file = inside(warehouse.folder, path, links=True)
        if file is not None and file.is_file() and content_hash(file) == sha256:
            of_table.setdefault(table, []).append((artifact, file, is_current))
    progress.stage("Comparing rows", len(of_table), 0)
    faults = []
    # The connection of a reader cannot open files.
    with duckdb.connect() as connection:
        attach(connection, warehouse.folder / SNAPSHOT)
        for table, files in of_table.items():
            some = [files[start : start + FILES_AT_ONCE] for start in range(0, len(files), FILES_AT_ONCE)]
            unlike = sum(_unlike(connection, table, each) for each in some)
            if unlike:
                faults.append(f"table {table}: {unlike:,} rows differ from the Parquet files")
            progress.job_done()
    return faults


def _unlike(
    connection: duckdb.DuckDBPyConnection, table: str, files: Sequence[tuple[str, Path, bool]]
) -> int:
    """The number of rows that the table lacks, and of those that it should not have."""
    if is_result(table):
        return _unlike_result(connection, table, files)
    # The names of tables are those of the schema: `columns_of_tables` knows them.
    if table not in columns_of_tables():
        return 0
    rows = {artifact: rows_of_file(artifact, file) for artifact, file, _ in files}
    show_rows(connection, rows.values())
    connection.execute(f'create or replace temp table in_files as from warehouse.main."{table}" limit 0')
    connection.execute(f"insert into in_files by name select * from {INCOMING}")
    connection.unregister(INCOMING)
    current = [artifact for artifact, _, is_current in files if is_current]
    [(surplus, shown)] = connection.execute(
        "select (select count(*) from"
        f' (from warehouse.main."{table}" where artifact in (select unnest($artifacts))'
        " except all from in_files)),"
        f' (select count(*) from warehouse.main."{table}" where artifact in (select unnest($current)))',
        {"artifacts": list(rows), "current": current},
    ).fetchall()
    if surplus == 0 and shown == sum(len(rows[artifact]) for artifact in current):
        # All rows that are shown are in the files, and they are as many: none is lacking.
        return 0
    [(lacking,)] = connection.execute(
        "select count(*) from (from in_files where artifact in (select unnest($current))"
        f' except all from warehouse.main."{table}")',
        {"current": current},
    ).fetchall()
    return int(surplus) + int(lacking)


def _unlike_result(
    connection: duckdb.DuckDBPyConnection, table: str, files: Sequence[tuple[str, Path, bool]]
) -> int:
    """As `_unlike`, for a table of the schema `results`: it has exactly the rows of its one current file."""
    current = [(artifact, file) for artifact, file, is_current in files if is_current]
    if not current:
        return 0
    rows = [rows_of_file(artifact, file) for artifact, file in current]
    show_rows(connection, rows)
    stored = f"warehouse.{quoted(table)}"
    is_there = table in result_tables(connection, "warehouse")
    if not is_there or connection.sql(f"from {stored}").columns != connection.sql(f"from {INCOMING}").columns:
        return sum(map(len, rows))
    [(differing,)] = connection.execute(
        f"select count(*) from ((from {stored} except all from {INCOMING})"
        f" union all (from {INCOMING} except all from {stored}))"
    ).fetchall()
    connection.unregister(INCOMING)
    return int(differing)
