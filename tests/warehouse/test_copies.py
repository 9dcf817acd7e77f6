"""A copy is complete, verified, and equal to the snapshot that was published when it began."""

from __future__ import annotations

import os
import shutil
import threading
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import alignhouse
from small_studies import contents, do, lose_the_duckdb_files, rows_of, study

from alignhouse.warehouse import Warehouse, copies
from alignhouse.warehouse.artifacts import files
from alignhouse.warehouse.checks import broken_artifacts
from alignhouse.warehouse.copies import copy_warehouse
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse, WarehouseLocked
from alignhouse.warehouse.journal import JOURNAL, entries_of
from alignhouse.warehouse.progress import Silent
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.rebuild import rebuild
from alignhouse.warehouse.store import Writer
from alignhouse.warehouse.vacuum import vacuum


class Killed(BaseException):
    pass


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "copy"


def instead_of_the_second(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Call `happens` once, before the second artifact is copied."""
    copying, calls = copies.copy_artifact, iter(range(1_000))

    def patched(*arguments: Any) -> str | None:
        if next(calls) == 1:
            happens()
        return copying(*arguments)

    monkeypatch.setattr(copies, "copy_artifact", patched)


def is_whole(folder: Path) -> bool:
    """Whether every artifact has its hash, and a rebuild gives the same rows."""
    before = rows_of(folder)
    with Warehouse(folder) as opened:
        assert broken_artifacts(opened, Silent()) == []
    assert entries_of(folder)[-1]["n"] == before["journal"][0][0]
    lose_the_duckdb_files(folder)
    rebuild(folder, "test")
    after = rows_of(folder)
    # A run that had not ended is closed by the writer of the rebuild, with an entry of its own.
    running = [row[0] for row in before["run"] if row[3] == "running"]
    ignored = {"run", "journal"} if running else set()
    return all(after[name] == before[name] for name in before.keys() - ignored)


def test_a_copy_has_the_same_rows_artifacts_and_journal(warehouse: Path, target: Path) -> None:
    before = contents(warehouse)
    (warehouse / "facts" / "x.parquet.damaged").write_bytes(b"not copied")
    (warehouse / "notes.txt").write_text("not copied")
    copied = copy_warehouse(warehouse, target, "test")
    same = {name: digest for name, digest in before.items() if not name.startswith(("working", "logs"))}
    assert same.pop(JOURNAL)
    found = contents(target)
    assert found.pop(JOURNAL)
    assert found == same
    assert entries_of(target) == entries_of(warehouse)
    sizes = [path.stat().st_size for path in files(target)]
    assert (copied.artifacts, copied.bytes) == (len(sizes), sum(sizes)) == (5, sum(sizes))
    assert [path.stat().st_mtime_ns for path in files(target)] == [
        path.stat().st_mtime_ns for path in files(warehouse)
    ]
    assert sorted(os.listdir(target.parent)) == ["copy", "w"]
    assert is_whole(target)
    # The copy is a warehouse: a study that it has is not computed again.
    assert do(target, study(1)) == 0


def test_commits_during_the_copy_are_left_out(
    warehouse: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_of(warehouse)
    instead_of_the_second(monkeypatch, lambda: do(warehouse, study(2)))
    copy_warehouse(warehouse, target, "test")
    assert rows_of(target) == before
    assert is_whole(target)
    assert {row[2] for row in rows_of(warehouse)["subject"]} == {2, 7}


def test_commits_that_are_not_published_are_left_out_of_the_journal(warehouse: Path, target: Path) -> None:
    before = rows_of(warehouse)
    with Writer(warehouse, "test") as writer:
        writer.begin_run({"command": "c", "study": "{}", "version": "1", "python": "3", "host": "h"})
        copy_warehouse(warehouse, target, "test")
        assert len(entries_of(warehouse)) == len(entries_of(target)) + 1
    assert rows_of(target) == before
    assert is_whole(target)


def test_a_vacuum_during_the_copy_begins_it_again(
    warehouse: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_the_second(monkeypatch, lambda: vacuum(warehouse, "test"))
    assert copy_warehouse(warehouse, target, "test").artifacts == 3
    assert rows_of(target) == rows_of(warehouse)
    assert len(list(files(target))) == 3
    assert is_whole(target)


@pytest.mark.parametrize("seeds", [(2,), pytest.param((2, 3, 4), marks=pytest.mark.slow)])
def test_copies_during_studies_and_vacuums_are_whole(
    warehouse: Path, tmp_path: Path, seeds: tuple[int, ...]
) -> None:
    done = threading.Event()

    def work() -> None:
        try:
            for seed in seeds:
                do(warehouse, study(seed))
                vacuum(warehouse, "test")
        finally:
            done.set()

    worker = threading.Thread(target=work)
    worker.start()
    made: list[Path] = []
    try:
        while not done.is_set() or not made:
            made.append(tmp_path / f"copy {len(made)}")
            copy_warehouse(warehouse, made[-1], "test")
    finally:
        worker.join()
    assert all(is_whole(folder) for folder in (made[0], made[-1]))


def test_a_flipped_byte_or_a_missing_file_is_named(warehouse: Path, target: Path) -> None:
    flipped, missing, *_ = files(warehouse)
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    missing.unlink()
    with pytest.raises(BrokenWarehouse, match=r"was not copied: 2 artifacts") as raised:
        copy_warehouse(warehouse, target, "test")
    assert f"{flipped.name} (the content has changed since it was registered)" in str(raised.value)
    assert f"{missing.name} (the file is missing)" in str(raised.value)
    assert os.listdir(target.parent) == ["w"]


def test_an_existing_target_is_refused_and_kept(warehouse: Path, target: Path) -> None:
    target.mkdir()
    link = target.with_name("link")
    link.symlink_to("nowhere")
    for each in (target, link):
        with pytest.raises(BadInput, match="exists"):
            copy_warehouse(warehouse, each, "test")
    assert os.listdir(target) == []


def test_a_target_that_appears_during_the_copy_is_kept(
    warehouse: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_the_second(monkeypatch, target.mkdir)
    with pytest.raises(BadInput, match="exists"):
        copy_warehouse(warehouse, target, "test")
    assert os.listdir(target) == []


@pytest.mark.parametrize(
    ("place", "words"),
    [("w/copy", "outside of the warehouse"), ("none/copy", "expected a folder"), ("wh?t", "DuckDB cannot")],
)
def test_impossible_targets_are_refused(warehouse: Path, place: str, words: str) -> None:
    before = contents(warehouse.parent)
    with pytest.raises(BadInput, match=words):
        copy_warehouse(warehouse, warehouse.parent / place, "test")
    assert contents(warehouse.parent) == before
    assert not (warehouse.parent / "none").exists()


def test_a_source_without_warehouse_is_refused(tmp_path: Path, target: Path) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        copy_warehouse(tmp_path / "none", target, "test")
    assert os.listdir(tmp_path) == []


def test_too_small_a_disk_is_refused_before_artifacts_are_copied(
    warehouse: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 10))
    with pytest.raises(BadInput, match=r"too little space .* for the copy: .* found 10 bytes"):
        copy_warehouse(warehouse, target, "test")
    assert os.listdir(target.parent) == ["w"]


def test_a_disk_error_in_the_middle_leaves_nothing(
    warehouse: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    before = contents(warehouse)
    instead_of_the_second(monkeypatch, full)
    with pytest.raises(OSError, match="No space left"):
        copy_warehouse(warehouse, target, "test")
    assert os.listdir(target.parent) == ["w"]
    assert contents(warehouse) == before


@pytest.mark.parametrize("at", [pytest.param("copy_artifact", marks=pytest.mark.slow), "move_into_place"])
def test_a_killed_copy_leaves_nothing_at_its_place_and_can_be_repeated(
    warehouse: Path, target: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: object, **named: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        # A killed process does not clean up either.
        patch.setattr(shutil, "rmtree", killed)
        patch.setattr(copies, at, killed)
        with pytest.raises(Killed):
            copy_warehouse(warehouse, target, "test")
    assert sorted(os.listdir(target.parent)) == [".copy.part", "w"]
    (target.parent / ".copy.part" / "facts").mkdir(exist_ok=True)
    (target.parent / ".copy.part" / "facts" / "half.parquet").write_bytes(b"1")
    copy_warehouse(warehouse, target, "test")
    assert sorted(os.listdir(target.parent)) == ["copy", "w"]
    assert rows_of(target) == rows_of(warehouse)
    assert len(list(files(target))) == 5


def test_two_copies_to_one_place_do_not_mix(
    warehouse: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def second() -> None:
        with pytest.raises(WarehouseLocked, match="the first"):
            copy_warehouse(warehouse, target, "the second")

    instead_of_the_second(monkeypatch, second)
    copy_warehouse(warehouse, target, "the first")
    assert len(list(files(target))) == 5


@pytest.mark.parametrize(
    "what",
    [
        "path",
        "folder",
        "snapshot",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("file", "journal")),
    ],
)
def test_links_out_of_the_source_are_not_followed(warehouse: Path, target: Path, what: str) -> None:
    outside = warehouse.parent / "outside"
    outside.mkdir()
    if what == "path":
        with Writer(warehouse, "test") as writer:
            writer.connection.execute(
                "update artifact set path = '../outside/x.parquet' where not is_current"
            )
            writer.mark_changed()
    else:
        moved = {
            "folder": warehouse / "nulls",
            "file": next(files(warehouse)),
            "journal": warehouse / JOURNAL,
            "snapshot": warehouse / SNAPSHOT,
        }[what]
        moved.rename(outside / moved.name)
        moved.symlink_to(outside / moved.name)
    with pytest.raises(BrokenWarehouse, match="link"):
        copy_warehouse(warehouse, target, "test")
    assert sorted(os.listdir(target.parent)) == ["outside", "w"]


def test_the_command_says_what_it_copied_or_why_not(warehouse: Path, target: Path) -> None:
    ended = alignhouse("copy", "w", "copy", folder=warehouse.parent)
    assert (ended.returncode, ended.stderr) == (0, "Copying artifacts: 5 to do\n")
    assert ended.stdout.startswith("Copied 5 artifacts, ")
    again = alignhouse("copy", "w", "copy", folder=warehouse.parent)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == f"alignhouse: {target} exists (choose another name, or remove it)\n"
