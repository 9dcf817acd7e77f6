"""Statistics of users: stored with their provenance, seen by locked readers, restored by a rebuild."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest
from small_studies import contents, do, lose_the_duckdb_files, study

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.artifacts import files
from alignhouse.warehouse.checks import altered_rows, broken_artifacts, broken_rules
from alignhouse.warehouse.copies import copy_warehouse
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse, WarehouseLocked
from alignhouse.warehouse.progress import Silent
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.rebuild import rebuild
from alignhouse.warehouse.results import AddedResult, add_result, check_result_name, sha256_of_rows
from alignhouse.warehouse.store import Writer
from alignhouse.warehouse.vacuum import vacuum

ROWS = pl.DataFrame(
    {
        "roi": ["V1", None, "MT"],
        "Rho (mean)": [0.1 + 0.2, math.nan, None],
        "n": pl.Series([2**40, -1, None], dtype=pl.Int64),
        "half": pl.Series([0.1, 1e-40, 3e38], dtype=pl.Float32),
        "is_found": [True, False, None],
        "day": [dt.date(2026, 1, 2), None, dt.date(1969, 7, 20)],
        "at": [dt.datetime(2026, 1, 2, 3, 4, 5, 678901), None, dt.datetime(1969, 7, 20)],
    }
)
OTHER = pl.DataFrame({"other": ["a", "b"]})


def add(folder: Path, rows: pl.DataFrame = ROWS, name: str = "mine", **changes: object) -> AddedResult:
    given: dict = {"description": "by hand", "author": "me", "replace": False}
    return add_result(folder, rows, name, **{**given, **changes})


def stored(folder: Path, name: str = "mine") -> pl.DataFrame:
    with Warehouse(folder) as warehouse:
        return warehouse.sql(f"from results.{name}").pl()


def faults(folder: Path) -> list[str]:
    with Warehouse(folder) as warehouse:
        return [
            *broken_rules(warehouse),
            *broken_artifacts(warehouse, Silent()),
            *altered_rows(warehouse, Silent()),
        ]


@pytest.fixture(scope="session")
def one_result(two_studies: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with the result `mine`; tests only read it, or copy it (`warehouse`)."""
    folder = Path(shutil.copytree(two_studies, tmp_path_factory.mktemp("one_result") / "w"))
    assert str(add(folder)) == "results.mine, 3 rows: added"
    return folder


@pytest.fixture
def warehouse(one_result: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(one_result, tmp_path / "w"))


def files_of_results(folder: Path) -> list[Path]:
    return [path for path in files(folder) if "results.mine" in str(path)]


def test_rows_come_back_as_they_were_given(one_result: Path) -> None:
    warehouse = one_result
    assert stored(warehouse).equals(ROWS, null_equal=True)
    assert stored(warehouse).schema == ROWS.schema
    assert faults(warehouse) == []


