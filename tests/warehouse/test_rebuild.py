"""A rebuild restores every table as it was, or changes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from small_batches import batch_of
from small_studies import lose_the_duckdb_files
from small_studies import rows_of as tables

from alignhouse.warehouse import Warehouse, store
from alignhouse.warehouse import rebuild as rebuilding
from alignhouse.warehouse.artifacts import files
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.checks import altered_rows
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse
from alignhouse.warehouse.files import sha256_of
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.journal import JOURNAL, Journal, entries_of
from alignhouse.warehouse.progress import Silent
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.rebuild import rebuild
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import REBUILT, UNPUBLISHED, WORKING, Writer

WORKING_FILES = (WORKING, WORKING.with_suffix(".duckdb.wal"))


def study(seed: int) -> list[Batch]:
    """Two jobs: one whose rows depend on the seed, one that all studies share."""
    rows = {"dataset": ["d"], "subject": ["sub-01"], "subject_order": pa.array([seed], pa.int32())}
    other = {"dataset": ["d"], "subject": ["sub-02"], "subject_order": pa.array([7], pa.int32())}
    slot = ("dataset", "subject")
    return [
        batch_of(
            Job("subject", 1, {"seed": number}, {}, "subject"),
            Output(("facts", "table=subject"), pa.table(each), table="subject", slot=slot),
        )
        for number, each in ((seed, rows), (-1, other))
    ]


def run(folder: Path, seed: int) -> None:
    with Writer(folder, "test") as writer, Run(writer, "alignhouse run", {"seed": seed}) as doing:
        doing.do("jobs", study(seed))


@pytest.fixture(scope="module")
def three_studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("three_studies") / "w"
    for seed in (0, 1, 0):
        run(folder, seed)
    return folder


@pytest.fixture
def warehouse(three_studies: Path, tmp_path: Path) -> Path:
    """Study 0, then study 1, then study 0 again, whose files are older than those of study 1."""
    return Path(shutil.copytree(three_studies, tmp_path / "w"))


def test_a_study_that_was_done_again_is_restored(warehouse: Path) -> None:
    before = tables(warehouse)
    assert [row[2] for row in before["subject"]] == [0, 7]
    assert [row[0] for row in before["run"]] == [1, 2, 3]
    lose_the_duckdb_files(warehouse)
    assert rebuild(warehouse, "test").artifacts == 3
    assert tables(warehouse) == before


def test_equal_file_times_mix_no_studies(warehouse: Path) -> None:
    before = tables(warehouse)
    for path in files(warehouse):
        os.utime(path, ns=(1, 1))
    rebuild(warehouse, "test")
    assert tables(warehouse) == before
    # The writer goes on where it was.
    run(warehouse, 1)
    assert [row[2] for row in tables(warehouse)["subject"]] == [1, 7]
    assert [row[0] for row in tables(warehouse)["run"]] == [1, 2, 3, 4]


def test_a_flipped_byte_is_named_and_nothing_changes(warehouse: Path) -> None:
    before = tables(warehouse)
    [damaged, *_] = list(files(warehouse))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    snapshot = sha256_of(warehouse / SNAPSHOT)
    with pytest.raises(BrokenWarehouse, match=rf"1 artifacts.*{damaged.name} \(the content has changed"):
        rebuild(warehouse, "test")
    assert sha256_of(warehouse / SNAPSHOT) == snapshot
    assert tables(warehouse) == before
    rebuilt = rebuild(warehouse, "test", skip_damaged=True)
    assert rebuilt.artifacts == 2
    assert damaged.name in rebuilt.set_aside[0]
    assert damaged.with_name(damaged.name + ".damaged").exists()
    # What was set aside is not adopted, but made again.
    for seed in (0, 1, 0):
        run(warehouse, seed)
    assert tables(warehouse)["subject"] == before["subject"]
    assert damaged.exists()


@pytest.mark.parametrize("how", ["truncated", "missing"])
def test_a_truncated_or_missing_artifact_leaves_the_snapshot(warehouse: Path, how: str) -> None:
    before = tables(warehouse)
    [lost, *_] = list(files(warehouse))
    if how == "missing":
        lost.unlink()
    else:
        os.truncate(lost, 100)
    with pytest.raises(BrokenWarehouse, match=lost.name):
        rebuild(warehouse, "test")
    assert tables(warehouse) == before


def test_any_name_of_a_folder_will_do(three_studies: Path, tmp_path: Path) -> None:
    # As a pattern, each of these names would match other folders only, or break a query.
    folder = tmp_path / "star*" / "[a]" / "it's" / "b{1,2}"
    shutil.copytree(three_studies, folder)
    run(folder, 1)
    before = tables(folder)
    lose_the_duckdb_files(folder)
    rebuild(folder, "test")
    assert tables(folder) == before


@pytest.mark.parametrize("name", ["what?", "back\\slash"])
def test_names_that_duckdb_cannot_open_are_refused_before_anything_changes(
    warehouse: Path, name: str
) -> None:
    before = {path: sha256_of(path) for path in warehouse.rglob("*") if path.is_file()}
    renamed = warehouse.rename(warehouse.with_name(name))
    opening: list[Callable[[], object]] = [
        lambda: rebuild(renamed, "test"),
        lambda: Writer(renamed, "test").__enter__(),
    ]
    for each in opening:
        with pytest.raises(BadInput, match="which DuckDB cannot open"):
            each()
    renamed.rename(warehouse)
    assert {path: sha256_of(path) for path in warehouse.rglob("*") if path.is_file()} == before


def test_an_old_file_that_does_not_open_is_no_obstacle(warehouse: Path) -> None:
    before = tables(warehouse)
    (warehouse / WORKING).write_bytes(b"no database")
    (warehouse / SNAPSHOT).write_bytes(b"no database")
    rebuild(warehouse, "test")
    assert tables(warehouse) == before


class Killed(BaseException):
    pass


@pytest.mark.parametrize(
    "at",
    [
        "repeat",
        "finish_rebuild",
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in ("_verified", "bring_up_to_date", "move_into_place")
        ),
    ],
)
def test_killed_at_any_step_the_old_snapshot_answers_and_a_repetition_finishes(
    warehouse: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tables(warehouse)

    def killed(*arguments: object, **keywords: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(store if at == "move_into_place" else rebuilding, at, killed)
        with pytest.raises(Killed):
            rebuild(warehouse, "test")
    assert tables(warehouse) == before
    rebuild(warehouse, "test")
    assert tables(warehouse) == before


def test_a_finished_file_of_a_killed_rebuild_is_used_by_the_next_writer(warehouse: Path) -> None:
    before = tables(warehouse)
    shutil.copyfile(warehouse / WORKING, warehouse / REBUILT)
    (warehouse / WORKING).write_bytes(b"no database")
    with Writer(warehouse, "test"):
        pass
    assert not (warehouse / REBUILT).exists()
    assert tables(warehouse) == before


def test_an_entry_without_its_commit_is_void(warehouse: Path) -> None:
    before = tables(warehouse)
    Journal(warehouse).append({"registered": [["a", "facts/none.parquet", "0"]], "run": 3, "at": "x"})
    rebuild(warehouse, "test")
    assert tables(warehouse) == before
    run(warehouse, 2)
    after = tables(warehouse)
    lose_the_duckdb_files(warehouse)
    rebuild(warehouse, "test")
    assert tables(warehouse) == after


def test_half_a_line_at_the_end_is_cut_off(warehouse: Path) -> None:
    whole = (warehouse / JOURNAL).read_bytes()
    (warehouse / JOURNAL).write_bytes(whole + b'{"n": 99, "regis')
    with Writer(warehouse, "test"):
        pass
    assert (warehouse / JOURNAL).read_bytes() == whole


def test_a_damaged_journal_is_named_and_made_again_by_the_next_writer(warehouse: Path) -> None:
    lines = (warehouse / JOURNAL).read_bytes().splitlines(keepends=True)
    (warehouse / JOURNAL).write_bytes(b"".join([lines[0], b"garbage\n", *lines[1:]]))
    with pytest.raises(BrokenWarehouse, match=r"journal .*, line 2"):
        rebuild(warehouse, "test")
    before = tables(warehouse)
    with Writer(warehouse, "test"):
        pass
    assert (warehouse / f"{JOURNAL}.damaged").exists()
    lose_the_duckdb_files(warehouse)
    rebuild(warehouse, "test")
    after = tables(warehouse)
    del before["journal"], after["journal"]
    assert after == before


def test_a_warehouse_of_a_version_without_journal_gets_one(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse / WORKING)) as connection:
        connection.execute("drop table journal")
        connection.execute("delete from migration where name like '%journal%'")
    (warehouse / JOURNAL).unlink()
    before = tables(warehouse)
    with Writer(warehouse, "test") as writer:
        assert (writer.folder / UNPUBLISHED).exists()
    kinds = [next(key for key in entry if key not in ("n", "run", "at")) for entry in entries_of(warehouse)]
    assert kinds.count("began") == kinds.count("ended") == 3
    lose_the_duckdb_files(warehouse)
    rebuilt = rebuild(warehouse, "test")
    assert not rebuilt.by_file_time
    after = tables(warehouse)
    del before["journal"], after["journal"], before["migration"], after["migration"]
    assert after == before


def test_without_journal_and_duckdb_the_order_is_that_of_the_files(warehouse: Path) -> None:
    lose_the_duckdb_files(warehouse)
    (warehouse / JOURNAL).unlink()
    rebuilt = rebuild(warehouse, "test")
    assert rebuilt.by_file_time
    assert [row[2] for row in tables(warehouse)["subject"]] == [1, 7]


@pytest.mark.parametrize("path", ["../victim.parquet", "/etc/hostname", "facts/../../victim.parquet"])
def test_a_received_journal_reaches_no_file_outside(warehouse: Path, path: str) -> None:
    victim = warehouse.parent / "victim.parquet"
    victim.write_text("mine")
    Journal(warehouse).append({"registered": [["a", path, "0"]], "run": 3, "at": "2026-01-01T00:00:00+00:00"})
    lose_the_duckdb_files(warehouse)
    with pytest.raises(BrokenWarehouse, match="it lies outside"):
        rebuild(warehouse, "test")
    with pytest.raises(BrokenWarehouse, match="was not set aside"):
        rebuild(warehouse, "test", skip_damaged=True)
    assert victim.read_text() == "mine"


def test_a_received_artifact_cannot_name_a_statement_as_its_table(tmp_path: Path) -> None:
    stolen = tmp_path / "stolen.csv"
    evil = f"subject\" as old; copy (select 1) to '{stolen}'; --"
    rows = pa.table({"dataset": ["d"], "subject": ["s"], "subject_order": pa.array([1], pa.int32())})
    for table, slot in ((evil, ("dataset",)), ("subject", (evil,))):
        batch = batch_of(
            Job("subject", 1, {"table": table}, {}, "subject"),
            Output(("facts", "table=subject"), rows, table=table, slot=slot),
        )
        with (
            Writer(tmp_path / "w", "test") as writer,
            Run(writer, "test", {}) as doing,
            pytest.raises(BrokenWarehouse, match="expected rows of a table of this version"),
        ):
            doing.do("jobs", [batch])
    assert not stolen.exists()


def test_a_run_whose_process_died_is_closed_by_the_next_writer(warehouse: Path) -> None:
    with Writer(warehouse, "test") as writer:
        writer.begin_run({"command": "c", "study": "{}", "version": "1", "python": "3", "host": "h"})
    assert [row[3] for row in tables(warehouse)["run"]][-1] == "running"
    run(warehouse, 4)
    last_two = [(row[3], row[2] is None) for row in tables(warehouse)["run"]][-2:]
    assert last_two == [("stopped", True), ("finished", False)]


def test_files_of_two_versions_may_store_a_column_in_two_types(tmp_path: Path) -> None:
    """An older version stored 64-bit integers where a newer one stores 32 bits."""
    slot = ("dataset", "subject")
    batches = []
    for kind in (pa.int32(), pa.int64()):
        rows = {"dataset": ["d"], "subject": [str(kind)], "subject_order": pa.array([1], kind)}
        output = Output(("facts", "table=subject"), pa.table(rows), table="subject", slot=slot)
        batches.append(batch_of(Job("subject", 1, {"kind": str(kind)}, {}, "subject"), output))
    with Writer(tmp_path, "test") as writer, Run(writer, "test", {}) as doing, doing.all_or_nothing():
        doing.do("jobs", batches)
    assert [row[1:3] for row in tables(tmp_path)["subject"]] == [("int32", 1), ("int64", 1)]
    with Warehouse(tmp_path) as opened:
        assert altered_rows(opened, Silent()) == []


def test_a_writer_does_not_begin_again_where_the_duckdb_files_were_lost(warehouse: Path) -> None:
    before = tables(warehouse)
    journal = (warehouse / JOURNAL).read_bytes()
    lose_the_duckdb_files(warehouse)
    for _ in range(2):
        with pytest.raises(BrokenWarehouse, match="make it again with `alignhouse rebuild`"):
            run(warehouse, 1)
    assert (warehouse / JOURNAL).read_bytes() == journal
    rebuild(warehouse, "test")
    assert tables(warehouse) == before


def test_the_first_run_may_die_before_its_first_commit(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    began = {"run": 1, "started_at": "2026-01-01T00:00:00+00:00"}
    Journal(folder).append({"began": began})
    run(folder, 0)
    assert [row[0] for row in tables(folder)["run"]] == [1]
    assert [entry["n"] for entry in entries_of(folder)] == [3, 4, 5, 6]


def test_what_killed_processes_left_unfinished_is_removed(warehouse: Path) -> None:
    left = [warehouse / f".{SNAPSHOT}.7.part", warehouse / "working" / ".hashes.json.7.part"]
    left += [warehouse / REBUILT.with_suffix(".part") / "new.duckdb", warehouse / "scratch" / "a.7.parquet"]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    with Writer(warehouse, "test"):
        assert not any(path.exists() for path in left)
    assert not (warehouse / REBUILT.with_suffix(".part")).exists()
