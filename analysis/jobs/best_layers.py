"""The best layers of networks and what these are held against: what comparisons of networks start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alignhouse.analysis.jobs.scope import Scope, facts_of, vectors_of
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.jobs import Tick
from alignhouse.warehouse.vectors import VectorFile


class BestLayers:
    """Tests of best layers of M networks, region by region; read when first asked for, once for all jobs.

    `scores` are, by model, the artifacts of its `rsa_job`.
    """

    def __init__(self, scope: Scope, scores: Mapping[str, Sequence[Artifact]]) -> None:
        self.scope = scope
        self.models = list(scores)
        # Model -> the job that made its scores.
        self.jobs = {model: artifacts[0].job for model, artifacts in scores.items()}
        self._scores = dict(scores)
        self._nulls: dict[str, NDArray[np.float32]] = {}

    @cached_property
    def tests(self) -> dict[str, list[dict[str, Any]]]:
        """Region -> (M) rows of `significance`."""
        paths = [
            self.scope.root / facts_of(artifacts, "significance").path for artifacts in self._scores.values()
        ]
        rows = pl.read_parquet(paths, hive_partitioning=False).filter(pl.col("test") == "best_layer")
        of_model: dict[str, dict[str, dict[str, Any]]] = {}
        for row in rows.iter_rows(named=True):
            of_model.setdefault(row["model"], {})[row["roi"]] = row
        regions = of_model[self.models[0]]
        return {roi: [of_model[model][roi] for model in self.models] for roi in regions}

    @property
    def scores(self) -> dict[str, NDArray[np.float64]]:
        """Region -> (M,) mean over subjects of the best layer's rho, R."""
        return {roi: np.array([row["statistic"] for row in rows]) for roi, rows in self.tests.items()}

    def nulls(self, tick: Tick) -> dict[str, NDArray[np.float32]]:
        """Region -> (M, K) what each network's best layer is held against."""
        if not self._nulls:
            shape = len(self.models), self.scope.permutations
            found = {roi: np.empty(shape, np.float32) for roi in self.tests}
            for index, artifacts in enumerate(self._scores.values()):
                with VectorFile(self.scope.root / vectors_of(artifacts).path, "null") as file:
                    # The nulls of best layers are the first rows, one a region.
                    regions = file.names("roi")[: len(found)]
                    for roi, null in zip(regions, file.read(0, len(found)), strict=True):
                        found[roi][index] = null
                tick(index + 1, len(self.models))
            self._nulls = found
        return self._nulls
