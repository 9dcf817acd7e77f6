"""A vacuum removes what nothing needs, and a rebuild afterwards equals the vacuumed warehouse."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import alignhouse
from small_batches import batch_of, made
from small_studies import FACTS, SLOT, contents, do, lose_the_duckdb_files, rows_of, study, subjects, vectors

from alignhouse.warehouse import Warehouse, store
from alignhouse.warehouse import vacuum as vacuuming
from alignhouse.warehouse.artifacts import files
from alignhouse.warehouse.errors import BadInput, WarehouseLocked
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.journal import JOURNAL, Journal, entries_of
from alignhouse.warehouse.rebuild import rebuild
from alignhouse.warehouse.store import WORKING, Writer
from alignhouse.warehouse.vacuum import to_vacuum, vacuum


class Killed(BaseException):
    pass


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files(folder)]


def orders(folder: Path) -> dict[str, int]:
    return {subject: order for _, subject, order, *_ in rows_of(folder)["subject"]}


def equals_its_rebuild(folder: Path) -> bool:
    before = rows_of(folder)
    lose_the_duckdb_files(folder)
    rebuild(folder, "test")
    return rows_of(folder) == before


def test_replaced_jobs_go_with_their_vectors(warehouse: Path) -> None:
    before = rows_of(warehouse)
    gone = [path for path in files(warehouse) if path.name.startswith(study(0)[0].jobs[0].key[:20])]
    size = sum(path.stat().st_size for path in gone)
    done = vacuum(warehouse, "test")
    assert (sorted(done.replaced), done.bytes) == (sorted(gone), size)
    assert len(gone) == 2
    assert not any(path.exists() for path in gone)
    after = rows_of(warehouse)
    assert [row[0] for row in after["artifact"]] == [
        row[0] for row in before["artifact"] if row[1] != study(0)[0].jobs[0].key
    ]
    assert after["subject"] == before["subject"]
    assert after["run"] == before["run"]
    assert equals_its_rebuild(warehouse)
    assert vacuum(warehouse, "test").files == []


def test_a_dry_run_names_the_same_files_and_removes_none(warehouse: Path) -> None:
    (warehouse / "scratch").mkdir()
    (warehouse / "scratch" / "half.parquet").write_bytes(b"1234")
    (warehouse / "facts" / "x.parquet.damaged").write_bytes(b"12")
    (warehouse / f".{JOURNAL}.1.part").write_bytes(b"1")
    before = contents(warehouse)
    planned = to_vacuum(warehouse, "test")
    assert contents(warehouse) == before
    assert vacuum(warehouse, "test") == planned
    assert [path.name for path in planned.temporary] == ["half.parquet", f".{JOURNAL}.1.part"]
    assert [path.name for path in planned.damaged] == ["x.parquet.damaged"]
    assert not any(path.exists() for path in planned.files)


def test_going_back_to_removed_settings_computes_them_again(warehouse: Path) -> None:
    vacuum(warehouse, "test")
    assert do(warehouse, study(0)) == 1
    assert orders(warehouse) == {"s1": 0, "s2": 7}
    # And once more in the other direction: entries of the journal name the same files several times.
    vacuum(warehouse, "test")
    assert do(warehouse, study(1)) == 1
    assert orders(warehouse) == {"s1": 1, "s2": 7}
    assert equals_its_rebuild(warehouse)


@pytest.mark.parametrize("by", ["artifact", "job"])
def test_inputs_of_current_jobs_stay_through_several_steps(tmp_path: Path, by: str) -> None:
    folder = tmp_path / "w"
    batches = study(0)
    named = batches[0].jobs[0].key
    for step in (1, 2):
        inputs = {"x": named if by == "job" else f"{named[:20]}-1"}
        middle = batch_of(Job("middle", 1, {"step": step}, inputs, "middle"), vectors(10 + step))
        batches.append(middle)
        named = middle.jobs[0].key
    do(folder, batches)
    do(folder, study(1))
    assert vacuum(folder, "test").files == []


def test_an_artifact_with_one_row_left_stays(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    for seed, rows in enumerate((subjects(s1=1, s2=2), subjects(s1=3), subjects(s1=4))):
        do(folder, [batch_of(Job("j", 1, {"seed": seed}, {}, ""), Output(FACTS, rows, "subject", SLOT))])
    # The first has one row left, the second none.
    assert len(vacuum(folder, "test").replaced) == 1
    assert orders(folder) == {"s1": 4, "s2": 2}
    assert equals_its_rebuild(folder)


def test_a_table_with_different_slots_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    by_dataset, by_subject = ("dataset",), SLOT
    for seed, (rows, slot) in enumerate(
        [(subjects(s1=1, s2=2, s3=3), by_subject), (subjects(s1=4), by_dataset), (subjects(s1=5), by_subject)]
    ):
        do(folder, [batch_of(Job("j", 1, {"seed": seed}, {}, ""), Output(FACTS, rows, "subject", slot))])
    assert orders(folder) == {"s1": 5}
    assert vacuum(folder, "test").files == []


def test_files_of_killed_runs_go(warehouse: Path) -> None:
    unregistered = made(warehouse, study(5)[0])
    found = vacuum(warehouse, "test")
    assert sorted(found.unregistered) == sorted(each.file for each in unregistered)
    assert len(found.replaced) == 2


def test_files_that_only_the_journal_knows_stay(warehouse: Path) -> None:
    written = made(warehouse, study(5)[0])
    named = [[each.artifact, each.path, each.sha256] for each in written]
    # The process died between this entry and its commit.
    Journal(warehouse).append({"registered": named, "run": 1, "at": "2026-01-01T00:00:00+00:00"})
    do(warehouse, study(1))
    found = vacuum(warehouse, "test")
    assert {line.partition(": ")[0] for line in found.left} == {each.path for each in written}
    assert all("the journal lists it" in line for line in found.left)
    assert all(each.file.exists() for each in written)


def test_a_running_job_is_left_alone(warehouse: Path) -> None:
    with Writer(warehouse, "a study"):
        made(warehouse, study(5)[0])
        before = names(warehouse)
        for each in (vacuum, to_vacuum):
            with pytest.raises(WarehouseLocked, match="a study"):
                each(warehouse, "test")
        assert names(warehouse) == before


def test_a_folder_without_warehouse_is_not_made_one(tmp_path: Path) -> None:
    for each in (vacuum, to_vacuum):
        with pytest.raises(BadInput, match="no such folder"):
            each(tmp_path / "none", "test")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("path", ["../victim.parquet", "linked/victim.parquet"])
def test_a_received_warehouse_deletes_nothing_outside(warehouse: Path, path: str) -> None:
    outside = warehouse.parent / "outside"
    outside.mkdir()
    for victim in (warehouse.parent / "victim.parquet", outside / "victim.parquet"):
        victim.write_text("mine")
    (warehouse / "linked").symlink_to(outside)
    (warehouse / "nulls" / "linked").symlink_to(outside)
    with Writer(warehouse, "test") as writer:
        writer.connection.execute("update artifact set path = $path where not is_current", {"path": path})
        writer.mark_changed()
    found = vacuum(warehouse, "test")
    assert any(line.startswith(path) for line in found.left)
    assert not found.replaced
    assert (warehouse.parent / "victim.parquet").exists()
    assert (outside / "victim.parquet").exists()


def test_a_folder_behind_a_link_keeps_its_files(warehouse: Path) -> None:
    (warehouse / "nulls").rename(warehouse.parent / "nulls")
    (warehouse / "nulls").symlink_to(warehouse.parent / "nulls")
    (warehouse.parent / "nulls" / "x.parquet.damaged").write_bytes(b"1")
    (warehouse.parent / "nulls" / "unregistered.parquet").write_bytes(b"1")
    before = names(warehouse)
    assert vacuum(warehouse, "test").files == []
    assert names(warehouse) == before
    assert (warehouse.parent / "nulls" / "x.parquet.damaged").exists()


SLOW_STEPS = ("remove_artifacts", "publish", "move_into_place")


@pytest.mark.parametrize("at", ["unlink", *(pytest.param(at, marks=pytest.mark.slow) for at in SLOW_STEPS)])
def test_killed_at_any_step_the_next_vacuum_finishes(
    warehouse: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(warehouse, study(5)[0])
    before = rows_of(warehouse)
    removed: list[Path] = []

    def killed(*arguments: Any, **keywords: Any) -> None:
        raise Killed

    def killed_at_the_second(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".parquet" and removed:
            raise Killed
        removed.extend([path] * (path.suffix == ".parquet"))
        unlink(path, missing_ok)

    unlink, statement = Path.unlink, vacuuming.statement
    with monkeypatch.context() as patch:
        patch.setattr(vacuuming, "MOST_FREE", -1.0)
        if at == "unlink":
            patch.setattr(Path, "unlink", killed_at_the_second)
        elif at == "publish":
            patch.setattr(Writer, at, killed)
        elif at == "remove_artifacts":
            patch.setattr(vacuuming, "statement", lambda name: killed() if name == at else statement(name))
        else:
            patch.setattr(store, at, killed)
        with pytest.raises(Killed):
            vacuum(warehouse, "test")
    with Warehouse(warehouse) as opened:
        listed = {path for (path,) in opened.sql("select path from artifact").fetchall()}
    assert listed <= set(names(warehouse))
    if at == "unlink":
        assert equals_its_rebuild(warehouse)
    vacuum(warehouse, "test")
    assert len(names(warehouse)) == 3
    assert rows_of(warehouse)["subject"] == before["subject"]
    assert equals_its_rebuild(warehouse)


def test_a_disk_error_in_the_middle_loses_nothing(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Journal, entry: Any) -> int:
        raise OSError(28, "No space left on device")

    before = contents(warehouse)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", full)
        with pytest.raises(OSError, match="No space left"):
            vacuum(warehouse, "test")
    after = contents(warehouse)
    assert {name: after[name] for name in before if "working" not in name and name != "warehouse.duckdb"} == {
        name: before[name] for name in before if "working" not in name and name != "warehouse.duckdb"
    }
    assert len(vacuum(warehouse, "test").replaced) == 2


def test_the_duckdb_file_becomes_smaller_and_stays_equal(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Writer(warehouse, "test") as writer:
        writer.connection.execute("create table working.ballast as select random() as x from range(400_000)")
        writer.connection.execute("checkpoint working")
        writer.connection.execute("drop table working.ballast")
        writer.mark_changed()
    before, large = rows_of(warehouse), (warehouse / WORKING).stat().st_size
    vacuum(warehouse, "test")
    assert (warehouse / WORKING).stat().st_size < large - 1_000_000
    after = rows_of(warehouse)
    assert before.keys() == after.keys()
    for table in before.keys() - {"artifact", "journal"}:
        assert after[table] == before[table]
    # Constraints are kept: records of the same names are replaced.
    do(warehouse, study(0))
    do(warehouse, study(1))
    assert orders(warehouse) == {"s1": 1, "s2": 7}


def test_the_journal_names_what_was_removed(warehouse: Path) -> None:
    gone = sorted(path.relative_to(warehouse).as_posix() for path in to_vacuum(warehouse, "test").replaced)
    vacuum(warehouse, "test")
    [removed] = [entry["removed"] for entry in entries_of(warehouse) if "removed" in entry]
    assert [path for _, path in removed] == gone
    assert all(path.endswith(f"/{name}.parquet") for name, path in removed)


def test_commits_of_a_killed_writer_are_seen_by_a_dry_run(warehouse: Path) -> None:
    copy = warehouse.with_name("copy")
    with Writer(warehouse, "test") as writer:
        writer.register(made(warehouse, study(5)[0]), 1)
        shutil.copytree(warehouse, copy)
    assert len(to_vacuum(copy, "test").replaced) == 4


def test_the_command_lists_files_or_removes_them(warehouse: Path) -> None:
    gone = sorted(path.relative_to(warehouse).as_posix() for path in to_vacuum(warehouse, "test").replaced)
    dry = alignhouse("vacuum", "-w", "w", "--dry-run", folder=warehouse.parent)
    *listed, summary = dry.stdout.splitlines()
    assert (dry.returncode, listed) == (0, gone)
    assert summary.startswith("Would remove 2 files, ")
    assert summary.endswith(" (2 replaced).")
    done = alignhouse("vacuum", "-w", "w", folder=warehouse.parent)
    assert done.stdout == summary.replace("Would remove", "Removed") + "\n"
    assert alignhouse("vacuum", "-w", "w", folder=warehouse.parent).stdout == "Removed 0 files, 0 bytes.\n"
