"""A command can be killed at any moment: nothing is lost, and repeating it gives an undisturbed study."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from kill_cycle import Kills
from kill_stages import STAGES
from kill_starts import Starts
from kill_states import contents, different_tables, files

NAMED = {stage.name: stage for stage in STAGES}


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Starts:
    return Starts(tmp_path_factory.mktemp("kills"))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("run, other settings", 2),
        ("report", 1),
        ("rebuild --skip-damaged", 1),
        *(pytest.param(name, 30, marks=pytest.mark.slow) for name in NAMED),
    ],
)
def test_after_kills_at_any_moment_a_repetition_ends_as_if_undisturbed(
    starts: Starts, name: str, number: int
) -> None:
    count = Kills(NAMED[name], starts, seed=5).kill(number)
    assert count.wrong == []
    assert count.kills == number
    assert count.equal == count.repeated >= 1


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
