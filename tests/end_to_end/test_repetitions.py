"""Brain data that differ between subjects are named: fewer repetitions, or a pattern without variance."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse import Warehouse

TEST, V1 = "test_data_allvoxel", ("lV1v", "rV1v", "lV1d", "rV1d")
PARTS = (*V1, "lEBA", "rEBA")


def changed(path: Path, change: Any) -> None:
    data = pickle.loads(path.read_bytes())
    data[TEST] = change(data[TEST])
    path.write_bytes(pickle.dumps(data))


def test_a_subject_with_fewer_repetitions_is_said_stored_and_no_fault(study: Any) -> None:
    for part in PARTS:
        changed(study.betas(2, part), lambda betas: betas[:, :9])
    for _ in range(2):
        done = study.run()
        assert done.returncode == 0, done.stderr
        said = [line for line in done.stderr.splitlines() if line.startswith("Repetitions: ")]
        assert said == ["Repetitions: sub-02 has 9 in split test, other subjects have 10"]
    with Warehouse.open(study.warehouse) as opened:
        rows = opened.sql(
            "select distinct subject, repetitions from region_reliability order by 1"
        ).fetchall()
    assert rows == [("sub-01", 10), ("sub-02", 9), ("sub-03", 10)]
    checked = study.alignhouse("check", "-w", "mini.alignhouse")
    assert checked.returncode == 0
    assert checked.stdout.splitlines() == [
        "Remark: repetitions_are_equal: dataset = mini, split = test, subject = sub-02, repetitions = 9, "
        "n_regions = 2, most_repetitions = 10",
        "All checks passed.",
    ]
    asked = study.alignhouse("ask", "reliability", "-w", "mini.alignhouse", "--format", "csv")
    header, first = (line.split(",") for line in asked.stdout.splitlines()[:2])
    of_region = dict(zip(header, first, strict=True))
    assert (of_region["repetitions_least"], of_region["repetitions"]) == ("9", "10")


def test_equal_repetitions_need_no_remark(run_once: Any) -> None:
    study = run_once()
    assert "Repetitions" not in study.said.read_text(encoding="utf-8")
    assert study.alignhouse("check", "-w", "mini.alignhouse").stdout == "All checks passed.\n"


def test_a_constant_pattern_names_subject_region_and_stimulus(study: Any) -> None:
    def flat(betas: np.ndarray) -> np.ndarray:
        betas[6] = 0.25
        return betas

    for part in V1:
        changed(study.betas(3, part), flat)
    refused = study.run()
    assert refused.returncode == 2
    assert re.search(
        "patterns of sub-03, V1, stimulus 1007: expected values that differ, found the same value everywhere",
        refused.stderr,
    )
