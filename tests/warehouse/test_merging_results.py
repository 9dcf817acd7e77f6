"""Statistics of users are merged like all other results; received ones are verified first."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from command_line import alignhouse
from merged_labs import is_whole, merge, unchanged
from small_batches import batch_of
from small_studies import contents, do

from alignhouse.warehouse import Warehouse, artifacts
from alignhouse.warehouse.errors import BrokenWarehouse
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.merge_plan import Merged
from alignhouse.warehouse.merging import Conflicting, to_merge
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.received import open_source
from alignhouse.warehouse.results import (
    RESULT,
    add_result,
    fault_of_content,
    fault_of_record,
    is_of_result,
    sha256_of_rows,
)

ROWS = pl.DataFrame({"roi": ["V1", None], "Rho (mean)": [0.25, None], "n": [2**40, -1]})
OTHER = pl.DataFrame({"other": ["a", "b", "c"]})


def add(folder: Path, rows: pl.DataFrame = ROWS, name: str = "mine", **changes: Any) -> None:
    add_result(folder, rows, name, **{"description": "by hand", "author": "me", "replace": True, **changes})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Warehouses with statistics and nothing else; tests only read them, or copy them (`two`).

    mine has the statistic `mine`; own has another; reworded and different have one of the same name.
    """
    folder = tmp_path_factory.mktemp("made")
    do(folder / "own", [])
    for name in ("mine", "reworded", "different"):
        shutil.copytree(folder / "own", folder / name)
    add(folder / "own", OTHER, "own")
    add(folder / "mine")
    add(folder / "reworded", description="in my words")
    add(folder / "different", OTHER)
    return folder


@pytest.fixture
def two(made: Path, tmp_path: Path) -> Path:
    """A folder with copies of the warehouses own (a) and mine (b)."""
    shutil.copytree(made / "own", tmp_path / "a")
    shutil.copytree(made / "mine", tmp_path / "b")
    return tmp_path


def planned(folder: Path, target: str, *sources: str) -> Merged:
    return to_merge(folder / target, [folder / source for source in sources], "test")


def test_a_new_statistic_is_added_with_its_provenance_and_survives_a_rebuild(two: Path) -> None:
    before = contents(two)
    plan = planned(two, "a", "b")
    assert contents(two) == before
    assert {kind: count for kind, (count, _) in plan.kinds.items()} == {"result": 1, "results.mine": 1}
    assert (plan.notes, plan.conflicts) == ([], [])
    assert merge(two) == plan
    # It ends with a rebuild.
    assert is_whole(two / "a")
    with Warehouse(two / "a") as opened:
        mine, own = opened.sql("from results.mine").pl(), opened.sql("from results.own").pl()
        row, other = opened.ask("results").pl().to_dicts()
        [(origin,)] = opened.sql("select study ->> '$.merged[0].runs' from run where run = 2").fetchall()
    assert (mine.equals(ROWS), mine.schema == ROWS.schema, own.equals(OTHER)) == (True, True, True)
    assert (row["result"], row["description"], row["author"]) == ("mine", "by hand", "me")
    assert (row["command"], row["rows"], other["result"]) == ("a merge", 2, "own")
    assert "add_results(name='mine')" in origin
    assert planned(two, "a", "b").artifacts == 0


def test_the_command_lists_it(made: Path) -> None:
    dry = alignhouse("merge", "own", "mine", "--dry-run", folder=made)
    assert (dry.returncode, dry.stderr) == (0, "")
    assert "results.mine: 1 artifact" in dry.stdout
    assert dry.stdout.splitlines()[-1].startswith("Would add 2 artifacts, ")


def test_the_same_rows_in_other_words_are_skipped_with_a_note(made: Path) -> None:
    plan = planned(made, "reworded", "mine")
    [note] = plan.notes
    assert note.startswith("result (result mine): description = in my words in ")
    assert f", description = by hand in {made / 'mine'} (run 1, add_results(name='mine'))" in note
    assert note.endswith(": left out, because the rows are the same")
    assert (plan.artifacts, plan.conflicts) == (0, [])
    # The first of several sources is added.
    plan = planned(made, "own", "reworded", "mine")
    assert (plan.artifacts, len(plan.notes), plan.conflicts) == (2, 1, [])


def test_words_that_the_target_had_before_do_not_come_back(two: Path) -> None:
    shutil.copytree(two / "b", two / "target")
    add(two / "target", description="in my words")
    with unchanged(two / "target"):
        assert merge(two, "target", "b").artifacts == 0


def test_other_rows_of_one_name_are_a_conflict_that_names_it(made: Path) -> None:
    with unchanged(made / "different"), pytest.raises(Conflicting) as raised:
        merge(made, "different", "mine")
    [line] = raised.value.conflicts
    ours, theirs = sha256_of_rows(OTHER)[:8], sha256_of_rows(ROWS)[:8]
    place = f"{made / 'different'} (run 1, add_results(name='mine'))"
    assert line.startswith(f"result, results.mine (result mine): rows_sha256 = {ours} in {place}, ")
    assert f"rows_sha256 = {theirs} in {made / 'mine'} (run 1," in line
    assert planned(made, "different", "mine").conflicts == [line]
    # Two sources contradict each other in the same way.
    assert planned(made, "own", "different", "mine").conflicts == [line]


