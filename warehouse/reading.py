"""Opens a published snapshot so that a query reads its tables and nothing else.

A snapshot may come from somebody else. Only its tables are used: this version's views are created in memory,
and views of the same names in the file are ignored. After that, DuckDB can open no file, load no extension
and change no setting, whatever the query says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from alignhouse.warehouse.errors import AlignhouseError, BadInput, BrokenWarehouse
from alignhouse.warehouse.faults import fault_of_file
from alignhouse.warehouse.older import show_as_current
from alignhouse.warehouse.result_names import SCHEMA, described_tables, quoted
from alignhouse.warehouse.schema import is_current, sql_files, table_names, views, views_read_by
from alignhouse.warehouse.sql_errors import query_error
from alignhouse.warehouse.summaries import definitions

_NO_EXTENSIONS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    # Otherwise a query could name a variable of the calling program as a table.
    "python_enable_replacements": False,
}
# Spilling to disk would need the file system, so a query that needs more memory than DuckDB has is an error.
_LOCK = """
set temp_directory = '';
set enable_external_access = false;
set disabled_filesystems = 'LocalFileSystem';
"""
# This version's views are in memory. Names of DuckDB come before those of the file: otherwise a macro in the
# file could replace a function such as median.
_SEARCH_PATH = "set search_path = 'memory.main,system.main,warehouse.main'"
# The name of a writer's database: that of its file.
WRITTEN = "working"
# A pivot without a list of its columns is several statements.
_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.MULTI}
_EXPLAIN = re.compile(r"\s*explain\s+(?:analyze\s+)?(?:\([^()]*\)\s*)?", re.IGNORECASE)
_HARMLESS = re.compile(
    r"\s*(?:set\s+variable|pragma\s+(?:table_info|show_tables|show|version|storage_info|database_list))\b",
    re.IGNORECASE,
)


def open_snapshot(snapshot: Path) -> duckdb.DuckDBPyConnection:
    """A connection to the tables of `snapshot` and to this version's views; it can reach nothing else.

    Raises
    ------
    BrokenWarehouse : the file is not a DuckDB file, a table is missing or not a table, or a newer version
        wrote it.
    """
    # The snapshot is attached to a private in-memory database. If it were opened by path, DuckDB would
    # reuse a database that is already open there, so this process would keep seeing the older snapshot.
    connection = duckdb.connect(config=_NO_EXTENSIONS)
    try:
        attach(connection, snapshot)
        connection.execute(_LOCK)
        _show(connection, snapshot)
        connection.execute("set lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection


def attach(connection: duckdb.DuckDBPyConnection, snapshot: Path) -> None:
    """Attach the DuckDB file `snapshot` to `connection` as the database `warehouse`, read-only.

    Raises
    ------
    BadInput : the path has a backslash, which DuckDB reads as a slash.
    BrokenWarehouse : the file is not a DuckDB file, or is damaged.
    """
    if "\\" in str(snapshot.absolute()):
        raise BadInput(
            f"warehouse {snapshot.parent}",
            expected="a path with no backslash",
            hint="rename or move the folder",
        )
    # An absolute path has no prefix such as "sqlite:", and the type keeps DuckDB from guessing another one.
    quoted = str(snapshot.absolute()).replace("'", "''")
    try:
        connection.execute(f"attach '{quoted}' as warehouse (read_only, type duckdb)")
    except duckdb.Error as error:
        raise _not_ours(snapshot, error) from error


def use_tables_only(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the macros of a writer's file harmless: they could replace functions of DuckDB such as median.

    A writer reads Parquet, so it cannot be locked. Its file may be a copy of a snapshot from somebody else.
    Macros are dropped only before a migration, because listing functions takes DuckDB 50 ms.

    Raises
    ------
    BrokenWarehouse : a table of this version is a view.
    """
    if _has_current_tables(connection):
        return
    try:
        _refuse_views(connection, WRITTEN)
    except duckdb.Error as error:
        raise _not_ours(Path(WRITTEN), error) from error
    # With their schema: a macro in the file could have the name of this function, too.
    macros = connection.execute(
        "select distinct function_name, function_type from system.main.duckdb_functions()"
        f" where database_name = '{WRITTEN}' and not internal"
    ).fetchall()
    for name, kind in macros:
        quoted = '"' + name.replace('"', '""') + '"'
        connection.execute(f"drop macro {'table ' if kind == 'table_macro' else ''}{quoted}")


def use_own_definitions(connection: duckdb.DuckDBPyConnection) -> None:
    """Use DuckDB's functions and this version's views on a writer's file, not those in the file.

    Temporary views come before stored ones of their name. Statements name the database of what they create.
    """
    connection.execute(f"set search_path = 'system.main,{WRITTEN}.main'")
    connection.execute(_temporary_views())


