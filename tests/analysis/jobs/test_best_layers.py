"""Stored best layers of many networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from small_batches import batch_of, made

from alignhouse.analysis.jobs.best_layers import BestLayers
from alignhouse.analysis.jobs.scope import Scope
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.progress import Silent
from alignhouse.warehouse.vectors import vector_table

SCORES = {("a", "V1"): 0.1, ("a", "V2"): 0.2, ("b", "V1"): 0.3, ("b", "V2"): 0.4}


SCOPE = Scope(protocol="sound", settings=AnalysisSettings(), dataset="d", split="test")


def stored(root: Path, model: str, regions: Sequence[str]) -> list[Artifact]:
    """The outputs of a network's job: nulls of best layers start with the score, nulls of layers are 9."""
    nulls = np.array([[SCORES[model, roi], 1, 2] for roi in regions] + [[9, 9, 9]] * 2)
    columns = {
        "model": [model] * 4,
        "layer": ["fc"] * 4,
        "roi": [*regions, *regions],
        "test": ["layer"] * 2 + ["best_layer"] * 2,
        "statistic": [9.0] * 2 + [SCORES[model, roi] for roi in regions],
        "p_value": [0.5] * 4,
    }
    names = {"roi": [*regions, *regions], "test": ["best_layer"] * 2 + ["layer"] * 2}
    job = Job("rsa", 1, {"model": model}, {}, model)
    return made(
        root,
        batch_of(
            job,
            Output(("nulls", f"model={model}"), vector_table(names, "null", nulls.astype(np.float32))),
            SCOPE.facts("significance", columns, "", ("model", "roi")),
        ),
    )


def test_scores_and_nulls_are_of_the_same_network_and_region_whatever_their_order(tmp_path: Path) -> None:
    best = BestLayers({"a": stored(tmp_path, "a", ["V1", "V2"]), "b": stored(tmp_path, "b", ["V2", "V1"])})
    nulls = best.nulls(Silent())
    for roi, expected in (("V1", [0.1, 0.3]), ("V2", [0.2, 0.4])):
        np.testing.assert_array_equal(best.scores[roi], expected)
        np.testing.assert_array_equal(nulls[roi], np.float32([[each, 1, 2] for each in expected]))
        assert [row["model"] for row in best.tests[roi]] == ["a", "b"]


def test_the_name_of_the_warehouses_folder_changes_no_rows(tmp_path: Path) -> None:
    root = tmp_path / "model=other"
    best = BestLayers({"a": stored(root, "a", ["V1", "V2"])})
    assert [row["model"] for rows in best.tests.values() for row in rows] == ["a", "a"]


def test_stored_files_are_read_once_for_all_jobs(tmp_path: Path) -> None:
    class Steps(Silent):
        steps: ClassVar[list[tuple[int, int]]] = []

        def step(self, done: int, total: int) -> None:
            self.steps.append((done, total))

    best = BestLayers({"a": stored(tmp_path, "a", ["V1", "V2"])})
    for _ in range(2):
        best.nulls(Steps())
    assert Steps.steps == [(1, 1)]
