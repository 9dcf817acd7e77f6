"""`alignhouse doctor`: what it finds, and its exit code."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from alignhouse.study.doctor import available_memory


def test_a_machine_that_can_run_the_study_is_ready(study: Any) -> None:
    done = study.alignhouse("doctor", "study.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ok      duckdb: {duckdb.__version__}" in done.stdout
    assert f"ok      locks: work in {study.folder}" in done.stdout
    assert done.stdout.rstrip().endswith("All is ready.")
    assert not study.warehouse.exists()


def test_what_is_missing_is_said_with_what_to_do(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    study.change("[report]", '[compute]\nmemory = "900TB"\ndevice = "cuda:99"\n[report]')
    monkeypatch.setattr(fcntl, "flock", refused)
    done = study.alignhouse("doctor", "study.toml")
    assert done.returncode == 1
    missing = [line.split(":")[0] for line in done.stdout.splitlines() if line.startswith("MISSING")]
    assert missing == ["MISSING devices", "MISSING locks", "MISSING memory"]
    assert "(lower compute.memory, or --memory)" in done.stdout
    assert "cuda:99 is not there" in done.stdout
    assert "alignhouse: 3 things are missing" in done.stderr


def test_memory_is_that_of_the_machine_or_less_in_a_cgroup(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    assert available_memory(meminfo, tmp_path) is None
    meminfo.write_text("MemTotal: 9 kB\nMemAvailable:  1000 kB\n")
    assert available_memory(meminfo, tmp_path) == 1000 * 1024
    (tmp_path / "memory.current").write_text("300\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(meminfo, tmp_path) == 1000 * 1024
    (tmp_path / "memory.max").write_text("5000\n")
    assert available_memory(meminfo, tmp_path) == 4700