def only_reads(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raise BadInput if a statement of `query` does more than read, or if several give rows.

    The rows of all but the last would be lost.
    """
    given = connection.extract_statements(query)
    for each in given:
        if each.type is duckdb.StatementType.EXPLAIN and (explained := _EXPLAIN.match(each.query)):
            # With "analyze", the statement is run.
            only_reads(connection, each.query[explained.end() :])
        elif each.type not in _READING and not _HARMLESS.match(each.query):
            raise BadInput(
                "the SQL was refused",
                expected="a query that reads the warehouse, such as select ... from best_layer",
                found=each.type.name.lower().replace("_", " "),
            )
    answers = [each for each in given if each.type is not duckdb.StatementType.SET]
    if len(answers) > 1:
        raise BadInput(
            "the SQL was refused",
            expected="one statement",
            found=len(answers),
            hint="run each alone; `alignhouse shell` takes several",
        )


def statements(connection: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    """The statements of some SQL, without its comments and empty ones.

    Raises
    ------
    BadQuery : the SQL cannot be parsed.
    """
    with refusals():
        return [each.query for each in connection.extract_statements(query)]


def answer_of(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, Any] | None
) -> duckdb.DuckDBPyRelation:
    """The answer of a query that only reads.

    Raises
    ------
    BadInput : the query is wrong, or does more than read the warehouse.
    """
    with refusals():
        only_reads(connection, query)
        try:
            return connection.sql(query, params=parameters)
        except (duckdb.BinderException, duckdb.CatalogException):
            # This fails in the same way, but a prepared statement knows its lines.
            connection.execute(query, parameters)
            raise


@contextmanager
def refusals() -> Iterator[None]:
    """A query that DuckDB refuses becomes a `BadInput`, see `sql_errors`."""
    try:
        yield
    except duckdb.Error as error:
        raise query_error(error) from error


def _show(connection: duckdb.DuckDBPyConnection, snapshot: Path) -> None:
    """Create this version's views in memory, and find the tables of the snapshot by their plain names."""
    try:
        done = {
            name for (name,) in connection.execute("select name from warehouse.main.migration").fetchall()
        }
        if is_current(done):
            connection.execute(_tables_only("warehouse"))
            connection.execute(_SEARCH_PATH)
            connection.execute(
                "".join(f'create view "{name}" as\n{query};\n' for name, query in views().items())
            )
        else:
            _refuse_views(connection, "warehouse")
            show_as_current(connection, done)
        _show_results(connection)
    except duckdb.Error as error:
        raise _not_ours(snapshot, error) from error


def _show_results(connection: duckdb.DuckDBPyConnection) -> None:
    """Create a view in memory for each statistic that users have added, with the columns that they gave."""
    described = described_tables(connection)
    if not described:
        return
    connection.execute(f"create schema if not exists {SCHEMA}")
    for table, stored in described.items():
        connection.execute(f"create view {quoted(table)} as select * exclude (artifact) from {stored}")


@cache
def _tables_only(database: str) -> str:
    """A query without rows that fails unless each table of this version is there and is no view."""
    known = ["migration", *table_names(), *sql_files("summaries")]
    return " union all ".join(
        f"select 1 from system.main.pragma_storage_info('{database}.main.{name}') where false"
        for name in known
    )


@cache
def _temporary_views() -> str:
    """Statements that create the views that a writer reads, which are few: each takes 3 ms."""
    read = {**definitions(), **sql_files("statements"), **sql_files("checks")}
    return "".join(
        f'create temp view "{name}" as\n{query};\n' for name, query in views_read_by(read.values()).items()
    )


def _has_current_tables(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a writer's file has all tables of this version, none of them a view, and needs no migration."""
    try:
        connection.execute(_tables_only(WRITTEN))
    except (duckdb.CatalogException, duckdb.BinderException):
        return False
    return is_current(name for (name,) in connection.execute("select name from migration").fetchall())


def _refuse_views(connection: duckdb.DuckDBPyConnection, database: str) -> None:
    """Refuse a file in which a table is a view; it may be of an older version, so a missing table is fine."""
    rows = connection.execute(
        "select schema_name, view_name from duckdb_views() where database_name = $database",
        {"database": database},
    ).fetchall()
    tables = {"migration", *table_names()}
    if false := sorted(name for schema, name in rows if name in tables or schema == SCHEMA):
        raise duckdb.CatalogException(f"{false[0]} is not a table")


def _not_ours(snapshot: Path, error: duckdb.Error) -> AlignhouseError:
    if (fault := fault_of_file(error)) is not None:
        return fault
    return BrokenWarehouse(
        f"snapshot {snapshot}",
        expected="the tables of an alignhouse warehouse",
        found=str(error).splitlines()[0],
        hint="`alignhouse rebuild` makes it again from the Parquet files",
    )
