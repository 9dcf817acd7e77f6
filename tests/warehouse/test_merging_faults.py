"""Damage, full disks, kills, other writers and hostile sources: a merge is done or not, never half."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from labs import Lab
from merged_labs import B, check_finds_nothing, facts, is_whole, jobs_of, merge, together, unchanged
from small_studies import contents, do, rows_of, study

from alignhouse.warehouse import Warehouse, merging, store
from alignhouse.warehouse.artifacts import files
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse, WarehouseLocked
from alignhouse.warehouse.journal import JOURNAL, Journal
from alignhouse.warehouse.merging import merge_warehouses, to_merge
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.received import open_source
from alignhouse.warehouse.store import Writer
from alignhouse.warehouse.vacuum import vacuum


class Killed(BaseException):
    pass


def test_damaged_and_missing_files_are_named_and_nothing_stays(here: Path) -> None:
    flipped, missing, *_ = (
        path for path in files(here / "b") if "model=" in path.name or "kind=null" in str(path)
    )
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    missing.unlink()
    with unchanged(here / "a"), pytest.raises(BrokenWarehouse, match=": 2 artifacts") as raised:
        merge(here)
    assert f"{flipped} (the content has changed since it was registered)" in str(raised.value)
    assert f"{missing} (the file is missing)" in str(raised.value)


def test_too_small_a_disk_is_refused_before_anything_is_copied(here: Path, monkeypatch: Any) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 10))
    with (
        unchanged(here / "a"),
        pytest.raises(BadInput, match=r"too little space .* for the merge: .*found 10 bytes"),
    ):
        merge(here)


def test_a_disk_that_fills_up_leaves_nothing(here: Path, monkeypatch: Any) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    with unchanged(here / "a"), monkeypatch.context() as patch:
        at_the_second_file(patch, full)
        with pytest.raises(OSError, match="No space left"):
            merge(here)
    assert to_merge(here / "a", [here / "b"], "test").artifacts == 13


def at_the_second_file(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Call `happens` once, before the second artifact is copied."""
    copying, calls = merging.copy_artifact, iter(range(1_000))

    def patched(*arguments: Any) -> str | None:
        if next(calls) == 1:
            happens()
        return copying(*arguments)

    monkeypatch.setattr(merging, "copy_artifact", patched)


def test_a_source_may_be_written_meanwhile(here: Path, monkeypatch: Any) -> None:
    expected = together(facts(here / "a"), facts(here / "b"))["alignment"]
    at_the_second_file(monkeypatch, lambda: do(here / "b", jobs_of(Lab(("n5",)), "model", "layers", "rsa")))
    merge(here)
    assert facts(here / "a")["alignment"] == expected
    assert check_finds_nothing(here / "a")