def test_provenance_is_who_when_how_and_the_hash_of_the_file(warehouse: Path) -> None:
    before = dt.datetime.now(dt.UTC)
    add(warehouse, description=" mean of subjects ", author=None, replace=True)
    with Warehouse(warehouse) as opened:
        [row] = opened.ask("results").pl().to_dicts()
    assert (row["result"], row["rows"]) == ("mine", 3)
    assert row["description"] == "mean of subjects"
    assert row["author"]
    assert row["command"] == "add_results(name='mine')"
    assert row["version"]
    assert before <= row["added_at"] <= dt.datetime.now(dt.UTC)
    file = warehouse / row["path"]
    assert pl.read_parquet(file, hive_partitioning=False).equals(ROWS, null_equal=True)
    assert row["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_same_rows_again_change_nothing(warehouse: Path) -> None:
    with Warehouse(warehouse) as opened:
        before = opened.sql("select artifact, registered_at from artifact order by all").fetchall()
    assert add(warehouse).status == "stored already"
    with Warehouse(warehouse) as opened:
        assert opened.sql("select artifact, registered_at from artifact order by all").fetchall() == before


def test_a_stored_result_is_replaced_only_on_request(warehouse: Path) -> None:
    with pytest.raises(BadInput, match="there is a result 'mine' with other rows"):
        add(warehouse, OTHER)
    with pytest.raises(BadInput, match="there is a result 'mine' with other rows or another description"):
        add(warehouse, description="in another way")
    assert stored(warehouse).equals(ROWS)
    assert add(warehouse, OTHER, replace=True).status == "replaced"
    assert stored(warehouse).equals(OTHER)
    # Back to the first: its files are still there.
    assert add(warehouse, replace=True).status == "replaced"
    assert stored(warehouse).equals(ROWS)
    assert faults(warehouse) == []
    with Warehouse(warehouse) as opened:
        assert opened.sql("select result, description from result").fetchall() == [("mine", "by hand")]


NAMES = {
    "Mine": "lower-case letters",
    "1st": "a letter first",
    "": "lower-case letters",
    "a" * 64: "at most 63",
    "my-result": "underscores",
    'x" as select 1; drop table run; --': "underscores",
    "../mine": "underscores",
    "select": "a word of SQL",
    "alignment": "the name of a table or view",
    "best_layer": "the name of a table or view",
    "result": "the name of a table or view",
    "results": "the name of a table or view",
    "leaderboard": "the name of a question",
}


def test_a_name_that_means_something_else_is_refused(one_result: Path) -> None:
    with Warehouse(one_result) as opened:
        tables = [table for table, _ in opened.tables().fetchall()]
    for name, message in NAMES.items():
        with pytest.raises(BadInput, match=message):
            check_result_name(name, tables)
    before = contents(one_result)
    for name in ("../mine", "best_layer"):
        with pytest.raises(BadInput, match=NAMES[name]):
            add(one_result, name=name)
    assert contents(one_result) == before


BAD_ROWS = {
    "no rows": (ROWS.head(0), "at least one row"),
    "no columns": (pl.DataFrame(), "at least one row"),
    "lists": (pl.DataFrame({"a": [[1]]}), "column 'a' of a result: expected numbers"),
    "structs": (pl.DataFrame({"a": [{"b": 1}]}), "found Struct"),
    "only nulls": (pl.DataFrame({"a": [None]}), "found Null"),
    "objects": (pl.DataFrame({"a": [object()]}), "found Object"),
    "decimals": (pl.DataFrame({"a": pl.Series(["1.5"]).cast(pl.Decimal(10, 2))}), "found Decimal"),
    "the artifact's column": (pl.DataFrame({"Artifact": [1]}), "other than artifact"),
    "a column without name": (pl.DataFrame({" ": [1]}), "printable letters"),
    "a column with a newline": (pl.DataFrame({"a\nb": [1]}), "printable letters"),
    "columns that SQL takes for one": (pl.DataFrame({"rho": [1], "Rho": [2]}), "several are called"),
}


def test_rows_that_sql_cannot_hold_are_refused(one_result: Path) -> None:
    before = contents(one_result)
    for case, (rows, message) in BAD_ROWS.items():
        with pytest.raises(BadInput, match=message):
            add(one_result, rows, "other")
            pytest.fail(case)
    assert contents(one_result) == before


def test_a_description_is_needed(one_result: Path) -> None:
    with pytest.raises(BadInput, match="expected a description"):
        add(one_result, name="other", description=" ")


def test_nothing_is_made_where_no_warehouse_is(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        add(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_a_warehouse_that_is_written_to_refuses(warehouse: Path) -> None:
    with Writer(warehouse, "alignhouse run"), pytest.raises(WarehouseLocked):
        add(warehouse)


def test_the_locked_reader_gives_the_users_columns_and_reaches_nothing_else(warehouse: Path) -> None:
    with Warehouse(warehouse) as opened:
        assert opened.sql("from results.mine").columns == ROWS.columns
        assert [row[0] for row in opened.columns("results.mine").fetchall()] == ROWS.columns
        assert ("results.mine", "BASE TABLE") in opened.tables().fetchall()
        assert {"mine", "Rho (mean)"} <= set(opened.names())
        with pytest.raises(BadInput):
            opened.sql("drop table results.mine")
        with pytest.raises(BadInput):
            opened.sql("create table results.other as select 1")


def test_a_rebuild_makes_the_same_tables_again(warehouse: Path) -> None:
    add(warehouse, pl.DataFrame({"x": [1]}), "second")
    add(warehouse, pl.DataFrame({"y": ["a", "b"]}), "second", replace=True)
    before, second = main_rows(warehouse), stored(warehouse, "second")
    lose_the_duckdb_files(warehouse)
    rebuild(warehouse, "test")
    assert stored(warehouse).equals(ROWS)
    assert stored(warehouse, "second").equals(second)
    assert main_rows(warehouse) == before
    assert faults(warehouse) == []


def test_a_rebuild_without_a_journal_has_the_newest_rows(warehouse: Path) -> None:
    add(warehouse, OTHER, replace=True)
    lose_the_duckdb_files(warehouse)
    (warehouse / "journal.jsonl").unlink()
    assert rebuild(warehouse, "test").by_file_time
    assert stored(warehouse).equals(OTHER)
    assert faults(warehouse) == []


def test_a_copy_has_the_results(warehouse: Path, tmp_path: Path) -> None:
    copy_warehouse(warehouse, tmp_path / "copy", "test")
    assert stored(tmp_path / "copy").equals(ROWS)
    assert faults(tmp_path / "copy") == []


def test_a_vacuum_removes_replaced_rows_and_keeps_the_current_ones(warehouse: Path) -> None:
    [older] = files_of_results(warehouse)
    add(warehouse, OTHER, replace=True)
    both = files_of_results(warehouse)
    assert len(both) == 2
    vacuum(warehouse, "test")
    assert files_of_results(warehouse) == [path for path in both if path != older]
    lose_the_duckdb_files(warehouse)
    rebuild(warehouse, "test")
    assert stored(warehouse).equals(OTHER)
    assert faults(warehouse) == []


def test_a_study_that_runs_afterwards_keeps_them(warehouse: Path) -> None:
    do(warehouse, study(2))
    assert stored(warehouse).equals(ROWS)
    assert faults(warehouse) == []


CHANGES = {
    "a changed number": "update results.mine set \"n\" = 7 where roi = 'V1'",
    "a row more": "insert into results.mine from results.mine limit 1",
    "a row less": "delete from results.mine where roi = 'V1'",
    "another type": 'alter table results.mine rename column "n" to m',
    "no table": "drop table results.mine",
    "a view in its place": "drop table results.mine; create view results.mine as select 1 as n",
}


SLOW_CHANGES = {"a row more", "a view in its place"}


@pytest.mark.parametrize(
    "change",
    [pytest.param(each, marks=[pytest.mark.slow] * (each in SLOW_CHANGES)) for each in CHANGES],
)
def test_a_check_finds_rows_that_are_not_those_of_the_file(change: str, warehouse: Path) -> None:
    with duckdb.connect(str(warehouse / SNAPSHOT)) as connection:
        connection.execute(CHANGES[change])
    with Warehouse(warehouse) as opened:
        found = altered_rows(opened, Silent())
    assert [line for line in found if line.startswith("table results.mine: ")] != []


def test_a_check_finds_a_result_without_its_artifact_or_with_two_rows(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse / SNAPSHOT)) as connection:
        connection.execute("insert into result from result")
        connection.execute("insert into result values ('other', '', '', '', 'no artifact')")
    with Warehouse(warehouse) as opened:
        found = broken_rules(opened)
    assert "dimensions_are_unique: table_name = result, key = mine, times = 2" in found
    assert "rows_have_an_artifact: table_name = result, artifact = no artifact" in found


def test_a_view_of_a_foreign_snapshot_is_not_shown(warehouse: Path) -> None:
    """A view could read what the reader does not expect; only tables are data."""
    with duckdb.connect(str(warehouse / SNAPSHOT)) as connection:
        connection.execute("insert into result select 'evil', '', '', '', artifact from result")
        connection.execute("create view results.evil as select * from read_csv('/etc/passwd')")
        connection.execute('create table results."x"" as y" as select 1 as a')
    with Warehouse(warehouse) as opened:
        assert [name for name, _ in opened.tables().fetchall() if name.startswith("results.")] == [
            "results.mine"
        ]
        with pytest.raises(BadInput):
            opened.sql("from results.evil").fetchall()


def test_an_artifact_that_names_a_strange_table_is_not_registered(warehouse: Path) -> None:
    from small_batches import batch_of

    from alignhouse.warehouse.jobs import Job, Output

    for table in ("results.", "results.X", 'results.a" as select 1; --', "other.mine"):
        output = Output(("facts",), ROWS.head(1).select("n").to_arrow(), table=table)
        with pytest.raises(BrokenWarehouse, match="expected rows of a table of this version"):
            do(warehouse, [batch_of(Job("bad", 1, {"table": table}, {}, "bad"), output)])


def test_a_snapshot_with_views_of_an_older_version_shows_results(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse / SNAPSHOT)) as connection:
        connection.execute("delete from migration where name like 'views %'")
        connection.execute("insert into migration values ('views of another version')")
    assert stored(warehouse).equals(ROWS)


def test_the_hash_of_rows_depends_on_names_types_order_and_every_digit() -> None:
    def series(values: list, kind: type[pl.DataType] = pl.Float64, name: str = "a") -> str:
        return sha256_of_rows(pl.DataFrame({name: pl.Series(values, dtype=kind)}))

    base = series([0.1, 2.0])
    assert series([0.1, 2.0]) == base
    others = [
        series([0.1, 2.0], name="b"),
        series([0.1, 2.0], pl.Float32),
        series([2.0, 0.1]),
        series([math.nextafter(0.1, 1), 2.0]),
        series([0.1, None]),
        series([0.1, math.nan]),
        series(["0.1", "2.0"], pl.String),
        series(["", None], pl.String),
        series([None, ""], pl.String),
    ]
    assert len({base, *others}) == len(others) + 1


def main_rows(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """The rows of the tables of the schema, without when they were registered."""
    lost = {"artifact": 16, "run": None, "journal": None}
    with Warehouse(folder) as warehouse:
        return {
            name: sorted(
                (row[: lost.get(name)] for row in warehouse.sql(f"from warehouse.main.{name}").fetchall()),
                key=repr,
            )
            for name in ("artifact", "result", "subject")
        }
