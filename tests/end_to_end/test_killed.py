"""A study can be killed at any moment; another run gives the result of an uninterrupted run."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from alignhouse.warehouse import Warehouse

TABLES = (
    "dataset",
    "subject",
    "roi",
    "roi_part",
    "stimulus",
    "model",
    "layer",
    "protocol",
    "alignment",
    "significance",
    "noise_ceiling",
    "group_comparison",
    "corrected_significance",
    "layer_choice",
    "layer_vote",
    "score_interval",
    "difference_interval",
    "complexity",
    "layer_score",
    "best_layer",
    "depth_profile",
)


def results(study: Any) -> dict[str, Any]:
    """All rows of all tables, and the hash of every registered file."""
    with Warehouse.open(study.warehouse) as opened:
        found: dict[str, Any] = {name: opened.sql(f"from {name} order by all").fetchall() for name in TABLES}
        found["files"] = opened.sql("select path, sha256 from artifact order by path").fetchall()
    return found


def start(study: Any, stderr: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    process: subprocess.Popen[str] = study.start("run", "study.toml", "--no-report", stderr=stderr)
    return process


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_kills_at_random_moments_change_nothing(make_study: Callable[[str], Any], kills: int) -> None:
    undisturbed = make_study("undisturbed")
    began = time.monotonic()
    assert start(undisturbed).wait() == 0
    took = time.monotonic() - began

    study = make_study("killed")
    chance = random.Random(5)
    killed = 0
    seen_by_readers = 0
    while killed < kills or not seen_by_readers:
        process = start(study)
        time.sleep(chance.uniform(0.3, 1.0) * took)
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            # The run ended before the signal: ignore it and start again.
            study = make_study(f"killed-{killed}-{chance.random()}")
            continue
        killed += 1
        if (study.warehouse / "warehouse.duckdb").exists():
            with Warehouse.open(study.warehouse) as opened:
                opened.sql("from best_layer").fetchall()
                seen_by_readers += 1
            assert study.alignhouse("check").returncode == 0
        if killed % 3 == 0:
            assert start(study).wait() == 0
            assert results(study) == results(undisturbed)
            study = make_study(f"killed-{killed}")
    assert start(study).wait() == 0
    assert results(study) == results(undisturbed)
    left = [path for path in (study.warehouse / "scratch").rglob("*")] if study.warehouse.exists() else []
    assert left == []


def test_interrupting_says_how_to_go_on(make_study: Callable[[str], Any]) -> None:
    study = make_study("interrupted")
    process = start(study, stderr=subprocess.PIPE)
    assert process.stderr is not None
    while "Storing betas" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert "run the same command again" in process.stderr.read()
    assert process.wait() == 130
