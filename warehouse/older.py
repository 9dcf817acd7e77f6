"""Reads snapshots of older versions with the schema of this version."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from alignhouse.warehouse.schema import migrate, refuse_newer, sql_files


def show_as_current(connection: duckdb.DuckDBPyConnection, done: Iterable[str]) -> None:
    """Show the attached snapshot `warehouse` with the current schema, in the default database, in memory.

    `done` has the rows of the snapshot's table `migration`.

    Tables that the snapshot lacks are empty, and columns that it lacks are null. Views and summaries are
    computed from its facts. Nothing is copied, and the snapshot is unchanged until a writer migrates it.

    Raises
    ------
    BrokenWarehouse : a newer version wrote the snapshot.
    """
    refuse_newer(done)
    migrate(connection)
    for summary, query in sql_files("summaries").items():
        connection.execute(f'drop table "{summary}"')
        connection.execute(f'create view "{summary}" as\n{query}')
    for table, columns in column_types(connection, "memory").items():
        there = column_types(connection, "warehouse").get(table)
        if there is None:
            continue
        chosen = ", ".join(
            f'"{name}"' if name in there else f'null::{kind} as "{name}"' for name, kind in columns.items()
        )
        connection.execute(f'drop table "{table}"')
        connection.execute(f'create view "{table}" as select {chosen} from warehouse.main."{table}"')


def column_types(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, dict[str, str]]:
    """Table -> column -> type, of a database that is attached."""
    found: dict[str, dict[str, str]] = {}
    rows = connection.execute(
        "select table_name, column_name, data_type from duckdb_columns() inner join duckdb_tables()"
        " using (database_name, schema_name, table_name)"
        " where database_name = $database and schema_name = 'main'",
        {"database": database},
    ).fetchall()
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found
