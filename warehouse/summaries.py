"""Stored summaries of the facts, kept in step with them: what makes questions fast at any number of rows.

A summary is a table whose definition is a query of `sql/summaries`. In the transaction that changes a table
which a summary reads, the scopes (protocol, data set, split, network) of the changed rows are noted in
`stale_scope`; before anything is published, the rows of those scopes, and no others, are made anew. Readers
open published snapshots only, so that no stale summary is ever seen, however a writer ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import duckdb

from alignhouse.warehouse.schema import in_order_of_need, sql_files, tables_read_by, transaction

SCOPE = ("protocol", "dataset", "split", "model")
# Where more than this share of all scopes has changed, making the summaries anew as a whole is faster.
MOST_PIECEMEAL = 0.25
# Means of the same numbers may differ by this much: they are added up in any order.
TOLERANCE = 1e-9

# The values of a scope that are known; a column that is not there stands for all its values.
Scope = Mapping[str, str]


@cache
def definitions() -> Mapping[str, str]:
    """Summary -> the query that it stores, each after those that it reads."""
    return in_order_of_need(sql_files("summaries"))


def note_change(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[str]) -> None:
    """Note that `rows`, paths of Parquet files, are new in `table`, in the transaction that puts them there.

    What they replace is of the same scopes.
    """
    if table not in _sources():
        return
    there = [name for name in SCOPE if name in _columns(connection, table)]
    if there:
        names = ", ".join(there)
        connection.execute(
            f"insert into stale_scope by name select distinct {names}"
            " from read_parquet($path, hive_partitioning = false)",
            {"path": list(rows)},
        )
    else:
        connection.execute("insert into stale_scope values (null, null, null, null)")


def bring_up_to_date(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the rows of all summaries anew whose scope has changed; one transaction."""
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
    """Summary -> how many of its rows are not those of its definition, or are lacking.

    Numbers may differ by `TOLERANCE`. Computes every summary anew.
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
    """The noted scopes, less those that others cover."""
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
