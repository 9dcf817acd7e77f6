"""A study whose batches run in worker processes."""

from __future__ import annotations

from typing import Any

from alignhouse.warehouse import Warehouse


def files(study: Any) -> list[tuple[str, str]]:
    with Warehouse.open(study.warehouse) as opened:
        return opened.sql("select path, sha256 from artifact order by path").fetchall()


def test_worker_processes_make_the_same_files_to_the_byte(run_once: Any) -> None:
    here = run_once()
    there = run_once(("[report]", '[compute]\nexecutor = "processes"\n[report]'))
    assert files(there) == files(here)
    again = there.alignhouse("run", "study.toml", "--no-report")
    assert "Nothing to do" in again.stdout
