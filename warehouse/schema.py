"""The schema and the views of `sql/`, brought into a DuckDB file."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import duckdb

from warehouse.errors import BrokenWarehouse

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


def migrate(connection: duckdb.DuckDBPyConnection) -> None:
    """Apply the migrations that a warehouse has not seen, then make its views anew; one transaction."""
    connection.execute("begin")
    try:
        connection.execute("create table if not exists migration (name varchar primary key)")
        done = {row[0] for row in connection.execute("select name from migration").fetchall()}
        steps = sql_files("schema")
        if newer := done - steps.keys():
            raise BrokenWarehouse(
                "this warehouse was written by a newer alignhouse",
                found=", ".join(sorted(newer)),
                hint="install the newer version",
            )
        for name, text in steps.items():
            if name not in done:
                connection.execute(text)
                connection.execute("insert into migration values ($name)", {"name": name})
        for name, text in _in_order_of_need(_views()).items():
            connection.execute(f'create or replace view "{name}" as\n{text}')
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


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
