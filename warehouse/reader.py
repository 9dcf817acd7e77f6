"""A published snapshot of a warehouse, open for reading: SQL, named questions, artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import duckdb

from alignhouse.warehouse import artifacts
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse, near_names
from alignhouse.warehouse.files import inside
from alignhouse.warehouse.reading import answer_of, open_snapshot
from alignhouse.warehouse.result_names import quoted
from alignhouse.warehouse.schema import statement

SNAPSHOT = "warehouse.duckdb"


class Warehouse:
    """A published snapshot, open for reading. Use it as a context manager, or `close()` it.

    A query reads this warehouse alone: no other file, no network, no setting (see `warehouse/reading.py`).
    A snapshot of an older version is shown with the current tables and views. Tables that it lacks are empty,
    and summaries that it does not store are computed in each query.

    Raises
    ------
    BadInput : `folder` has no warehouse.
    BrokenWarehouse : a newer version wrote it, or its tables are not those of a warehouse.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        snapshot = self.folder / SNAPSHOT
        if not snapshot.is_file():
            raise BadInput(
                f"warehouse {self.folder}",
                expected=f"a folder with {SNAPSHOT}",
                found="a folder without it" if self.folder.is_dir() else "no such folder",
                hint="make one with `alignhouse run STUDY.toml`, or name it with --warehouse",
            )
        self.connection = open_snapshot(snapshot)

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """The warehouse at `folder`, read-only; the same as `Warehouse(folder)`."""
        return cls(folder)

    def sql(self, query: str, parameters: Mapping[str, Any] | None = None) -> duckdb.DuckDBPyRelation:
        """The result of an SQL query, as a DuckDB relation (`.pl()`, `.to_arrow_table()`, `.fetchall()`).

        Raises
        ------
        BadInput : the query is wrong, or does more than read the warehouse.
        """
        return answer_of(self.connection, query, dict(parameters) if parameters else None)

    def ask(self, question: str, **parameters: Any) -> duckdb.DuckDBPyRelation:
        """The answer to a named question of `sql/questions`, e.g. `ask("best_layer", roi="V1")`.

        Raises
        ------
        BadInput : an unknown question or parameter, or a value that is not in the warehouse.
        """
        from alignhouse.warehouse.questions import question as named

        asked = named(question)
        bound = asked.bind(parameters)
        for each in asked.parameters:
            if each.known_in and parameters.get(each.name) is not None:
                self._check_known(bound[each.name], *each.known_in)
        return self.sql(asked.sql, bound)

    def tables(self) -> duckdb.DuckDBPyRelation:
        """The tables and views: table_name, table_type."""
        return self.sql(statement("tables"))

    def columns(self, table: str) -> duckdb.DuckDBPyRelation:
        """The columns of a table or view, with their types."""
        return self.sql(f"describe {quoted(table)}")

    def known(self, table: str, column: str) -> list[Any]:
        """The distinct values of a column, sorted."""
        rows = self.sql(f'select distinct "{column}" from "{table}" order by all').fetchall()
        return [value for (value,) in rows]

    def names(self) -> list[str]:
        """The names of all tables, views and columns, sorted."""
        return [name for (name,) in self.sql(statement("names")).fetchall()]

    def artifacts(self, query: str, **parameters: Any) -> list[Artifact]:
        """The artifacts that a statement of `sql/statements` selects; reading one verifies its hash.

        Raises
        ------
        BrokenWarehouse : an artifact's path leads out of the warehouse.
        """
        rows = self.sql(statement(query), parameters).fetchall()
        found = [artifacts.from_row(self.folder, row) for row in rows]
        for each in found:
            # A snapshot may come from somebody else. Users may keep folders on another disk, behind links.
            if inside(self.folder, each.path, links=True) is None:
                raise BrokenWarehouse(
                    f"artifact {each.artifact}", expected=f"a file in {self.folder}", found=each.path
                )
        return found

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _check_known(self, value: Any, table: str, column: str) -> None:
        """Refuse unknown values: an empty answer would look like a result."""
        known = self.known(table, column)
        if value not in known:
            raise BadInput(
                f"no {column} called {value!r} in {self.folder}",
                hint=near_names(str(value), known) if known else "there are none yet",
            )
