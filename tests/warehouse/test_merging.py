"""A merge adds all that another warehouse shows, as one run, and the studies of both go on from there."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import alignhouse
from labs import Lab
from merged_labs import (
    A,
    B,
    check_finds_nothing,
    facts,
    is_whole,
    jobs_of,
    made_by,
    merge,
    together,
    unchanged,
)
from small_batches import batch_of
from small_studies import FACTS, SLOT, contents, do, rows_of, study, subjects, vectors

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.artifacts import files
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.journal import entries_of
from alignhouse.warehouse.merge_plan import Merged
from alignhouse.warehouse.merging import Conflicting, merge_warehouses, to_merge


@dataclass(frozen=True)
class Once:
    """The folder of the labs, where the second was merged into the first, and what the merge said.

    Tests only read the folder, or copy it (`merged`).
    """

    folder: Path
    said: Merged


@pytest.fixture(scope="module")
def once(labs: Path, tmp_path_factory: pytest.TempPathFactory) -> Once:
    folder = Path(shutil.copytree(labs, tmp_path_factory.mktemp("once") / "labs"))
    return Once(folder, merge(folder))


@pytest.fixture
def merged(once: Once, tmp_path: Path) -> Path:
    """A folder with two labs, where the second was merged into the first."""
    return Path(shutil.copytree(once.folder, tmp_path / "labs"))


def test_two_halves_become_one(labs: Path, once: Once, merged: Path) -> None:
    ours, theirs = facts(labs / "a"), facts(labs / "b")
    expected = together(ours, theirs) | {"group_comparison": ours["group_comparison"]}
    assert facts(merged / "a") == expected
    assert {row[3] for row in expected["best_layer"]} == {"n1", "n2", "n3", "n4"}
    assert {path.name for path in files(merged / "b")} <= {path.name for path in files(merged / "a")}
    # Brains, stimuli, data set and protocol are the same artifacts.
    assert once.said.artifacts == 2 * 6 + 1
    assert once.said.kinds["significance"] == (2, sum(_size(merged / "b", "table=significance")))
    assert check_finds_nothing(merged / "a")
    assert is_whole(merged / "a")


def _size(folder: Path, kind: str) -> list[int]:
    return [path.stat().st_size for path in files(folder) if kind in path.as_posix()]


def test_it_is_one_finished_run_in_the_order_of_the_source(once: Once) -> None:
    here, merged = once.folder, once.said
    with Warehouse(here / "a") as opened:
        runs = opened.sql(
            "select command, status, jobs, study ->> '$.merged[0].warehouse' from run"
        ).fetchall()
        order = opened.sql("select path from artifact where run = 2").fetchall()
    assert runs[1:] == [("a merge", "finished", 2 * 4 + 1, str(here / "b"))]
    # The target's comparison is registered again after the other one.
    assert len(order) == merged.artifacts + 1
    theirs, ours = (
        [path for entry in entries_of(here / name) for _, path, _ in entry.get("registered", ())]
        for name in ("b", "a")
    )
    merged_now = [path for path in ours if path in theirs][-merged.artifacts :]
    assert merged_now == [path for path in theirs if path in merged_now]
    assert len([entry for entry in entries_of(here / "a") if entry.get("run") == 2]) == 3


def test_each_study_computes_nothing_and_a_larger_one_what_is_missing(merged: Path) -> None:
    here = merged
    there = contents(here / "a" / "facts")
    assert do(here / "a", A.batches()) == 0
    # The comparison of this half is kept, and shown again.
    assert do(here / "a", B.batches()) == 1
    assert contents(here / "a" / "facts") == there
    shown = rows_of(here / "a")["group_comparison"]
    assert shown == rows_of(here / "b")["group_comparison"]
    assert do(here / "a", Lab(("n1", "n2", "n3", "n4")).batches()) == 1
    assert len(contents(here / "a" / "facts")) == len(there) + 1
    assert is_whole(here / "a")


def test_another_split_shows_its_own_comparisons(here: Path) -> None:
    other = Lab(("n1", "n3"), split="train")
    name = made_by(here, other)
    expected = together(facts(here / "a"), facts(here / name))
    assert merge(here, "a", name).notes == []
    assert facts(here / "a") == expected
    assert [do(here / "a", each.batches()) for each in (A, other)] == [0, 0]


def test_a_repetition_adds_nothing(merged: Path) -> None:
    here = merged
    with unchanged(here / "a"):
        assert merge(here).artifacts == 0


@pytest.mark.slow
def test_a_repetition_adds_nothing_where_the_source_has_all_networks_of_the_target(merged: Path) -> None:
    here = merged
    larger = made_by(here, Lab(("n1", "n2", "n3", "n4", "n5")))
    merge(here, "a", larger)
    with unchanged(here / "a"):
        assert merge(here, "a", larger, "b").artifacts == 0


def test_comparisons_are_shown_where_the_target_has_no_networks(here: Path) -> None:
    empty = made_by(here, Lab((), grouped=()))
    assert merge(here, empty, "a").notes == []
    assert facts(here / empty) == facts(here / "a")
    assert do(here / empty, A.batches()) == 0


def test_comparisons_that_would_stand_beside_those_of_other_networks_are_left_out(here: Path) -> None:
    """The target has no comparison by this grouping that could be shown instead."""
    name = made_by(here, Lab(("n3",), grouped=("arch_type",)))
    before = rows_of(here / "a")["group_comparison"]
    merged = merge(here, "a", name)
    assert rows_of(here / "a")["group_comparison"] == before
    [note] = merged.notes
    assert note.startswith(
        f"group_comparison of {here / name} (protocol sound, dataset d, split test): left out"
    )
    assert is_whole(here / "a")


def test_several_sources_are_added_in_one_run(here: Path) -> None:
    third = made_by(here, Lab(("n5",)))
    merged = merge(here, "a", "b", third)
    assert len(merged.notes) == 2
    assert {row[0] for row in rows_of(here / "a")["model"]} == {"n1", "n2", "n3", "n4", "n5"}
    assert len(rows_of(here / "a")["run"]) == 2
    [shown] = {row[-1] for row in rows_of(here / "a")["group_comparison"]}
    assert do(here / "a", A.batches()) == 0
    assert shown in {path.stem for path in files(here / "a")}
    assert is_whole(here / "a")


def test_what_a_source_has_replaced_is_not_added(warehouse: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    do(target, [batch_of(Job("other", 1, {}, {}, ""), Output(FACTS, subjects(s9=9), "subject", SLOT))])
    merged = merge_warehouses(target, [warehouse], "test")
    assert merged.kinds == {
        "nulls": (1, *_size(warehouse, "seed=1")),
        "subject": (2, merged.kinds["subject"][1]),
    }
    assert {row[1]: row[2] for row in rows_of(target)["subject"]} == {"s1": 1, "s2": 7, "s9": 9}
    assert do(target, study(1)) == 0


def test_rows_that_were_replaced_in_part_stay_replaced(tmp_path: Path) -> None:
    """The first job still shows s2; the second has replaced its s1. The target has the second already."""
    first, second = (
        batch_of(Job("j", 1, {"n": number}, {}, ""), Output(FACTS, rows, "subject", SLOT))
        for number, rows in enumerate((subjects(s1=1, s2=2), subjects(s1=3)))
    )
    source, target = tmp_path / "source", tmp_path / "target"
    do(source, [first])
    do(source, [second])
    do(target, [second])
    merge_warehouses(target, [source], "test")
    assert rows_of(target)["subject"] == rows_of(source)["subject"]
    assert check_finds_nothing(target)
    assert do(target, [second]) == 0
    assert is_whole(target)


def test_the_newest_betas_of_a_data_set_stay_the_newest(tmp_path: Path) -> None:
    old, new = (
        batch_of(Job("betas", 2, {"dataset": "d", "subject": "s1"}, {"raw": content}, ""), vectors(number))
        for number, content in enumerate(("old", "new"))
    )
    source, target, outdated = (tmp_path / name for name in ("source", "target", "outdated"))
    for folder, batches in ((source, [old, new]), (target, [new]), (outdated, [old])):
        for batch in batches:
            do(folder, [batch])
    with (
        unchanged(target),
        pytest.raises(Conflicting, match=r"betas \(.*subject s1\): input raw = new .* = old in"),
    ):
        merge_warehouses(target, [outdated], "test")
    merge_warehouses(target, [source], "test")
    with Warehouse(target) as opened:
        order = opened.sql(
            "select inputs ->> 'raw' from artifact order by registered_at, artifact"
        ).fetchall()
    assert is_whole(target)
    assert order[-1] == ("new",)
    paths = [path for entry in entries_of(target) for _, path, _ in entry.get("registered", ())]
    assert paths[-1].startswith("nulls/seed=1/")


def test_a_dry_run_counts_the_same_and_changes_nothing(here: Path, once: Once) -> None:
    before = contents(here)
    planned = to_merge(here / "a", [here / "b"], "test")
    assert contents(here) == before
    assert planned.artifacts == once.said.artifacts
    assert (planned.kinds, planned.bytes) == (once.said.kinds, once.said.bytes)
    assert [_without(here, note) for note in planned.notes] == [
        _without(once.folder, note) for note in once.said.notes
    ]


def _without(folder: Path, note: str) -> str:
    return note.replace(str(folder), "")


def test_the_command_counts_adds_and_refuses(here: Path) -> None:
    dry = alignhouse("merge", "a", "b", "--dry-run", folder=here)
    done = alignhouse("merge", "a", "b", folder=here)
    assert (dry.returncode, done.returncode, dry.stderr) == (0, 0, "")
    *kinds, note, summary = dry.stdout.splitlines()
    assert "significance: 2 artifacts, " in dry.stdout
    assert len(kinds) == 6
    assert note.startswith(
        "Note: group_comparison of b (protocol sound, dataset d, split test): kept, but not"
    )
    assert summary.startswith("Would add 13 artifacts, ")
    assert done.stdout == dry.stdout.replace("Would add", "Added")
    assert done.stderr.splitlines() == ["Copying artifacts: 13 to do", "Registering artifacts: 14 to do"]
    assert alignhouse("merge", "a", "b", folder=here).stdout == "Added 0 artifacts, 0 bytes, to a.\n"
    do(here / "c", jobs_of(Lab(("n1",), gflops=2.0), "model"))
    dry = alignhouse("merge", "a", "c", "--dry-run", folder=here)
    refused = alignhouse("merge", "a", "c", folder=here)
    ours, theirs = (
        f"gflops = {number}.0 in {name} (run 1, alignhouse run)" for number, name in ((1, "a"), (2, "c"))
    )
    conflict = f"model (model n1): {ours}, {theirs}"
    assert (dry.returncode, refused.returncode, refused.stdout) == (2, 2, "")
    assert dry.stdout.splitlines()[-1] == f"Conflict: {conflict}"
    assert dry.stderr.startswith("alignhouse: a merge into a would be refused: found 1 conflicts (keep the")
    assert refused.stderr.startswith(
        f"alignhouse: nothing was merged into a: 1 conflicts: found {conflict} (keep"
    )
