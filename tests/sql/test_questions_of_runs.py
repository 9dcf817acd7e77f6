"""The question `runs`: the newest run first, by status."""

from __future__ import annotations

from pathlib import Path

from made_up_warehouse import made_up_tables, write_tables

from alignhouse.warehouse import Warehouse


def test_runs_are_listed_with_their_logs(tmp_path: Path) -> None:
    tables = made_up_tables()
    for name in ("roi", "model"):
        write_tables(tmp_path, {name: tables[name]})
    with Warehouse.open(tmp_path) as opened:
        rows = opened.ask("runs", status="finished").pl().to_dicts()
        assert opened.ask("runs", status="stopped").fetchall() == []
    assert [row["run"] for row in rows] == [2, 1]
    for row in rows:
        assert (row["command"], row["status"], row["jobs"], row["failed"]) == ("test", "finished", 1, 0)
        assert row["log"] == f"logs/run-{row['run']}.jsonl"
        assert (tmp_path / row["log"]).is_file()
        assert row["seconds"] >= 0
