"""A warehouse of the first release is migrated: its rows stay, and new tables and columns are added."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.schema import migrate
from alignhouse.warehouse.store import Writer

FIRST_RELEASE = Path(__file__).with_name("first_release.sql")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The snapshot that the first release published."""
    snapshot = tmp_path_factory.mktemp("published") / SNAPSHOT
    with duckdb.connect(str(snapshot)) as connection:
        connection.execute(FIRST_RELEASE.read_text(encoding="utf-8"))
    return snapshot


@pytest.fixture
def old(published: Path, tmp_path: Path) -> Path:
    """A warehouse that the first release published."""
    folder = tmp_path / "old.alignhouse"
    folder.mkdir()
    shutil.copyfile(published, folder / SNAPSHOT)
    return folder


def shape(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    return connection.execute(
        "select table_name, column_name, data_type from information_schema.columns"
        " where table_schema = 'main' order by all"
    ).fetchall()


def test_a_warehouse_of_the_first_release_gets_todays_schema_and_keeps_its_rows(old: Path) -> None:
    rows = "select model, layer, roi, subject, rho from alignment order by all"
    with Warehouse.open(old) as opened:
        before = opened.sql(rows).fetchall()
        # Readers can ask an old warehouse that no writer has opened yet.
        assert opened.ask("best_layer", roi="V1").pl()["layer"].to_list() == ["l1"]
    with Writer(old, "test"):
        pass
    with duckdb.connect() as anew:
        migrate(anew)
        expected = shape(anew)
    with Warehouse.open(old) as opened:
        assert shape_of(opened) == expected
        assert opened.sql(rows).fetchall() == before
        [best] = opened.ask("best_layer").pl().rows(named=True)
        # Means of 0.1 and 0.3, and of 0.4 and 0.6.
        assert (best["layer"], best["depth"], best["p_value"]) == ("l1", 1.0, 0.02)
        assert best["rho"] == pytest.approx(0.5)
        [profile] = opened.sql("select rho from depth_profile where depth = 0.5").fetchall()
        assert profile[0] == pytest.approx(0.35)


def shape_of(opened: Warehouse) -> list[tuple[str, str, str]]:
    return [
        row
        for row in opened.sql(
            "select table_name, column_name, data_type from information_schema.columns"
            " where table_schema = 'main' and table_catalog = 'warehouse' order by all"
        ).fetchall()
    ]


def test_a_migration_that_fails_leaves_the_warehouse_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with duckdb.connect(str(old / SNAPSHOT)) as connection:
        before = shape(connection)
        connection.execute("create table stale_scope (in_the_way integer)")
        with pytest.raises(duckdb.CatalogException):
            migrate(connection)
        connection.execute("drop table stale_scope")
        assert shape(connection) == before
        assert migrate(connection)


def test_columns_and_tables_that_an_old_snapshot_lacks_are_empty(old: Path) -> None:
    with duckdb.connect(str(old / SNAPSHOT)) as connection:
        connection.execute("alter table alignment drop column remark")
        connection.execute("drop table noise_ceiling")
    with Warehouse.open(old) as opened:
        assert opened.sql("select distinct typeof(remark), remark from alignment").fetchall() == [
            ("VARCHAR", None)
        ]
        assert opened.sql("from noise_ceiling").fetchall() == []
        assert opened.sql("select count(*) from alignment").fetchall() != [(0,)]
