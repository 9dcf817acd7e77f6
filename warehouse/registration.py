"""Registers artifacts in a DuckDB file: their records, and their rows in the tables of facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BrokenWarehouse
from alignhouse.warehouse.jobs import canonical
from alignhouse.warehouse.result_names import is_result, quoted, result_tables
from alignhouse.warehouse.schema import columns_of_tables, statement
from alignhouse.warehouse.summaries import note_change

if TYPE_CHECKING:
    import pyarrow as pa

# A view of the rows that are being registered, each with the name of its artifact.
INCOMING = "incoming_rows"


def register_rows(
    connection: duckdb.DuckDBPyConnection,
    written: Sequence[Artifact],
    run: int,
    at: str,
    *,
    are_new: bool = False,
) -> bool:
    """Insert artifacts and their rows; call it inside a transaction. Returns whether rows were replaced.

    Rows with equal values in the columns of a slot are replaced, and their artifacts retired. A table of the
    schema `results` is replaced as a whole.

    Parameters
    ----------
    run : number of the run that registers them. at : time of registration, ISO 8601 in UTC.
    are_new : none of these was registered before, and none is given twice. Replacing records takes DuckDB
        twice as long as inserting them.

    Raises
    ------
    BrokenWarehouse : an artifact names a table or a column that this version does not have.
    """
    retired: set[str] = set()
    for table, alike in _alike(written):
        slot = alike[0].slot
        _check_names(alike[0])
        rows = {each.artifact: rows_of_file(each.artifact, each.verified) for each in alike}
        show_rows(connection, rows.values())
        if len(rows) == 1 or (not is_result(table) and _are_apart(connection, slot)):
            retired |= _put_rows(connection, table, slot)
            retired -= rows.keys()
        else:
            for artifact, of_file in rows.items():
                show_rows(connection, [of_file])
                retired |= _put_rows(connection, table, slot)
                retired.discard(artifact)
        connection.unregister(INCOMING)
    # Insert all records in one statement, because each statement takes milliseconds.
    query = statement("register_artifacts")
    connection.execute(
        query.replace("insert or replace", "insert", 1) if are_new else query,
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


def rows_of_file(artifact: str, path: Path) -> pa.Table:
    """The rows of a file, with a column `artifact`.

    Arrow reads it: DuckDB would take `?`, `*` and `[` in the path of a warehouse for wildcards.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        rows = file.read().replace_schema_metadata(None)
    return rows.append_column("artifact", pa.repeat(artifact, len(rows)))


def show_rows(connection: duckdb.DuckDBPyConnection, rows: Iterable[pa.Table]) -> None:
    """Make or replace the view `INCOMING` of some rows; files of two versions may have other types."""
    import pyarrow as pa

    connection.register(INCOMING, pa.concat_tables(list(rows), promote_options="permissive"))


def _check_names(artifact: Artifact) -> None:
    """Refuse unknown names, because they become part of statements; a received file could name anything."""
    assert artifact.table is not None
    if is_result(artifact.table) and not artifact.slot:
        return
    known = columns_of_tables().get(artifact.table, frozenset())
    if not known or not known.issuperset(artifact.slot):
        raise BrokenWarehouse(
            f"artifact {artifact.path}",
            expected="rows of a table of this version",
            found=f"table {artifact.table}, slot {', '.join(artifact.slot)}",
            hint="another version wrote it, or the file is not from alignhouse; remove it",
        )


def _are_apart(connection: duckdb.DuckDBPyConnection, slot: Sequence[str]) -> bool:
    """Whether no two incoming artifacts share slot values; otherwise the later must replace the earlier."""
    columns = ", ".join(f'"{column}"' for column in slot)
    shared = connection.execute(
        f"select 1 from {INCOMING} group by {columns} having count(distinct artifact) > 1 limit 1"
    ).fetchall()
    return not shared


def _put_rows(connection: duckdb.DuckDBPyConnection, table: str, slot: Sequence[str]) -> set[str]:
    """Insert the incoming rows into their table; returns the artifacts whose rows they replace."""
    if is_result(table):
        return _put_result(connection, table)
    # Table and column names cannot be bound as parameters; `_check_names` has compared them with the schema.
    columns = ", ".join(f'"{column}"' for column in slot)
    same = " and ".join(f'old."{column}" is not distinct from new."{column}"' for column in slot)
    replaced = connection.execute(
        f'delete from "{table}" as old using (select distinct {columns} from {INCOMING}) as new'
        f" where {same} returning old.artifact"
    ).fetchall()
    connection.execute(f'insert into "{table}" by name select * from {INCOMING}')
    note_change(connection, table, INCOMING)
    return {name for (name,) in replaced}


def _put_result(connection: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    """Make the table `results.NAME` of the incoming rows; returns the artifacts whose rows it replaces."""
    [(database,)] = connection.execute(
        "select database_name from duckdb_databases() where not internal"
    ).fetchall()
    name, replaced = f'"{database}".{quoted(table)}', set[str]()
    if table in result_tables(connection, database):
        rows = connection.execute(f"select distinct artifact from {name}").fetchall()
        replaced = {artifact for (artifact,) in rows}
    connection.execute(f"create or replace table {name} as select * from {INCOMING}")
    return replaced


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
