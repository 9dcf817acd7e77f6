"""The stored best layers of networks and their nulls, which are the inputs of network comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alignhouse.analysis.jobs.scope import facts_of, vectors_of
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Reporter

Scores = Mapping[str, Sequence[Artifact]]
"""Model -> the artifacts of its scores (see `scores.rsa_batch`)."""


def jobs_of(scores: Scores) -> dict[str, str]:
    """Model -> the key of the job that made its scores; these are the inputs of a comparison."""
    return {model: artifacts[0].job for model, artifacts in scores.items()}


class BestLayers:
    """Best-layer tests of M networks by region; loaded on first use, then cached.

    Parameters
    ----------
    scores : the scores of the M networks.
    """

    def __init__(self, scores: Scores) -> None:
        self.models = list(scores)
        self._artifacts = dict(scores)
        self._nulls: dict[str, NDArray[np.float32]] = {}

    @cached_property
    def tests(self) -> dict[str, list[dict[str, Any]]]:
        """Region -> (M) rows of `significance`."""
        paths = [facts_of(artifacts, "significance").verified for artifacts in self._artifacts.values()]
        rows = pl.read_parquet(paths, hive_partitioning=False, glob=False).filter(
            pl.col("test") == "best_layer"
        )
        of_model: dict[str, dict[str, dict[str, Any]]] = {}
        for row in rows.iter_rows(named=True):
            of_model.setdefault(row["model"], {})[row["roi"]] = row
        regions = of_model[self.models[0]]
        return {roi: [of_model[model][roi] for model in self.models] for roi in regions}

    @property
    def scores(self) -> dict[str, NDArray[np.float64]]:
        """Region -> (M,) mean over subjects of the best layer's rho, R."""
        return {roi: np.array([row["statistic"] for row in rows]) for roi, rows in self.tests.items()}

    def nulls(self, reporter: Reporter) -> dict[str, NDArray[np.float32]]:
        """Region -> (M, K) the null distribution of each network's best layer."""
        if not self._nulls:
            found: dict[str, NDArray[np.float32]] = {}
            for index, artifacts in enumerate(self._artifacts.values()):
                with vectors_of(artifacts).vector_file("null") as file:
                    if not found:
                        shape = len(self.models), file.n_values
                        found = {roi: np.empty(shape, np.float32) for roi in self.tests}
                    # The nulls of best layers are the first rows, one per region.
                    regions = file.names("roi")[: len(found)]
                    for roi, null in zip(regions, file.read(0, len(found)), strict=True):
                        found[roi][index] = null
                reporter.step(index + 1, len(self.models))
            self._nulls = found
        return self._nulls
