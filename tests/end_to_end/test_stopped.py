"""Studies that are stopped or follow each other: readers see one study, and damage is repaired."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import pytest
from mini_study import ONE_PROTOCOL, SCORE, MiniStudy

from alignhouse.cli.app import TERMINATED
from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.reader import SNAPSHOT

SEEDS = "select distinct seed from significance union select distinct seed from group_comparison"


@pytest.fixture
def finished(copy_finished: Callable[..., MiniStudy]) -> MiniStudy:
    """A copy of the miniature study of one protocol after a run without a report."""
    return copy_finished(ONE_PROTOCOL)


@pytest.fixture
def scored(copy_finished: Callable[..., MiniStudy]) -> MiniStudy:
    """The same study until its scores: a check reads fewer tables."""
    return copy_finished(ONE_PROTOCOL, arguments=SCORE)


def rows(study: Any, query: str) -> list[tuple[Any, ...]]:
    with Warehouse.open(study.warehouse) as opened:
        return opened.sql(query).fetchall()


def test_a_terminated_run_is_stored_as_stopped_and_goes_on(finished: Any) -> None:
    for seed in range(20, 25):
        finished.add_network(f"network{seed}", seed)
    run = finished.start("run", "study.toml", "--no-report", stderr=subprocess.PIPE)
    while "Scoring networks" not in run.stderr.readline():
        assert run.poll() is None
    run.send_signal(signal.SIGTERM)
    assert "Traceback" not in run.stderr.read()
    assert run.wait() == TERMINATED
    assert rows(finished, "select status from run order by run")[-1] in [("stopped",), ("finished",)]
    assert finished.run().returncode == 0
    assert rows(finished, "select count(distinct model) from alignment") == [(8,)]
    assert {status for (status,) in rows(finished, "select status from run")} <= {"stopped", "finished"}


@pytest.mark.parametrize(("studies", "readers"), [(2, 1), pytest.param(9, 8, marks=pytest.mark.slow)])
def test_readers_see_one_study_at_a_time(finished: Any, studies: int, readers: int) -> None:
    finished.change("permutations = 50", "permutations = 50\nseed = 0")
    ended = threading.Event()
    opened: list[list[tuple[Any, ...]]] = []

    def read() -> None:
        while not ended.is_set():
            opened.append(rows(finished, SEEDS))
            time.sleep(0.1)

    with ThreadPoolExecutor(readers) as pool:
        reading = [pool.submit(read) for _ in range(readers)]
        try:
            for seed in range(1, studies + 1):
                finished.change(f"seed = {seed - 1}", f"seed = {seed}")
                # A process of its own needs seconds for imports; the long variant has one.
                done = finished.process if studies > 2 else finished.alignhouse
                assert done("run", "study.toml", "--no-report").returncode == 0
                assert rows(finished, SEEDS) == [(seed,)]
        finally:
            ended.set()
    for each in reading:
        each.result()
    mixed = [found for found in opened if len(found) != 1]
    assert mixed == []
    assert len({found[0] for found in opened}) >= studies
    print(f"{len(opened)} opens, {len(mixed)} mixed")


def test_altered_and_lost_rows_are_found_and_repaired(scored: Any) -> None:
    tables = ("noise_ceiling", "alignment", "significance", "region_reliability", "run", "artifact")
    before = [rows(scored, f"from {table} order by all") for table in tables]
    with duckdb.connect(str(scored.warehouse / SNAPSHOT)) as connection:
        connection.execute("update noise_ceiling set lower = lower - 0.001")
        connection.execute("delete from alignment where subject = 'sub-02' and layer = 'layer1'")
    found = scored.alignhouse("check")
    assert found.returncode == 1
    assert "table noise_ceiling:" in found.stdout
    assert "table alignment:" in found.stdout
    assert "table significance" not in found.stdout
    repaired = scored.alignhouse("check", "--repair")
    assert repaired.returncode == 0, repaired.stderr
    assert repaired.stdout.endswith("All checks passed.\n")
    assert [rows(scored, f"from {table} order by all") for table in tables] == before


def test_repair_of_a_damaged_file_and_the_run_that_makes_it_again(scored: Any) -> None:
    before = rows(scored, "from alignment order by all")
    [damaged, *_] = sorted((scored.warehouse / "facts" / "table=alignment").rglob("*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    repaired = scored.alignhouse("check", "--repair")
    assert repaired.returncode == 1
    assert (
        f"Left out; run the study again to make it: facts/table=alignment/{damaged.name}" in repaired.stdout
    )
    assert scored.alignhouse(*SCORE).returncode == 0
    assert scored.alignhouse("check").stdout == "All checks passed.\n"
    assert rows(scored, "from alignment order by all") == before
