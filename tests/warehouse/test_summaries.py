"""Stored summaries equal their definitions after every change of the facts, and after a kill."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from made_up_warehouse import SLOTS, Rows, made_up_tables, made_up_warehouse, rows_batch

from alignhouse.warehouse import Warehouse, summaries
from alignhouse.warehouse.checks import stale_summaries
from alignhouse.warehouse.rebuild import rebuild
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import WORKING, Writer
from alignhouse.warehouse.summaries import definitions, stale_rows


def new_rho(tables: dict[str, Rows]) -> tuple[str, Rows]:
    return "alignment", [
        {**row, "rho": -row["rho"]}
        for row in tables["alignment"]
        if (row["model"], row["protocol"]) == ("c", "sound")
    ]


def new_tests(tables: dict[str, Rows]) -> tuple[str, Rows]:
    return "significance", [{**row, "p_value": 0.5} for row in tables["significance"] if row["model"] == "b"]


def new_layers(tables: dict[str, Rows]) -> tuple[str, Rows]:
    return "layer", [{**row, "depth": row["depth"] / 2} for row in tables["layer"] if row["model"] == "e"]


def new_model(tables: dict[str, Rows]) -> tuple[str, Rows]:
    return "model", [{**row, "arch_type": "other"} for row in tables["model"] if row["model"] == "a"]


def new_regions(tables: dict[str, Rows]) -> tuple[str, Rows]:
    return "roi", [{**row, "roi_group": "other"} for row in tables["roi"]]


CHANGES = (new_rho, new_tests, new_layers, new_model, new_regions)
KEYS = {**SLOTS, "alignment": ("protocol", "model"), "significance": ("model",)}


@pytest.fixture
def tables() -> dict[str, Rows]:
    return made_up_tables()


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_warehouse(tmp_path_factory)


@pytest.fixture(scope="module")
def before(made_up: Path) -> dict[str, Any]:
    """The summaries of the warehouse that `folder` copies."""
    return stored(made_up)


@pytest.fixture
def folder(made_up: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_up, tmp_path / "w"))


def change(folder: Path, table: str, rows: Rows) -> None:
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        run.do("change", [rows_batch(table, rows, KEYS[table])])


def stored(folder: Path) -> dict[str, Any]:
    with Warehouse.open(folder) as opened:
        assert stale_rows(opened.connection) == dict.fromkeys(definitions(), 0)
        return {name: opened.sql(f"from {name} order by all").fetchall() for name in definitions()}


# Every change has one way by default: piecemeal (1.0), or all at once.
@pytest.mark.parametrize(
    ("changed", "most_piecemeal"),
    [
        *zip(CHANGES, (1.0, 0.0, 1.0, 0.0, 1.0), strict=True),
        *(
            pytest.param(changed, most, marks=pytest.mark.slow)
            for changed, most in zip(CHANGES, (0.0, 1.0, 0.0, 1.0, 0.0), strict=True)
        ),
    ],
)
def test_a_change_is_in_the_summaries_that_the_next_reader_sees(
    folder: Path,
    tables: dict[str, Rows],
    before: dict[str, Any],
    changed: Any,
    most_piecemeal: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(summaries, "MOST_PIECEMEAL", most_piecemeal)
    change(folder, *changed(tables))
    assert stored(folder)["best_layer"] != before["best_layer"]


def test_a_network_that_comes_later_changes_no_others_rows(
    folder: Path, tables: dict[str, Rows], before: dict[str, Any]
) -> None:
    new = [{**row, "model": "f"} for name in ("model",) for row in tables[name] if row["model"] == "a"]
    change(folder, "model", new)
    change(folder, "layer", [{**row, "model": "f"} for row in tables["layer"] if row["model"] == "a"])
    change(folder, "alignment", [{**row, "model": "f"} for row in tables["alignment"] if row["model"] == "a"])
    after = stored(folder)["layer_score"]
    assert [row for row in after if "f" not in row] == before["layer_score"]
    assert len(after) - len(before["layer_score"]) == 2 * 5 * 3


def test_after_a_writer_is_killed_the_next_one_publishes_its_commits(
    folder: Path, tables: dict[str, Rows], before: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(Writer, "publish", lambda self, force=False: None)
        change(folder, *new_rho(tables))
    assert stored(folder) == before
    with duckdb.connect(str(folder / WORKING), read_only=True) as connection:
        assert connection.execute("select distinct * from stale_scope").fetchall() == [
            ("sound", "d", "test", "c")
        ]
        assert stale_rows(connection)["layer_score"] == 5 * 5  # layers of c, regions
    with Writer(folder, "test"):
        pass
    assert stored(folder)["best_layer"] != before["best_layer"]


def test_a_refresh_that_fails_changes_nothing_and_is_done_later(
    folder: Path, tables: dict[str, Rows], before: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        queries = {**definitions(), "depth_profile": "select error('no')"}
        broken.setattr(summaries, "definitions", lambda: queries)
        with pytest.raises(duckdb.Error, match="no"):
            change(folder, *new_rho(tables))
    assert stored(folder) == before
    with Writer(folder, "test"):
        pass
    assert stored(folder)["depth_profile"] != before["depth_profile"]


def test_stale_summaries_are_found_and_recomputed(folder: Path, before: dict[str, Any]) -> None:
    with Writer(folder, "test") as writer:
        writer.connection.execute("update best_layer set rho = rho + 0.1 where model = 'a'")
        writer.connection.execute("delete from layer_score where model = 'b' and protocol = 'sound'")
        writer.mark_changed()
    with Warehouse.open(folder) as opened:
        found = stale_summaries(opened)
    assert found[0].startswith("summary layer_score: 10 rows differ from the facts")
    assert found[1].startswith("summary best_layer: ")
    rebuild(folder, "test")
    assert stored(folder) == before
