"""Migrations, transactions, and the order of queries."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import duckdb
import pytest

from alignhouse.warehouse import schema
from alignhouse.warehouse.errors import BrokenWarehouse
from alignhouse.warehouse.schema import (
    in_order_of_need,
    is_current,
    migrate,
    refuse_newer,
    sql_files,
    statement,
    tables_read_by,
    transaction,
)


def steps(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for (name,) in connection.execute("select name from migration order by all").fetchall()]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, ...], dict[str, str]]:
    """The files of a small schema, which a test may change."""
    folders: dict[tuple[str, ...], dict[str, str]] = {
        ("schema",): {
            "0001": "create table fact (x integer); create table stale_scope (s varchar);",
            "0002": "alter table fact add column y integer",
        },
        ("views", "staging"): {"doubled": "-- from nothing\nselect 2 * x as x from fact"},
        ("views", "marts"): {"all_of": "from total cross join doubled"},
        ("summaries",): {"total": "select sum(x) as total from doubled"},
    }
    monkeypatch.setattr(schema, "sql_files", lambda *folder: folders[folder])
    return folders


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def test_files_of_a_folder_are_read_by_name() -> None:
    found = sql_files("schema")
    names = sorted(each.name for each in files("alignhouse.sql").joinpath("schema").iterdir())
    assert [f"{name}.sql" for name in found] == [each for each in names if each.endswith(".sql")]
    assert all("create table" in text or "alter table" in text for text in found.values())
    assert list(sql_files("views", "staging")) == sorted(sql_files("views", "staging"))
    some = sql_files("statements")
    assert {name: statement(name) for name in some} == some


def test_a_new_file_gets_all_steps_views_and_summaries(
    small: object, connection: duckdb.DuckDBPyConnection
) -> None:
    assert migrate(connection) is True
    first, second, mark = steps(connection)
    assert (first, second, mark[:6], len(mark)) == ("0001", "0002", "views ", 70)
    assert is_current(set(steps(connection)))
    kinds = "select table_name, table_type from information_schema.tables order by all"
    assert connection.execute(kinds).fetchall() == [
        ("all_of", "VIEW"),
        ("doubled", "VIEW"),
        ("fact", "BASE TABLE"),
        ("migration", "BASE TABLE"),
        ("stale_scope", "BASE TABLE"),
        ("total", "BASE TABLE"),
    ]
    assert migrate(connection) is False


def test_a_changed_definition_renews_the_summaries_and_a_new_step_is_added(
    small: dict[tuple[str, ...], dict[str, str]], connection: duckdb.DuckDBPyConnection
) -> None:
    migrate(connection)
    connection.execute("insert into fact values (3, 1); insert into stale_scope values ('s')")
    old = steps(connection)[-1]
    small["views", "staging"]["doubled"] = "select 4 * x as x from fact"
    assert not is_current(set(steps(connection)))
    assert migrate(connection) is True
    assert connection.execute("from total").fetchall() == [(12,)]
    assert connection.execute("from stale_scope").fetchall() == [], "the summaries are new"
    assert old not in steps(connection)
    assert len(steps(connection)) == 3
    small["schema",]["0003"] = "alter table fact add column z integer"
    assert not is_current(set(steps(connection)))
    assert migrate(connection) is True
    assert connection.execute("select x, y, z from fact").fetchall() == [(3, 1, None)]
    assert is_current(set(steps(connection)))
    # A summary that becomes a view has other definitions too.
    before = steps(connection)[-1]
    small["views", "marts"]["other"] = small["summaries",].pop("total").replace("total", "other")
    small["views", "marts"]["all_of"] = "from doubled"
    assert migrate(connection) is True
    assert before not in steps(connection)


def test_a_step_that_fails_changes_nothing(
    small: dict[tuple[str, ...], dict[str, str]], connection: duckdb.DuckDBPyConnection
) -> None:
    small["schema",]["0002"] = "create table more (x integer); select error('no')"
    with pytest.raises(duckdb.Error, match="no"):
        migrate(connection)
    assert connection.execute("show tables").fetchall() == []


def test_a_step_that_is_not_known_was_written_by_a_newer_version(
    small: object, connection: duckdb.DuckDBPyConnection
) -> None:
    migrate(connection)
    connection.execute("insert into migration values ('0004'), ('0003')")
    message = r"newer alignhouse: found 0003, 0004 \(install the newer version\)"
    with pytest.raises(BrokenWarehouse, match=message):
        migrate(connection)
    refuse_newer(["0001", "views of any definition"])


def test_a_transaction_takes_effect_as_a_whole_or_not_at_all(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table t (x integer)")
    with pytest.raises(KeyboardInterrupt), transaction(connection):
        connection.execute("insert into t values (1)")
        raise KeyboardInterrupt
    assert connection.execute("from t").fetchall() == []
    with transaction(connection):
        connection.execute("insert into t values (2)")
    connection.execute("begin")
    connection.execute("rollback")
    assert connection.execute("from t").fetchall() == [(2,)]


def test_tables_are_found_through_views_and_not_in_comments(small: object) -> None:
    assert tables_read_by(["-- from nowhere\nselect 1 from doubled inner join b using (x)"]) == {"fact", "b"}
    assert tables_read_by(["from all_of"]) == {"fact", "total"}
    assert tables_read_by([]) == set()


def test_queries_come_after_those_that_they_read() -> None:
    queries = {"c": "from b join a", "a": "from t", "d": "from t", "b": "from a"}
    assert list(in_order_of_need(queries)) == ["a", "b", "c", "d"]
    assert in_order_of_need(queries) == queries
    with pytest.raises(BrokenWarehouse, match="in a circle: x -> y -> x"):
        in_order_of_need({"x": "from y", "y": "from x"})
