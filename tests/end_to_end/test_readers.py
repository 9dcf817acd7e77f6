"""Questions work while a study runs, and an open reader blocks no other process."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from mini_study import SCORE

from alignhouse.warehouse import Warehouse


def test_asking_during_a_run_with_another_reader_open(finished: Any) -> None:
    study = finished
    with Warehouse.open(study.warehouse) as patient:
        before = patient.sql("select count(*) from alignment").fetchall()
        for seed in range(20, 24):
            study.add_network(f"network{seed}", seed)
        run = study.start(*SCORE, stderr=subprocess.PIPE)
        assert run.stderr is not None
        while "Scoring networks" not in run.stderr.readline():
            assert run.poll() is None
        asked = study.alignhouse("ask", "networks", "--format", "json")
        assert asked.returncode == 0
        assert len(json.loads(asked.stdout)) >= 3
        assert patient.sql("select count(*) from alignment").fetchall() == before
        run.stderr.read()
        assert run.wait() == 0
        assert patient.sql("select count(*) from alignment").fetchall() == before
    with Warehouse.open(study.warehouse) as opened:
        assert opened.sql("select count(distinct model) from alignment").fetchall() == [(7,)]
