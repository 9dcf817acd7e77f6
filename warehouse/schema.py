"""The schema and the views of `sql/`, brought into a DuckDB file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import duckdb

from warehouse.errors import BrokenWarehouse
from warehouse.jobs import canonical

VIEW_STEPS = ("staging", "marts")


def sql_files(*folders: str) -> dict[str, str]:
    """Name -> text of each .sql file in a folder of `sql/`, in the order of their names."""
    folder: Traversable = files("sql").joinpath(*folders)
    found = {each.name[:-4]: each for each in folder.iterdir() if each.name.endswith(".sql")}
    return {name: found[name].read_text(encoding="utf-8") for name in sorted(found)}


@cache
def statement(name: str) -> str:
    """The text of a statement of `sql/statements`."""
    return sql_files("statements")[name]


def migrate(connection: duckdb.DuckDBPyConnection) -> bool:
    """Apply the migrations that a warehouse has not seen, and make its views anew where they have changed.

    One transaction; gives whether anything changed.

    Raises
    ------
    BrokenWarehouse : a newer version of alignhouse wrote the warehouse.
    """
    views = _in_order_of_need(_views())
    mark = _mark(views)
    with transaction(connection):
        connection.execute("create table if not exists migration (name varchar primary key)")
        done = _done(connection)
        steps = sql_files("schema")
        if newer := {name for name in done - steps.keys() if not name.startswith("views ")}:
            raise BrokenWarehouse(
                "this warehouse was written by a newer alignhouse",
                found=", ".join(sorted(newer)),
                hint="install the newer version",
            )
        todo = {name: text for name, text in steps.items() if name not in done}
        if not todo and mark in done:
            return False
        for text in [
            *todo.values(),
            *(f'create or replace view "{name}" as\n{views[name]}' for name in views),
        ]:
            connection.execute(text)
        connection.execute("delete from migration where name like 'views %'")
        connection.executemany("insert into migration values (?)", [[name] for name in (*todo, mark)])
    return True


def is_current(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether `migrate` would find nothing to do; the connection may be read-only."""
    return _done(connection) == {*sql_files("schema"), _mark(_in_order_of_need(_views()))}


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """A block whose statements are all done or none."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _done(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {row[0] for row in connection.execute("select name from migration").fetchall()}


def _mark(views: dict[str, str]) -> str:
    return f"views {hashlib.sha256(canonical(views).encode()).hexdigest()}"


def _views() -> dict[str, str]:
    return {name: text for step in VIEW_STEPS for name, text in sql_files("views", step).items()}


def _in_order_of_need(views: dict[str, str]) -> dict[str, str]:
    """The views, each after those that it reads from."""
    ordered: dict[str, str] = {}

    def add(name: str, asked_by: tuple[str, ...]) -> None:
        if name in asked_by:
            raise BrokenWarehouse(f"views need one another in a circle: {' -> '.join((*asked_by, name))}")
        if name in ordered:
            return
        for other in re.findall(r"\b(?:from|join)\s+(\w+)", re.sub(r"--.*", "", views[name])):
            if other in views:
                add(other, (*asked_by, name))
        ordered[name] = views[name]

    for name in views:
        add(name, ())
    return ordered
