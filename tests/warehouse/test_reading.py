"""A query reads its own warehouse and nothing else, whoever wrote the query or the file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from command_line import alignhouse
from made_up_warehouse import made_up_warehouse

from alignhouse.warehouse import BadInput, Warehouse
from alignhouse.warehouse.errors import BrokenWarehouse
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.schema import table_names, views
from alignhouse.warehouse.store import WORKING, Writer

REFUSED = (
    "select * from read_text('{secret}')",
    "select * from read_blob('{own}')",
    "select * from read_csv('{secret}', header = false)",
    "select * from read_json('{secret}')",
    "select * from read_parquet('{parquet}')",
    "select * from parquet_metadata('{parquet}')",
    "select * from '{secret}'",
    "select * from '{parquet}'",
    "select * from glob('{folder}/*')",
    "select * from glob('{own}')",
    "select * from query('select * from read_text(''{secret}'')')",
    "select * from read_duckdb('{own}', table_name = 'alignment')",
    "select * from read_text('https://example.org/')",
    "copy alignment to '{folder}/new.csv'",
    "copy alignment to '{own}'",
    "copy alignment to '{own}.wal'",
    "copy alignment from '{secret}'",
    "explain analyze copy alignment to '{own}'",
    "explain analyze create table memory.main.network as select 1",
    "explain (analyze) create or replace view memory.main.network as select 1",
    "pragma import_database('{folder}')",
    "pragma copy_database('warehouse', 'memory')",
    "with gone as (delete from alignment returning *) from gone",
    "select 1; copy alignment to '{folder}/new.csv'",
    "attach '{own}' as again",
    "attach '{folder}/new.duckdb' as other",
    "attach ':memory:' as other",
    "attach '{own}' as again; update again.alignment set rho = 0",
    "detach warehouse",
    "export database '{folder}/new'",
    "import database '{folder}'",
    "install httpfs",
    "load httpfs",
    "load '{secret}'",
    "create secret s (type http, bearer_token 'x')",
    "create table mine as select 1",
    "create view network as select 1",
    "delete from alignment",
    "update alignment set rho = 0",
    "drop view network",
    "use warehouse",
    "set threads = 1",
    "set memory_limit = '1GB'",
    "reset lock_configuration",
    "set enable_external_access = true",
    "set file_search_path = '{folder}'",
    "set temp_directory = '{folder}'",
    "pragma threads = 1",
    "pragma enable_profiling",
    "pragma profiling_output = '{folder}/new.json'",
    "select * from enable_logging(storage = 'file', storage_path = '{folder}/new')",
    "call enable_logging()",
    "prepare p as select 1",
    "checkpoint",
)
# DuckDB opens these files only when rows are fetched.
REFUSED_LATER = (
    "select * from sniff_csv('{secret}')",
    "select content from (select '{secret}' as path) as files, lateral (select * from read_text(path))",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(
        shutil.copytree(made_up_warehouse(tmp_path_factory), tmp_path_factory.mktemp("reading") / "w")
    )
    (folder.parent / "secret.txt").write_text("secret,1\n")
    return folder


@pytest.fixture
def received(made: Path, tmp_path: Path) -> Path:
    """A copy of the warehouse, to be changed by its sender."""
    shutil.copytree(made, tmp_path / "received")
    return tmp_path / "received"


def changed(folder: Path, *statements: str) -> Path:
    with duckdb.connect(str(folder / SNAPSHOT)) as connection:
        for statement in statements:
            connection.execute(statement)
    return folder


def state(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_query_that_leaves_the_warehouse_is_refused_and_writes_nothing(made: Path) -> None:
    names = {
        "secret": made.parent / "secret.txt",
        "own": made / SNAPSHOT,
        "parquet": next(made.rglob("*.parquet")),
        "folder": made.parent,
    }
    before = state(made.parent)
    with Warehouse.open(made) as opened:
        for query in REFUSED:
            with pytest.raises(BadInput, match="the SQL was refused"):
                opened.sql(query.format(**names))
                pytest.fail(f"answered: {query}")
        for query in REFUSED_LATER:
            with pytest.raises((BadInput, duckdb.PermissionException)):
                opened.sql(query.format(**names)).fetchall()
                pytest.fail(f"answered: {query}")
        assert opened.sql("select count(*) > 0 from alignment").fetchall() == [(True,)]
    assert state(made.parent) == before


def test_even_the_bare_connection_opens_no_file(made: Path) -> None:
    own = made / SNAPSHOT
    with Warehouse.open(made) as opened:
        for query in (f"copy alignment to '{own}.wal'", f"from read_blob('{own}')", f"from glob('{own}')"):
            with pytest.raises(duckdb.PermissionException):
                opened.connection.execute(query)
        with pytest.raises(duckdb.Error, match="locked"):
            opened.connection.execute("set disabled_filesystems = ''")


def test_a_variable_of_the_calling_program_is_no_table(made: Path) -> None:
    secret = duckdb.sql("select 1 as x").to_arrow_table()
    with Warehouse.open(made) as opened, pytest.raises(BadInput, match="secret"):
        opened.sql("select * from secret")
    assert secret.num_rows == 1


def test_queries_that_only_read_are_answered(made: Path) -> None:
    with Warehouse.open(made) as opened:
        assert opened.sql("pivot alignment on roi using max(rho) group by model").fetchall()
        assert opened.sql("describe alignment").fetchall()[0][:4] == ("protocol", "VARCHAR", "NO", None)
        assert opened.sql("pragma table_info('alignment')").fetchall()
        for explain in ("explain", "explain analyze", "/* so */ explain (format json)"):
            assert opened.sql(f"{explain} select * from network").fetchall()
        assert opened.sql("summarize noise_ceiling").fetchall()
        opened.sql("set variable region = 'V1'")
        [(count,)] = opened.sql("select count(*) from roi where roi = getvariable('region')").fetchall()
        assert count == 1
        kinds = dict(opened.tables().fetchall())
    assert {name for name, kind in kinds.items() if kind == "BASE TABLE"} >= table_names()
    assert {name for name, kind in kinds.items() if kind == "VIEW"} == views().keys()


def test_the_command_line_refuses_in_one_line(made: Path) -> None:
    for command, stdin in (
        (("sql", f"select * from read_text('{made.parent}/secret.txt')"), ""),
        (("sql", "install httpfs"), ""),
        (("shell",), f"copy (select 1) to '{made.parent}/new.csv';\nselect 1;"),
    ):
        told = alignhouse(*command, "--warehouse", str(made), folder=made.parent, stdin=stdin)
        assert told.stderr.startswith("alignhouse: the SQL was refused: expected a query that reads")
        assert len(told.stderr.splitlines()) == 1
        assert told.returncode == (0 if stdin else 2)
        assert "secret,1" not in told.stdout
    assert not (made.parent / "new.csv").exists()


def test_views_and_macros_of_a_received_file_are_not_used(made: Path, received: Path) -> None:
    secret = made.parent / "secret.txt"
    with Warehouse.open(made) as opened:
        expected = opened.sql("from group_alignment order by all").fetchall()
        networks = opened.ask("networks").fetchall()
        tables, names = opened.tables().fetchall(), opened.names()
    changed(
        received,
        f"create or replace view network as select content as model from read_text('{secret}')",
        "create or replace view group_alignment as select 1 as rho",
        f"create view theirs as select * from read_csv('{secret}')",
        "create macro median(x) as 0.5",
        "create macro quantile_cont(x, q) as 0.5",
        "create macro pragma_storage_info(x) as table select 1",
        "create macro rank() as 1",
    )
    with Warehouse.open(received) as opened:
        assert opened.sql("from group_alignment order by all").fetchall() == expected
        assert opened.ask("networks").fetchall() == networks
        assert opened.tables().fetchall() == tables
        assert opened.names() == names
        with pytest.raises(BadInput, match="the SQL was refused"):
            opened.sql("from theirs")


@pytest.mark.parametrize("older", [(), ("delete from migration where name like 'views %'",)])
def test_a_writer_of_a_received_file_uses_its_own_views_and_functions(
    made: Path, received: Path, older: tuple[str, ...]
) -> None:
    columns = "model, layer, roi, round(rho, 9), round(sem, 9), p_value, remark"
    rows = f"select {columns} from layer_score order by all"
    with Warehouse.open(made) as opened:
        expected = opened.sql(rows).fetchall()
    (received / WORKING).unlink()
    changed(
        received,
        "create or replace view stg_significance as"
        " select distinct protocol, dataset, split, model, layer, roi, 0.9 as p_layer, 0.9 as p_best"
        " from significance",
        "create macro stddev_samp(x) as 0.5",
        f"create macro any_value(x) as (select content from read_text('{made.parent}/secret.txt'))",
        "create macro scores(x) as table select 1",
        "create macro duckdb_functions() as table select 'none' as function_name",
        "create macro pragma_storage_info(x) as table select 1",
        "insert into stale_scope values (null, null, null, null)",
        *older,
    )
    with Writer(received, "test") as writer:
        writer.mark_changed()
    with Warehouse.open(received) as opened:
        assert opened.sql(rows).fetchall() == expected
    changed(received, "alter table alignment rename to real", "create view alignment as select * from real")
    (received / WORKING).unlink()
    with pytest.raises(BrokenWarehouse, match="alignment is not a table"), Writer(received, "test"):
        pass


@pytest.mark.parametrize("table", ["alignment", "best_layer", "migration"])
def test_a_received_file_whose_table_is_a_view_is_refused(received: Path, table: str) -> None:
    changed(received, f"alter table {table} rename to real", f"create view {table} as select * from real")
    with pytest.raises(BrokenWarehouse, match=f"{table} is not an? table"):
        Warehouse.open(received)


def test_an_older_file_whose_table_is_a_view_is_refused(received: Path) -> None:
    changed(
        received,
        "delete from migration where name like 'views %'",
        "alter table alignment rename to real",
        "create view alignment as select * from real",
    )
    with pytest.raises(BrokenWarehouse, match="alignment is not a table"):
        Warehouse.open(received)


def without_a_table(folder: Path) -> None:
    changed(folder, "drop table subject")


def of_no_kind(folder: Path) -> None:
    (folder / SNAPSHOT).write_bytes(b"SQLite format 3\x00" + bytes(8000))


def cut(folder: Path) -> None:
    with (folder / SNAPSHOT).open("rb+") as file:
        file.truncate(20_000)


@pytest.mark.parametrize("damage", [without_a_table, of_no_kind, cut])
def test_a_file_that_is_no_warehouse_is_one_line_that_names_it(
    received: Path, damage: Callable[[Path], None]
) -> None:
    damage(received)
    told = alignhouse("ask", "networks", "--warehouse", str(received), folder=received.parent)
    assert told.returncode == 1
    assert told.stderr.startswith(f"alignhouse: snapshot {received / SNAPSHOT}: expected the tables of")
    assert len(told.stderr.splitlines()) == 1


def test_any_name_of_a_folder_is_opened(made: Path, tmp_path: Path) -> None:
    query = ("sql", "select count(*) from model", "--warehouse")
    for name in ("a?b=c", "it's here", "sqlite:x", "md:y", "äö #%20"):
        shutil.copytree(made, tmp_path / name)
        told = alignhouse(*query, name, folder=tmp_path)
        assert told.returncode == 0, told.stderr
    shutil.copytree(made, tmp_path / "a\\b")
    told = alignhouse(*query, "a\\b", folder=tmp_path)
    assert (told.returncode, len(told.stderr.splitlines())) == (2, 1)
    assert "no backslash" in told.stderr


def test_times_of_runs_reach_python_and_every_format(made: Path) -> None:
    with Warehouse.open(made) as opened:
        [row] = opened.sql("select started_at, [started_at] as nested from run limit 1").fetchall()
    assert row[1] == [row[0]]
    assert row[0].utcoffset() is not None
    for form in ("table", "csv", "json", "markdown"):
        query = ("sql", "select * from run limit 1", "--warehouse", str(made), "--format", form)
        told = alignhouse(*query, folder=made.parent)
        assert (told.returncode, told.stderr) == (0, "")
        assert f"{row[0]:%Y-%m-%d}" in told.stdout