def test_a_vacuum_of_the_source_begins_the_merge_again(
    warehouse: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    do(tmp_path / "target", [])
    do(tmp_path / "target", [study(1)[1]])

    def replace_and_vacuum() -> None:
        do(warehouse, study(2))
        vacuum(warehouse, "test")

    at_the_second_file(monkeypatch, replace_and_vacuum)
    merge_warehouses(tmp_path / "target", [warehouse], "test")
    assert rows_of(tmp_path / "target")["subject"] == rows_of(warehouse)["subject"]
    assert not list((tmp_path / "target" / "nulls").glob("seed=1/*"))
    assert is_whole(tmp_path / "target")


def test_the_writer_s_lock_is_held(here: Path, monkeypatch: Any) -> None:
    def write_too() -> None:
        with pytest.raises(WarehouseLocked, match="a merge"):
            do(here / "a", B.batches())

    at_the_second_file(monkeypatch, write_too)
    merge(here)
    with Writer(here / "a", "a study"):
        for each in (merge_warehouses, to_merge):
            with pytest.raises(WarehouseLocked, match="a study"):
                each(here / "a", [here / "b"], "test")


def test_impossible_places_are_refused(here: Path) -> None:
    (here / "link").symlink_to(here / "a")
    with unchanged(here / "a"):
        for sources, words in (
            (["link"], "named twice"),
            (["b", "b"], "named twice"),
            (["none"], "no such folder"),
        ):
            with pytest.raises(BadInput, match=words):
                merge(here, "a", *sources)
    with pytest.raises(BadInput, match="no such folder"):
        merge(here, "new", "b")
    assert sorted(os.listdir(here)) == ["a", "b", "link"]


def test_a_source_of_an_older_version_is_read_and_of_a_newer_one_named(here: Path) -> None:
    shutil.copytree(here / "b", here / "newer")
    expected = together(facts(here / "a"), facts(here / "b"))["alignment"]
    with duckdb.connect(str(here / "b" / SNAPSHOT)) as connection:
        connection.execute("drop table journal")
        connection.execute("delete from migration where name like '%journal%'")
    (here / "b" / JOURNAL).unlink()
    before = contents(here / "b")
    assert merge(here).artifacts == 13
    assert facts(here / "a")["alignment"] == expected
    assert contents(here / "b") == before
    with duckdb.connect(str(here / "newer" / SNAPSHOT)) as connection:
        connection.execute("insert into migration values ('9999_future')")
    with unchanged(here / "a"), pytest.raises(BrokenWarehouse, match=f"{here / 'newer'}: .*newer alignhouse"):
        merge(here, "a", "newer")


def alter(folder: Path, statement: str, **parameters: Any) -> None:
    """Change the published snapshot, as somebody else could."""
    with duckdb.connect(str(folder / SNAPSHOT)) as connection:
        connection.execute(statement, parameters or None)


ALTERED = {
    "a path out of the warehouse": ("path = '../../victim.parquet'", "the path is not that of an artifact"),
    "dots in a path": (
        "path = 'rdms/../../' || artifact || '.parquet'",
        "the path leads out of the warehouse",
    ),
    "an absolute path": ("path = '/rdms/' || artifact || '.parquet'", "the path is not that of an artifact"),
    "another key": ("job = repeat('0', 64)", "the key is not that of its job"),
    "another name": ("artifact = 'a-0'", "the name is not that of its job"),
    "other inputs": ("""inputs = '{"1001":"x"}'""", "the key is not that of its job"),
    "inputs that are no names": ("inputs = '[1]'", "settings or inputs are not names with values"),
    "a statement as a table": (
        "table_name = 'subject\" as old; drop table run; --', slot = '[\"dataset\"]'",
        'no table subject" as old',
    ),
    "a statement as a slot": (
        "table_name = 'subject', slot = '[\"1; drop table run\"]'",
        "with the columns 1;",
    ),
    "nested JSON": (
        f"settings = '{'[' * 40_000}{']' * 40_000}'",
        "records of artifacts as alignhouse writes",
    ),
}


def alter_a_record(folder: Path, change: str) -> None:
    alter(
        folder,
        f"update artifact set {change} where method = 'extraction' and settings ->> 'model' = 'n3'",
    )


@pytest.mark.parametrize("how", ALTERED)
def test_records_of_a_received_source_are_verified(labs: Path, how: str, tmp_path: Path) -> None:
    change, words = ALTERED[how]
    received = Path(shutil.copytree(labs / "b", tmp_path / "b"))
    alter_a_record(received, change)
    with pytest.raises(BrokenWarehouse) as raised, open_source(received):
        pass
    assert words in str(raised.value)
    assert str(received) in str(raised.value)


def test_a_received_path_out_of_the_warehouse_reaches_no_file(here: Path) -> None:
    victim = here.parent / "victim.parquet"
    victim.write_text("mine")
    change, words = ALTERED["a path out of the warehouse"]
    alter_a_record(here / "b", change)
    with unchanged(here / "a"):
        with pytest.raises(BrokenWarehouse, match=words):
            to_merge(here / "a", [here / "b"], "test")
        with pytest.raises(BrokenWarehouse, match=words):
            merge(here)
    assert victim.read_text() == "mine"


def test_a_received_table_of_other_types_is_refused(here: Path) -> None:
    alter(here / "b", "alter table layer alter column width type varchar")
    with pytest.raises(BrokenWarehouse, match="table layer, column width: expected BIGINT, found VARCHAR"):
        to_merge(here / "a", [here / "b"], "test")


def test_a_file_that_is_another_than_its_record_says_is_refused(here: Path) -> None:
    [one, other] = sorted((here / "b" / "rdms" / "kind=model").iterdir())
    shutil.copyfile(one, other)
    with Warehouse(here / "b") as opened:
        query = "select sha256, bytes from artifact where path like '%' || $name"
        [(sha256, size)] = opened.sql(query, {"name": one.name}).fetchall()
    change = "update artifact set sha256 = $sha256, bytes = $size where path like '%' || $name"
    alter(here / "b", change, sha256=sha256, size=size, name=other.name)
    with unchanged(here / "a"), pytest.raises(BrokenWarehouse, match="others in the file's metadata"):
        merge(here)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("delete from significance where model = 'n3' and test = 'best_layer'", "expected 2 rows, found 3"),
        pytest.param(
            "insert into layer select * from layer where model = 'n3'",
            "expected 4 rows, found 2",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_source_that_shows_other_rows_than_its_files_have_is_refused(
    here: Path, change: str, words: str
) -> None:
    alter(here / "b", change)
    with unchanged(here / "a"), pytest.raises(BrokenWarehouse, match=words):
        merge(here)


def test_a_rule_that_would_be_broken_refuses_the_merge(here: Path) -> None:
    """The source has scores of a network that it does not describe."""
    do(here / "c", [each for each in Lab(("n5",), grouped=()).batches() if each.jobs[0].method != "layers"])
    with unchanged(here / "a"), pytest.raises(BrokenWarehouse, match="break a rule: found .*unknown layer"):
        merge(here, "a", "c")


@pytest.mark.parametrize(
    "what",
    [
        "folder",
        "snapshot",
        "target",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("file", "journal")),
    ],
)
def test_links_are_not_followed(here: Path, what: str) -> None:
    outside = here / "outside"
    outside.mkdir()
    new = next(path for path in files(here / "b") if "kind=null" in str(path))
    moved = {
        "folder": new.parent,
        "file": new,
        "journal": here / "b" / JOURNAL,
        "snapshot": here / "b" / SNAPSHOT,
        "target": here / "a" / "rdms" / "kind=null",
    }[what]
    moved.rename(outside / moved.name)
    moved.symlink_to(outside / moved.name)
    before = contents(outside)
    with unchanged(here / "a"), pytest.raises((BrokenWarehouse, BadInput), match="link"):
        merge(here)
    assert contents(outside) == before


def test_a_file_in_the_way_is_kept_and_named(here: Path) -> None:
    new = next(path for path in files(here / "b") if "kind=null" in str(path)).relative_to(here / "b")
    (here / "a" / new).write_bytes(b"of a killed study")
    with unchanged(here / "a"), pytest.raises(BadInput, match=rf"{new.name} \(another file is there"):
        merge(here)
    vacuum(here / "a", "test")
    assert to_merge(here / "a", [here / "b"], "test").artifacts == 13
    assert not (here / "a" / new).exists()


def dying(monkeypatch: pytest.MonkeyPatch, step: int) -> list[str]:
    """Let this process die at its n-th step: from then on, nothing is synced, renamed or committed.

    Returns the list of the steps that were done.
    """
    done: list[str] = []

    def at(name: str) -> None:
        if len(done) >= step:
            raise Killed
        done.append(name)

    def before(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def patched(*arguments: Any, **named: Any) -> Any:
            at(name)
            return call(*arguments, **named)

        return patched

    @contextmanager
    def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        with committing(connection):
            yield
            at("commit")
        at("committed")

    committing = store.transaction
    monkeypatch.setattr(os, "fsync", before("sync", os.fsync))
    monkeypatch.setattr(os, "replace", before("rename", os.replace))
    monkeypatch.setattr(store, "transaction", transaction)
    # A dead process does not clean up either.
    monkeypatch.setattr(Journal, "void", before("void", Journal.void))
    return done


@pytest.fixture(scope="module")
def before_and_after(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with the warehouses start, source and undisturbed (both merged); the steps of the merge."""
    folder = tmp_path_factory.mktemp("before_and_after")
    do(folder / "start", [study(0)[1]])
    do(folder / "source", [study(0)[0]])
    shutil.copytree(folder / "start", folder / "undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        steps = dying(patch, 1_000)
        merge(folder, "undisturbed", "source")
    return folder, steps


def check_killed_at(folder: Path, step: int, target: Path) -> bool:
    """Kill a merge at a step and repeat it; returns whether a reader saw it finished after the kill."""
    before, after = facts(folder / "start"), facts(folder / "undisturbed")
    assert (len(before["subject"]), len(after["subject"])) == (1, 2)
    shutil.copytree(folder / "start", target)
    with pytest.MonkeyPatch.context() as patch:
        dying(patch, step)
        with pytest.raises(Killed):
            merge_warehouses(target, [folder / "source"], "test")
    found = facts(target)
    assert found in (before, after)
    merge_warehouses(target, [folder / "source"], "test")
    assert facts(target) == after
    assert [row[3] for row in rows_of(target)["run"]] == ["finished"] * 2
    names = {path.name for path in folder.joinpath("undisturbed").rglob("*") if path.is_file()}
    assert {path.name for path in target.rglob("*") if path.is_file()} == names
    return found == after


SLOW_PLACES = [
    pytest.param(place, marks=pytest.mark.slow)
    for place in ("first", "second file", "after the commit", "last")
]


@pytest.mark.parametrize("place", ["before the commit", *SLOW_PLACES])
def test_killed_at_a_step_it_is_done_or_not_and_a_repetition_finishes(
    before_and_after: tuple[Path, list[str]], place: str, tmp_path: Path
) -> None:
    folder, steps = before_and_after
    # The first transaction is that of the merge, the second that of the summaries.
    step = {
        "first": 0,
        "second file": steps.index("rename") + 2,
        "before the commit": steps.index("commit"),
        "after the commit": steps.index("committed"),
        "last": len(steps) - 1,
    }[place]
    assert check_killed_at(folder, step, tmp_path / "w") == (place == "last")
    assert is_whole(tmp_path / "w")


@pytest.mark.slow
def test_killed_at_every_step_it_is_done_or_not_and_a_repetition_finishes(
    before_and_after: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, steps = before_and_after
    seen = [check_killed_at(folder, step, tmp_path / str(step)) for step in range(len(steps))]
    assert seen == sorted(seen)
    assert {"sync", "rename", "commit", "committed"} == set(steps)
