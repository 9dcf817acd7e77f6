"""Registers artifacts in a DuckDB file: their records, and their rows in the tables of facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import duckdb

from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BrokenWarehouse
from alignhouse.warehouse.jobs import canonical
from alignhouse.warehouse.schema import sql_files, statement
from alignhouse.warehouse.summaries import note_change

# A view of the rows that are being registered, each with the name of its artifact.
INCOMING = "incoming_rows"


def register_rows(
    connection: duckdb.DuckDBPyConnection, written: Sequence[Artifact], run: int, at: str
) -> bool:
    """Insert artifacts and their rows; call it inside a transaction. Returns whether rows were replaced.

    Rows with equal values in the columns of a slot are replaced, and their artifacts retired.

    Parameters
    ----------
    run : number of the run that registers them. at : time of registration, ISO 8601 in UTC.

    Raises
    ------
    BrokenWarehouse : an artifact names a table or a column that this version does not have.
    """
    retired: set[str] = set()
    for table, alike in _alike(written):
        slot = alike[0].slot
        _check_names(alike[0])
        for together in [alike] if _are_apart(connection, alike, slot) else [[each] for each in alike]:
            retired |= _put_rows(connection, table, slot, together)
            retired -= {each.artifact for each in together}
    # Insert all records in one statement, because each statement takes milliseconds.
    connection.execute(
        statement("register_artifacts"),
        {
            "artifact": [each.artifact for each in written],
            "job": [each.job for each in written],
            "file_index": [each.position for each in written],
            "of_files": [each.of for each in written],
            "method": [each.method for each in written],
            "method_version": [each.version for each in written],
            "path": [each.path for each in written],
            "sha256": [each.sha256 for each in written],
            "bytes": [each.bytes for each in written],
            "rows": [each.n_rows for each in written],
            "settings": [canonical(each.settings) for each in written],
            "inputs": [canonical(each.inputs) for each in written],
            "table_name": [each.table for each in written],
            "slot": [canonical(each.slot) for each in written],
            "run": run,
            "at": at,
        },
    )
    if retired:
        connection.execute(statement("retire_artifacts"), {"artifact": sorted(retired)})
    return bool(retired)


def show_rows(connection: duckdb.DuckDBPyConnection, name: str, files: Iterable[tuple[str, Path]]) -> None:
    """Make a view `name` of the rows of files, with a column `artifact`. files : artifact and file of each.

    Arrow reads the files: DuckDB would take `?`, `*` and `[` in the path of a warehouse for wildcards.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for artifact, path in files:
        with pq.ParquetFile(path) as file:
            rows = file.read().replace_schema_metadata(None)
        tables.append(rows.append_column("artifact", pa.repeat(artifact, len(rows))))
    connection.register(name, pa.concat_tables(tables, promote_options="permissive"))


def _check_names(artifact: Artifact) -> None:
    """Refuse unknown names, because they become part of statements; a received file could name anything."""
    assert artifact.table is not None
    known = columns_of_tables().get(artifact.table, frozenset())
    if not known or not known.issuperset(artifact.slot):
        raise BrokenWarehouse(
            f"artifact {artifact.path}",
            expected="rows of a table of this version",
            found=f"table {artifact.table}, slot {', '.join(artifact.slot)}",
            hint="another version wrote it, or the file is not from alignhouse; remove it",
        )


@cache
def columns_of_tables() -> dict[str, frozenset[str]]:
    """Table of `sql/schema` -> its columns."""
    with duckdb.connect() as connection:
        for text in sql_files("schema").values():
            connection.execute(text)
        rows = connection.execute("select table_name, column_name from duckdb_columns() where not internal")
        found: dict[str, set[str]] = {}
        for table, column in rows.fetchall():
            found.setdefault(table, set()).add(column)
    return {table: frozenset(columns) for table, columns in found.items()}


def _are_apart(connection: duckdb.DuckDBPyConnection, alike: Sequence[Artifact], slot: Sequence[str]) -> bool:
    """Whether no two artifacts share slot values; otherwise the later must replace the earlier."""
    if len(alike) == 1:
        return True
    show_rows(connection, INCOMING, ((each.artifact, each.verified) for each in alike))
    columns = ", ".join(f'"{column}"' for column in slot)
    shared = connection.execute(
        f"select 1 from {INCOMING} group by {columns} having count(distinct artifact) > 1 limit 1"
    ).fetchall()
    return not shared


def _put_rows(
    connection: duckdb.DuckDBPyConnection, table: str, slot: Sequence[str], alike: Sequence[Artifact]
) -> set[str]:
    """Insert the rows of artifacts into their table; returns the artifacts whose rows they replace."""
    # Table and column names cannot be bound as parameters; `_check_names` has compared them with the schema.
    show_rows(connection, INCOMING, ((each.artifact, each.verified) for each in alike))
    columns = ", ".join(f'"{column}"' for column in slot)
    same = " and ".join(f'old."{column}" is not distinct from new."{column}"' for column in slot)
    replaced = connection.execute(
        f'delete from "{table}" as old using (select distinct {columns} from {INCOMING}) as new'
        f" where {same} returning old.artifact"
    ).fetchall()
    connection.execute(f'insert into "{table}" by name select * from {INCOMING}')
    note_change(connection, table, INCOMING)
    connection.unregister(INCOMING)
    return {name for (name,) in replaced}


def _alike(written: Iterable[Artifact]) -> list[tuple[str, list[Artifact]]]:
    """Table -> artifacts with the same slot, in their original order."""
    found: list[tuple[str, list[Artifact]]] = []
    last: dict[str, list[Artifact]] = {}
    for artifact in written:
        if artifact.table is None:
            continue
        if artifact.table not in last or last[artifact.table][0].slot != artifact.slot:
            last[artifact.table] = []
            found.append((artifact.table, last[artifact.table]))
        last[artifact.table].append(artifact)
    return found
