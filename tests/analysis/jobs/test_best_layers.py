"""Best layers of many networks, as their jobs stored them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from alignhouse.analysis.jobs.best_layers import BestLayers
from alignhouse.analysis.jobs.scope import Scope, facts
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.warehouse.artifacts import Artifact, work
from alignhouse.warehouse.jobs import Job
from alignhouse.warehouse.jobs import Output as Made
from alignhouse.warehouse.vectors import vector_table

SCORES = {("a", "V1"): 0.1, ("a", "V2"): 0.2, ("b", "V1"): 0.3, ("b", "V2"): 0.4}


@pytest.fixture
def scope(tmp_path: Path) -> Scope:
    return Scope(tmp_path, "sound", AnalysisSettings(), "d", "test", permutations=3, seed=0)


def stored(scope: Scope, model: str, regions: Sequence[str]) -> list[Artifact]:
    """What a network's job stores: nulls of best layers begin with their score, those of layers are 9."""
    nulls = np.array([[SCORES[model, roi], 1, 2] for roi in regions] + [[9, 9, 9]] * 2)
    columns = {
        "model": [model] * 4,
        "layer": ["fc"] * 4,
        "roi": [*regions, *regions],
        "test": ["layer"] * 2 + ["best_layer"] * 2,
        "statistic": [9.0] * 2 + [SCORES[model, roi] for roi in regions],
        "p_value": pa.array([0.5] * 4),
    }
    names = {"roi": [*regions, *regions], "test": ["best_layer"] * 2 + ["layer"] * 2}
    outputs = [
        Made(("nulls", f"model={model}"), vector_table(names, "null", nulls.astype(np.float32))),
        facts(scope, "significance", columns, "", ("model", "roi")),
    ]
    job = Job("rsa", 1, {"model": model}, {}, model, lambda tick: outputs)
    return work(scope.root, job, lambda done, total: None)


def test_scores_and_nulls_are_of_the_same_network_and_region_whatever_their_order(scope: Scope) -> None:
    best = BestLayers(scope, {"a": stored(scope, "a", ["V1", "V2"]), "b": stored(scope, "b", ["V2", "V1"])})
    nulls = best.nulls(lambda done, total: None)
    for roi, expected in (("V1", [0.1, 0.3]), ("V2", [0.2, 0.4])):
        np.testing.assert_array_equal(best.scores[roi], expected)
        np.testing.assert_array_equal(nulls[roi], np.float32([[each, 1, 2] for each in expected]))
        assert [row["model"] for row in best.tests[roi]] == ["a", "b"]


def test_stored_files_are_read_once_for_all_jobs(scope: Scope) -> None:
    artifacts = {"a": stored(scope, "a", ["V1", "V2"])}
    best, steps = BestLayers(scope, artifacts), []
    for _ in range(2):
        best.nulls(lambda done, total: steps.append((done, total)))
    assert steps == [(1, 1)]