def alter(folder: Path, statement: str) -> None:
    with duckdb.connect(str(folder / SNAPSHOT)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("alter table results.mine drop column artifact", "Column .artifact. in EXCLUDE list not found"),
        ("alter table results.mine alter artifact type blob", "expected VARCHAR, found BLOB"),
        pytest.param(
            "update artifact set table_name = 'results.other' where rows = 2",
            "none of the two files",
            marks=pytest.mark.slow,
        ),
        ("update artifact set table_name = 'results.x\"; --' where rows = 2", "none of the two files"),
    ],
)
def test_received_tables_and_records_of_statistics_are_verified(two: Path, change: str, words: str) -> None:
    alter(two / "b", change)
    with pytest.raises(BrokenWarehouse, match=words), open_source(two / "b"):
        pass


def test_a_statistic_without_its_table_is_refused(two: Path) -> None:
    """A view in the place of the table is not read."""
    alter(two / "b", "drop table results.mine; create view results.mine as select 1 as artifact")
    with unchanged(two / "a"), pytest.raises(BrokenWarehouse, match="results.mine.*expected 0 rows, found 2"):
        merge(two)


SETTINGS = {"result": "theirs", "description": "", "author": "", "rows_sha256": "0" * 64}
PLAIN = pa.table({"x": [1.0]})


def written(folder: Path, rows: pa.Table = PLAIN, row: Any = SETTINGS, **settings: Any) -> Any:
    """A job and its outputs, and the records of its files, as somebody's own program could make them."""
    settings = SETTINGS | settings
    described = pa.table({key: [value] for key, value in row.items()})
    outputs = [
        Output(("facts", "table=result"), described, RESULT, (RESULT,)),
        Output(("facts", f"table=results.{settings['result']}"), rows, f"results.{settings['result']}"),
    ]
    job = Job(RESULT, 1, settings, {}, "")
    return job, outputs, artifacts.write(folder, job, outputs)


def test_records_that_add_results_would_not_make_are_faults(tmp_path: Path) -> None:
    _, _, (first, second) = written(tmp_path)
    tables = ["alignment", "result", "results.theirs"]
    for each in (first, second):
        assert is_of_result(each)
        assert (fault_of_record(each, tables), fault_of_content(each)) == (None, None)
    not_a_job = "it is not of a job that adds a result"
    no_file = "it is none of the two files of its result"
    for changes, words in (
        ({"method": "rsa"}, not_a_job),
        ({"inputs": {"a": "b"}}, not_a_job),
        ({"settings": {**SETTINGS, "more": "x"}}, not_a_job),
        ({"settings": {}}, not_a_job),
        ({"settings": {**SETTINGS, "description": 1}}, "the description of the result is no text"),
        ({"settings": {**SETTINGS, "result": 'x"; drop table run; --'}}, "expected lower-case letters"),
        ({"settings": {**SETTINGS, "result": "../x"}}, "expected lower-case letters"),
        ({"settings": {**SETTINGS, "result": "alignment"}}, "found the name of a table or view"),
        ({"settings": {**SETTINGS, "result": "select"}}, "found a word of SQL"),
        ({"settings": {**SETTINGS, "result": "leaderboard"}}, "found the name of a question"),
        ({"settings": {**SETTINGS, "result": "other"}}, no_file),
        ({"position": 0}, no_file),
        ({"position": 2}, no_file),
        ({"position": -1}, no_file),
        ({"of": 3}, no_file),
        ({"slot": ("x",)}, no_file),
        ({"table": None}, no_file),
        ({"table": "subject"}, no_file),
    ):
        altered = replace(second, **changes)
        assert is_of_result(altered)
        assert words in str(fault_of_record(altered, tables)), changes


@pytest.mark.parametrize(
    ("rows", "row", "words"),
    [
        (PLAIN, {**SETTINGS, "author": "x"}, "it is not the one row that describes its result"),
        (PLAIN, {**SETTINGS, "more": "x"}, "it is not the one row that describes its result"),
        (pa.table({"x": [[1]]}), SETTINGS, "column 'x' of a result: expected numbers"),
        (pa.table({"x": [b"1"]}), SETTINGS, "column 'x' of a result: expected numbers"),
        (pa.table({"a\nb": [1]}), SETTINGS, "printable letters"),
        (pa.table({"artifact": ["x"]}), SETTINGS, "other than artifact"),
        (pa.table({"x": [1], "X": [1]}), SETTINGS, "several are called"),
    ],
)
def test_files_that_add_results_would_not_write_are_faults(
    tmp_path: Path, rows: pa.Table, row: dict[str, str], words: str
) -> None:
    *_, records = written(tmp_path, rows, row)
    assert [words in str(fault_of_content(each)) for each in records] == [row != SETTINGS, row == SETTINGS]


def test_a_received_file_with_other_columns_changes_nothing(two: Path) -> None:
    job, outputs, _ = written(two / "x", pa.table({"a\nb": [1]}))
    do(two / "b", [batch_of(job, *outputs)])
    with unchanged(two / "a"), pytest.raises(BrokenWarehouse, match="printable letters"):
        merge(two)
