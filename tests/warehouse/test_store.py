"""The store has one writer, many readers, and no half-written state."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from empty_warehouse import empty_warehouse
from small_batches import batch_of, made

from alignhouse.warehouse import BadInput, Warehouse, WarehouseLocked
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.logs import LOGS
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import WORKING, Writer

NEWER_TABLES = (
    "corrected_significance",
    "layer_choice",
    "layer_vote",
    "score_interval",
    "difference_interval",
    "complexity",
)
HOLD_THE_LOCK = """
import sys
from alignhouse.warehouse.store import Writer
with Writer(sys.argv[1], "a long job"):
    print("writing", flush=True)
    sys.stdin.readline()
"""


def subject_batch(name: str, *, version: int = 1, dataset: str = "d") -> Batch:
    rows = pa.table(
        {"dataset": [dataset], "subject": [name], "subject_order": pa.array([version], pa.int32())}
    )
    job = Job("subject", version, {"subject": name, "dataset": dataset}, {}, name)
    slot = ("dataset", "subject")
    return batch_of(job, Output(("facts", "table=subject"), rows, table="subject", slot=slot))


def fails(job: Job, reporter: Reporter) -> list[Output]:
    raise BadInput("broken file")


def failing_batch() -> Batch:
    return single(Job("bad", 1, {}, {}, "bad"), fails)


def do(folder: Path, *batches: Batch) -> int:
    with Writer(empty_warehouse(folder), "test") as writer, Run(writer, "test", {}) as run:
        run.do("jobs", batches)
        return run.jobs_done


def subjects(folder: Path) -> list[tuple[str, int]]:
    with Warehouse.open(folder) as opened:
        return opened.sql("select subject, subject_order from subject order by all").fetchall()


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("once") / "w"
    do(folder, subject_batch("a"))
    return folder


@pytest.fixture
def with_a(once: Path, tmp_path: Path) -> Path:
    """A warehouse with the subject a."""
    return Path(shutil.copytree(once, tmp_path / "w"))


def test_what_a_job_made_is_there_for_readers(tmp_path: Path) -> None:
    with Writer(tmp_path / "w", "test") as writer, Run(writer, "test", {}) as run:
        run.do("jobs", [subject_batch("a"), subject_batch("b")])
    assert subjects(tmp_path / "w") == [("a", 1), ("b", 1)]


def test_a_done_job_is_not_done_again(tmp_path: Path) -> None:
    assert do(tmp_path, subject_batch("a")) == 1
    before = (tmp_path / SNAPSHOT).stat().st_mtime_ns
    assert do(tmp_path, subject_batch("a")) == 0
    assert (tmp_path / SNAPSHOT).stat().st_mtime_ns == before
    with Warehouse.open(tmp_path) as opened:
        assert opened.sql("select count(*) from run").fetchall() == [(1,)]


def test_readers_see_how_a_run_ended(tmp_path: Path) -> None:
    do(tmp_path, subject_batch("a"), subject_batch("b"))
    with (
        pytest.raises(RuntimeError),
        Writer(tmp_path, "test") as writer,
        Run(writer, "test", {"a": 1}) as run,
    ):
        run.do("jobs", [subject_batch("c")])
        raise RuntimeError
    with Warehouse.open(tmp_path) as opened:
        rows = opened.sql("select run, status, jobs, study from run order by run").fetchall()
    assert rows == [(1, "finished", 2, "{}"), (2, "stopped", 1, '{"a":1}')]


def test_a_newer_version_of_a_method_replaces_the_rows(tmp_path: Path) -> None:
    do(tmp_path, subject_batch("a"), subject_batch("b"))
    assert do(tmp_path, subject_batch("a", version=2)) == 1
    assert subjects(tmp_path) == [("a", 2), ("b", 1)]


def test_a_return_to_earlier_settings_restores_the_earlier_rows(tmp_path: Path) -> None:
    for version in (1, 2, 1):
        assert do(tmp_path, subject_batch("a", version=version)) == 1
        assert subjects(tmp_path) == [("a", version)]


def test_rows_of_another_data_set_stay(tmp_path: Path) -> None:
    do(tmp_path, subject_batch("a", dataset="one"), subject_batch("a", dataset="two", version=2))
    assert subjects(tmp_path) == [("a", 1), ("a", 2)]


def test_files_that_were_not_registered_are_adopted_not_made_again(with_a: Path) -> None:
    batch = subject_batch("b")
    [left_behind] = made(with_a, batch)
    modified = (with_a / left_behind.path).stat().st_mtime_ns
    do(with_a, batch)
    assert (with_a / left_behind.path).stat().st_mtime_ns == modified
    assert subjects(with_a) == [("a", 1), ("b", 1)]


def test_a_lost_file_is_made_again(with_a: Path) -> None:
    [file] = (with_a / "facts").rglob("*.parquet")
    file.unlink()
    assert do(with_a, subject_batch("a")) == 1
    assert file.is_file()
    assert subjects(with_a) == [("a", 1)]


def test_bad_input_in_an_all_or_nothing_block_leaves_no_trace_but_its_log(with_a: Path) -> None:
    before = {
        path: path.read_bytes() for path in with_a.rglob("*") if path.is_file() and path.parent.name != LOGS
    }
    bad = failing_batch()
    with (
        pytest.raises(BadInput, match="broken file"),
        Writer(with_a, "test") as writer,
        Run(writer, "test", {}) as run,
        run.all_or_nothing(),
    ):
        run.do("good", [subject_batch("b")])
        run.do("bad", [bad])
    after = {
        path: path.read_bytes() for path in with_a.rglob("*") if path.is_file() and path.parent.name != LOGS
    }
    assert after == before


def test_a_new_warehouse_without_results_is_removed(tmp_path: Path) -> None:
    with pytest.raises(BadInput), Writer(tmp_path / "new", "test"):
        raise BadInput("no input")
    assert not (tmp_path / "new").exists()


def test_a_second_writer_gets_an_error_that_names_the_lock_holder(with_a: Path) -> None:
    command = [sys.executable, "-c", HOLD_THE_LOCK, str(with_a)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "writing\n"
        with pytest.raises(WarehouseLocked, match=f"process {holder.pid} of .*a long job.*since 20"):
            do(with_a, subject_batch("b"))
        assert subjects(with_a) == [("a", 1)], "readers go on meanwhile"
        holder.stdin.write("\n")
    assert do(with_a, subject_batch("b")) == 1, "a lock file alone locks nothing"


def test_a_reader_keeps_its_snapshot_and_the_next_one_sees_the_newer(with_a: Path) -> None:
    with Warehouse.open(with_a) as early:
        with Writer(with_a, "test") as writer, Run(writer, "test", {}) as run:
            run.do("jobs", [subject_batch("b")])
            writer.publish(force=True)
            assert early.sql("select count(*) from subject").fetchall() == [(1,)]
            assert subjects(with_a) == [("a", 1), ("b", 1)], "in the middle of a run, in this very process"
        assert early.sql("select count(*) from subject").fetchall() == [(1,)]


def test_publishing_keeps_duckdbs_own_lock_on_the_writers_file(tmp_path: Path) -> None:
    with Writer(tmp_path, "test") as writer, Run(writer, "test", {}) as run:
        run.do("jobs", [subject_batch("a")])
        writer.publish(force=True)
        code = "import duckdb, sys; duckdb.connect(sys.argv[1])"
        other = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / WORKING)], capture_output=True, text=True
        )
    assert "lock" in other.stderr


def test_a_warehouse_copied_without_its_working_folder_goes_on(with_a: Path) -> None:
    (with_a / WORKING).unlink()
    assert do(with_a, subject_batch("a"), subject_batch("b")) == 1
    assert subjects(with_a) == [("a", 1), ("b", 1)]


def test_readers_cannot_write(with_a: Path) -> None:
    with Warehouse.open(with_a) as opened, pytest.raises(duckdb.Error, match="read-only"):
        opened.connection.execute("delete from subject")


@pytest.mark.parametrize("exists", [True, False])
def test_no_warehouse_is_an_error_that_says_how_to_make_one(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "w"
    if exists:
        folder.mkdir()
    with pytest.raises(BadInput, match="alignhouse run"):
        Warehouse.open(folder)


def test_an_older_warehouse_is_read_as_if_its_new_tables_were_empty(tmp_path: Path) -> None:
    with Writer(tmp_path, "test") as writer, Run(writer, "test", {}) as run:
        run.do("Subjects", [subject_batch("sub-01")])
    with duckdb.connect(str(tmp_path / SNAPSHOT)) as snapshot:
        for table in NEWER_TABLES:
            snapshot.execute(f"drop table {table}")
        snapshot.execute("drop view network")
        snapshot.execute("delete from migration where name = '0003_statistics' or name like 'views %'")
    before = (tmp_path / SNAPSHOT).read_bytes()
    with Warehouse.open(tmp_path) as opened:
        assert opened.sql("select subject from subject").fetchall() == [("sub-01",)]
        assert all(opened.sql(f"from {table}").fetchall() == [] for table in NEWER_TABLES)
        assert opened.sql("from network").fetchall() == []
    assert (tmp_path / SNAPSHOT).read_bytes() == before


def test_a_warehouse_of_a_newer_version_is_refused(with_a: Path) -> None:
    with duckdb.connect(str(with_a / WORKING)) as connection:
        connection.execute("insert into migration values ('9999_later')")
    with pytest.raises(Exception, match="newer alignhouse.*9999_later"):
        do(with_a, subject_batch("b"))


def test_if_two_files_are_registered_together_the_later_rows_are_kept(tmp_path: Path) -> None:
    older, newer = subject_batch("a", version=1), subject_batch("a", version=2)
    with Writer(tmp_path / "w", "test") as writer, Run(writer, "test", {}) as run, run.all_or_nothing():
        run.do("jobs", [older, newer])
    assert subjects(tmp_path / "w") == [("a", 2)]
    with Warehouse.open(tmp_path / "w") as opened:
        current = opened.sql("select method_version, is_current from artifact order by all").fetchall()
    assert current == [(1, False), (2, True)]
    assert do(tmp_path / "w", older) == 1, "its rows are not those of the table any more"


def test_files_registered_together_replace_rows_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    rows = pa.table({"dataset": ["d"], "subject": ["z"], "subject_order": pa.array([1], pa.int32())})
    whole = Output(("facts", "table=subject"), rows, table="subject", slot=("dataset",))
    replaces_all = batch_of(Job("whole", 1, {}, {}, "whole"), whole)
    with Writer(tmp_path, "test") as writer, Run(writer, "test", {}) as run, run.all_or_nothing():
        run.do("jobs", [subject_batch("a"), replaces_all, subject_batch("b")])
    assert subjects(tmp_path) == [("b", 1), ("z", 1)]


def test_rows_of_many_files_replace_those_of_many_others(tmp_path: Path) -> None:
    do(tmp_path, *(subject_batch(name) for name in "abc"))
    assert do(tmp_path, *(subject_batch(name, version=2) for name in "ab"), subject_batch("d")) == 3
    assert subjects(tmp_path) == [("a", 2), ("b", 2), ("c", 1), ("d", 1)]
    with Warehouse.open(tmp_path) as opened:
        current = "select settings->>'subject', method_version from artifact where is_current order by all"
        assert opened.sql(current).fetchall() == [("a", 2), ("b", 2), ("c", 1), ("d", 1)]
        from_own_file = "select count(*) from subject inner join artifact using (artifact) where is_current"
        assert opened.sql(f"{from_own_file} and subject = settings->>'subject'").fetchall() == [(4,)]


def test_if_a_job_fails_all_earlier_jobs_are_registered(tmp_path: Path) -> None:
    bad = failing_batch()
    with pytest.raises(BadInput, match="broken file"):
        do(tmp_path, *(subject_batch(name) for name in "abc"), bad, subject_batch("d"))
    assert subjects(tmp_path) == [("a", 1), ("b", 1), ("c", 1)]


def test_duckdb_gets_the_memory_of_the_study_but_at_least_what_it_needs(tmp_path: Path) -> None:
    def limit(memory: int) -> str:
        with Writer(tmp_path / "w", "test", memory=memory) as writer:
            [(words,)] = writer.connection.execute("select current_setting('memory_limit')").fetchall()
        return str(words)

    assert limit(2 * 2**30) == "2.0 GiB"
    assert limit(1) == limit(500 * 10**6) == "476.8 MiB"
