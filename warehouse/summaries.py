"""Stored summaries of the facts, which keep questions fast at any number of rows.

A summary is a table that stores the result of a query of `sql/summaries`. A transaction that changes a source
table also adds the scopes (protocol, data set, split, network) of the changed rows to `stale_scope`. Before
publishing, only the rows of those scopes are recomputed. Readers open only published snapshots, so they never
see a stale summary, even if a writer is killed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import duckdb

from alignhouse.warehouse.schema import (
    columns_of_tables,
    in_order_of_need,
    sql_files,
    tables_read_by,
    transaction,
)

SCOPE = ("protocol", "dataset", "split", "model")
# If more than this share of all scopes has changed, recomputing whole summaries is faster.
MOST_PIECEMEAL = 0.25
# Means of the same numbers may differ this much, because the order of addition varies.
TOLERANCE = 1e-9

# Column -> value; a missing column matches all values.
Scope = Mapping[str, str]


@cache
def definitions() -> Mapping[str, str]:
    """Summary -> the query that defines it, each after the summaries that it reads."""
    return in_order_of_need(sql_files("summaries"))


def note_change(connection: duckdb.DuckDBPyConnection, table: str, rows: str) -> None:
    """Mark the scopes of new rows of `table` as stale; call it in the transaction that inserts them.

    `rows` is a view of these rows. Rows that they replace have the same scopes.
    """
    if table not in _sources():
        return
    there = [name for name in SCOPE if name in columns_of_tables()[table]]
    if there:
        names = ", ".join(there)
        connection.execute(f"insert into stale_scope by name select distinct {names} from {rows}")
    else:
        connection.execute("insert into stale_scope values (null, null, null, null)")


def bring_up_to_date(connection: duckdb.DuckDBPyConnection) -> None:
    """Recompute the summary rows of all stale scopes, in one transaction."""
    with transaction(connection):
        stale = _stale(connection)
        if not stale:
            return
        known = _count(connection, f"select distinct {', '.join(SCOPE)} from best_layer")
        if len(stale) > MOST_PIECEMEAL * known or any("model" not in scope for scope in stale):
            stale = [{}]
        for summary, query in definitions().items():
            for scope in stale:
                where = " and ".join(f"{column} = ${column}" for column in scope) or "true"
                connection.execute(f'delete from "{summary}" where {where}', dict(scope) or None)
                connection.execute(
                    f'insert into "{summary}" by name select * from (\n{query}\n) where {where}',
                    dict(scope) or None,
                )
        connection.execute("delete from stale_scope")


def stale_rows(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Summary -> how many of its rows are wrong or missing, compared with its definition.

    Recomputes every summary. Numbers may differ by `TOLERANCE`.
    """
    found = {}
    for summary, query in definitions().items():
        kinds = _columns(connection, summary)
        same = " and ".join(
            f'abs(stored."{name}" - anew."{name}") <= {TOLERANCE}'
            f' is not false and (stored."{name}" is null) = (anew."{name}" is null)'
            if kind == "DOUBLE"
            else f'stored."{name}" is not distinct from anew."{name}"'
            for name, kind in kinds.items()
        )
        matching = _count(
            connection, f'select 1 from "{summary}" as stored inner join (\n{query}\n) as anew on {same}'
        )
        stored = _count(connection, f'from "{summary}"')
        anew = _count(connection, f"from (\n{query}\n)")
        found[summary] = max(stored, anew) - matching
    return found


def _stale(connection: duckdb.DuckDBPyConnection) -> list[Scope]:
    """The stale scopes, without those that a wider scope covers."""
    rows = connection.execute(f"select distinct {', '.join(SCOPE)} from stale_scope").fetchall()
    scopes = [
        {name: value for name, value in zip(SCOPE, row, strict=True) if value is not None} for row in rows
    ]
    return [
        scope
        for scope in scopes
        if not any(other != scope and other.items() <= scope.items() for other in scopes)
    ]


@cache
def _sources() -> frozenset[str]:
    return frozenset(tables_read_by(definitions().values()))


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Column -> type."""
    described = connection.execute(f'describe "{table}"').fetchall()
    return {row[0]: row[1] for row in described}


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    [(count,)] = connection.execute(f"select count(*) from ({query})").fetchall()
    return int(count)
