"""A command can be killed at any moment: nothing is lost, and repeating it gives an undisturbed study."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest
from kill_checks import wrong_rows
from kill_cycle import Kills
from kill_processes import Command
from kill_stages import STAGES
from kill_starts import Starts
from kill_states import Rows, contents, different_tables, files, wrong_commits
from kill_steps import Step, landed, steps_of

from alignhouse.warehouse.journal import JOURNAL
from alignhouse.warehouse.store import REBUILT, WORKING

NAMED = {stage.name: stage for stage in STAGES}


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Starts:
    return Starts(tmp_path_factory.mktemp("kills"))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("run, other settings", 2),
        *(pytest.param(name, 20, marks=pytest.mark.slow) for name in NAMED),
    ],
)
def test_after_kills_at_any_moment_a_repetition_ends_as_if_undisturbed(
    starts: Starts, name: str, number: int
) -> None:
    # With this seed, the first two kills follow each other, so a single repetition ends both.
    count = Kills(NAMED[name], starts, seed=7).kill(number)
    assert count.wrong == []
    assert count.kills == sum(count.landed.values()) == number
    assert count.equal == count.repeated >= 1


@pytest.mark.parametrize(
    ("what", "place"),
    [
        ("write mini.alignhouse/journal.jsonl", "journal"),
        ("sql commit", "DuckDB"),
        ("move to mini.alignhouse/warehouse.duckdb", "publishing"),
        ("remove mini.alignhouse/scratch", "removing"),
    ],
)
def test_a_kill_at_a_step_prevents_it(starts: Starts, what: str, place: str) -> None:
    study = starts.copied("two studies")
    (study.warehouse / "scratch").mkdir()
    (study.warehouse / "scratch" / "half.parquet").write_bytes(b"half")
    before = study.state()
    assert Command(study.folder, ("vacuum",), Step(what, 1)).was_killed()
    assert steps_of(study.folder)[-1] == what
    assert landed(study.folder) == place
    prevented = {
        "journal": "journal.jsonl",
        "publishing": "warehouse.duckdb",
        "removing": "scratch/half.parquet",
    }
    if place in prevented:
        assert study.state()[prevented[place]] == before[prevented[place]]


def test_a_step_that_never_comes_kills_nothing(starts: Starts) -> None:
    study = starts.copied("one study")
    command = Command(study.folder, ("check",), Step("sql commit", 1000))
    assert not command.was_killed()
    assert command.process.exitcode == 0


def test_commits_without_their_files_or_entries_are_found(starts: Starts) -> None:
    warehouse = starts.copied("one study").warehouse
    assert wrong_commits(warehouse) == []
    gone, *_, unknown = sorted(warehouse.glob("facts/*/*.parquet"))
    gone.unlink()
    journal = warehouse / JOURNAL
    journal.write_text(journal.read_text(encoding="utf-8").replace(unknown.name, "other.parquet"), "utf-8")
    assert sorted(wrong_commits(warehouse)) == sorted(
        [
            f"{gone.relative_to(warehouse)} is committed, but its file is missing",
            f"{unknown.relative_to(warehouse)} is committed, but not in the journal",
        ]
    )


def test_a_finished_rebuild_lists_all_that_the_journal_does(starts: Starts) -> None:
    warehouse = starts.copied("one study").warehouse
    (warehouse / WORKING).rename(warehouse / REBUILT)
    assert wrong_commits(warehouse) == []
    with duckdb.connect(str(warehouse / REBUILT)) as connection:
        [(lost,)] = connection.execute("delete from artifact where rowid = 0 returning path").fetchall()
    assert wrong_commits(warehouse) == [f"{lost} is in the journal, but not in {REBUILT}"]


ROWS = {name: pl.DataFrame({"rho": [value]}) for name, value in (("alignment", 0.5), ("run", 1.0))}
LATER = {name: pl.DataFrame({"rho": [value]}) for name, value in (("alignment", 0.6), ("run", 2.0))}


@pytest.mark.parametrize(
    ("stage", "found", "is_wrong"),
    [
        ("rebuild", LATER, False),
        ("rebuild", ROWS, True),
        ("vacuum", ROWS, False),
        ("vacuum", LATER, False),
        ("vacuum", ROWS | {"run": LATER["run"]}, True),
        ("run, other settings", ROWS | {"run": LATER["run"]}, False),
        ("run, other settings", ROWS | {"alignment": pl.DataFrame({"rho": [0.55]})}, True),
        ("run, new warehouse", {}, False),
    ],
)
def test_readers_see_what_a_stage_promises(stage: str, found: Rows, is_wrong: bool) -> None:
    assert bool(wrong_rows(NAMED[stage], found, ROWS, LATER)) == is_wrong


TABLE = pl.DataFrame({"artifact": ["a", "b"], "roi": ["V1", "V2"], "rho": [0.5, None]})


@pytest.mark.parametrize(
    ("other", "differs", "differs_in_bits"),
    [
        (TABLE, False, False),
        (TABLE.with_columns(rho=pl.col("rho") + 5e-8), False, True),
        (TABLE.with_columns(artifact=pl.lit("c")), False, True),
        (TABLE.with_columns(rho=pl.col("rho") + 1e-4), True, True),
        (TABLE.with_columns(rho=pl.lit(0.5)), True, True),
        (TABLE.with_columns(roi=pl.lit("V1")), True, True),
        (TABLE.head(1), True, True),
        (pl.concat([TABLE, TABLE]), True, True),
    ],
)
def test_tables_differ_if_more_than_last_bits_differ(
    other: pl.DataFrame, differs: bool, differs_in_bits: bool
) -> None:
    found = different_tables({"alignment": other}, {"alignment": TABLE}, bit_for_bit=False)
    assert found == ["table alignment differs"] * differs
    assert bool(different_tables({"alignment": other}, {"alignment": TABLE})) == differs_in_bits


def test_a_missing_table_differs() -> None:
    assert different_tables({}, {"alignment": TABLE}) == ["table alignment differs"]
    assert different_tables({"alignment": TABLE}, {}) == ["table alignment differs"]


def test_left_files_are_counted_whatever_the_key_of_their_job(tmp_path: Path) -> None:
    name = "facts/table=x/{}-0.parquet"
    for key in ("0123456789abcdef0123", "fedcba98765432100123"):
        path = tmp_path / name.format(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(key.encode())
    (tmp_path / f"{name.format('0123456789abcdef0123')}.damaged").write_bytes(b"")
    (tmp_path / ".warehouse.duckdb.7.part").write_bytes(b"")
    assert files(tmp_path) == {name.format(""): 2, ".warehouse.duckdb.7.part": 1}
    assert len(contents(tmp_path)) == 4
