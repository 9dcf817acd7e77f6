"""Names of the statistics that users add; each is a table of the schema `results`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from alignhouse.warehouse.schema import statement

if TYPE_CHECKING:
    import duckdb

SCHEMA = "results"
# Needs no quotes in SQL, and is a name of a folder everywhere.
_PLAIN = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PREFIX = f"{SCHEMA}."


def result_table(name: str) -> str:
    """The name of the table of a result, as an artifact stores it: `results.NAME`."""
    return _PREFIX + name


def is_plain(name: str) -> bool:
    """Whether a name is lower-case letters, digits and underscores, at most 63, a letter first."""
    return _PLAIN.fullmatch(name) is not None


def is_result(table: str) -> bool:
    """Whether a table that an artifact names is `results.NAME` with a plain name."""
    return table.startswith(_PREFIX) and is_plain(table.removeprefix(_PREFIX))


def result_tables(connection: duckdb.DuckDBPyConnection, database: str) -> list[str]:
    """The tables `results.NAME` of an open database, sorted; views of that schema are left out."""
    # A parameter would make DuckDB import numpy.
    rows = connection.execute(statement("result_tables")).fetchall()
    return [result_table(name) for place, name in rows if place == database and is_plain(name)]


def described_tables(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The tables `results.NAME` that the table `result` describes -> their quoted names with their database.

    In a snapshot, views without the column `artifact` hide them from their plain names.
    """
    described = {result_table(name) for (name,) in connection.execute(statement("result_names")).fetchall()}
    if not described:
        # Listing tables for the first time takes DuckDB 18 ms.
        return {}
    rows = connection.execute(statement("result_tables")).fetchall()
    return {
        result_table(name): f'"{place}".{quoted(result_table(name))}'
        for place, name in rows
        if is_plain(name) and result_table(name) in described
    }


def quoted(table: str) -> str:
    """The name of a table, `NAME` or `results.NAME`, with quotes for a statement."""
    schema, name = (_PREFIX, table.removeprefix(_PREFIX)) if is_result(table) else ("", table)
    return schema + '"' + name.replace('"', '""') + '"'
