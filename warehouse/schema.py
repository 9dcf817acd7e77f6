"""Applies the schema, views and summaries of `sql/` to a DuckDB file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import duckdb

from alignhouse.warehouse.errors import BrokenWarehouse
from alignhouse.warehouse.jobs import canonical

VIEW_STEPS = ("staging", "marts")


def sql_files(*folders: str) -> dict[str, str]:
    """Name -> text of each .sql file in folders of `sql/`, sorted by name."""
    return dict(_read(folders))


@cache
def _read(folders: tuple[str, ...]) -> Mapping[str, str]:
    folder: Traversable = files("alignhouse.sql").joinpath(*folders)
    found = {each.name[:-4]: each for each in folder.iterdir() if each.name.endswith(".sql")}
    return {name: found[name].read_text(encoding="utf-8") for name in sorted(found)}


@cache
def statement(name: str) -> str:
    """The text of a statement of `sql/statements`."""
    return sql_files("statements")[name]


def migrate(connection: duckdb.DuckDBPyConnection) -> bool:
    """Apply missing migrations, and recreate views and summaries if their definitions changed.

    Runs in one transaction. Returns whether anything changed.

    Raises
    ------
    BrokenWarehouse : a newer version of alignhouse wrote the warehouse.
    """
    queries, mark = _queries(), _mark()
    stored = sql_files("summaries").keys()
    with transaction(connection):
        connection.execute("create table if not exists migration (name varchar primary key)")
        done = _done(connection)
        refuse_newer(done)
        steps = sql_files("schema")
        todo = {name: text for name, text in steps.items() if name not in done}
        if not todo and mark in done:
            return False
        for text in todo.values():
            connection.execute(text)
        for name, query in queries.items():
            kind = "table" if name in stored else "view"
            connection.execute(f'create or replace {kind} "{name}" as\n{query}')
        connection.execute("delete from stale_scope")
        connection.execute("delete from migration where name like 'views %'")
        connection.executemany("insert into migration values (?)", [[name] for name in (*todo, mark)])
    return True


def is_current(done: Iterable[str]) -> bool:
    """Whether `migrate` has nothing to do in a file with these rows in its table `migration`."""
    return set(done) == {*sql_files("schema"), _mark()}


@cache
def table_names() -> frozenset[str]:
    """The names of all tables that the files of `sql/schema` create and keep."""
    text = "".join(sql_files("schema").values())
    return frozenset(re.findall(r"\bcreate table (\w+)", text))


@contextmanager
def empty_tables() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory with every table of the newest schema, without rows."""
    with duckdb.connect() as connection:
        for text in sql_files("schema").values():
            connection.execute(text)
        yield connection


@cache
def columns_of_tables() -> dict[str, frozenset[str]]:
    """Table of `sql/schema` -> its columns."""
    found: dict[str, set[str]] = {}
    with empty_tables() as connection:
        rows = connection.execute("select table_name, column_name from duckdb_columns() where not internal")
        for table, column in rows.fetchall():
            found.setdefault(table, set()).add(column)
    return {table: frozenset(columns) for table, columns in found.items()}


def views() -> dict[str, str]:
    """The definitions of all views, each after the views that it reads from."""
    return in_order_of_need(_views())


def refuse_newer(done: Iterable[str]) -> None:
    """Raise BrokenWarehouse if `done` has a migration that this version does not know."""
    known = sql_files("schema")
    if newer := [name for name in sorted(done) if name not in known and not name.startswith("views ")]:
        raise BrokenWarehouse(
            "this warehouse was written by a newer alignhouse",
            found=", ".join(newer),
            hint="install the newer version",
        )


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Run the statements of a block in one transaction: all or none take effect."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def tables_read_by(queries: Iterable[str]) -> set[str]:
    """The tables that queries read, directly or through views."""
    return _read_by(queries) - _views().keys()


def views_read_by(queries: Iterable[str]) -> dict[str, str]:
    """The definitions of the views that queries read, each after the views that it reads from."""
    read = _read_by(queries)
    return {name: query for name, query in views().items() if name in read}


def in_order_of_need(queries: Mapping[str, str]) -> dict[str, str]:
    """Queries by name, each after the queries that it reads from.

    Raises
    ------
    BrokenWarehouse : the queries depend on each other in a cycle.
    """
    ordered: dict[str, str] = {}

    def add(name: str, asked_by: tuple[str, ...]) -> None:
        if name in asked_by:
            raise BrokenWarehouse(f"queries need each other in a circle: {' -> '.join((*asked_by, name))}")
        if name in ordered:
            return
        for other in sorted(_sources(queries[name]) & queries.keys()):
            add(other, (*asked_by, name))
        ordered[name] = queries[name]

    for name in queries:
        add(name, ())
    return ordered


def _read_by(queries: Iterable[str]) -> set[str]:
    """The tables and views that queries read, directly or through views."""
    views, todo = _views(), list(queries)
    found: set[str] = set()
    while todo:
        for name in _sources(todo.pop()) - found:
            found.add(name)
            if name in views:
                todo.append(views[name])
    return found


def _sources(query: str) -> set[str]:
    """The names after "from" and "join", including the query's own CTEs."""
    return set(re.findall(r"\b(?:from|join)\s+(\w+)", re.sub(r"--.*", "", query)))


def _views() -> dict[str, str]:
    return {name: text for step in VIEW_STEPS for name, text in sql_files("views", step).items()}


def _queries() -> dict[str, str]:
    """The definitions of all views and summaries, each after the ones that it reads from."""
    return in_order_of_need({**_views(), **sql_files("summaries")})


def _mark() -> str:
    """The entry of the migration table for the current definitions of views and summaries."""
    content = canonical([_queries(), sorted(sql_files("summaries"))])
    return f"views {hashlib.sha256(content.encode()).hexdigest()}"


def _done(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {row[0] for row in connection.execute("select name from migration").fetchall()}
