"""Builders for tests of the statistics: simulated RDMs and results of the published code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from alignhouse.analysis.statistics.settings import AnalysisSettings

Simulate = Callable[..., NDArray[np.float64]]


@pytest.fixture
def simulated_rdms() -> Simulate:
    """`simulated_rdms(rows, n, seed)`: (rows, P) random RDMs of n conditions; `ties` rounds them."""

    def simulate(rows: int, n: int, seed: int, *, ties: bool = False) -> NDArray[np.float64]:
        rdms = np.random.default_rng(seed).random((rows, n * (n - 1) // 2)) * 2
        return np.round(rdms, 1) if ties else rdms

    return simulate


@pytest.fixture
def sound() -> AnalysisSettings:
    return AnalysisSettings()


@pytest.fixture
def paper() -> AnalysisSettings:
    return AnalysisSettings(
        ceiling_combine="rms",
        ceiling_average="raw",
        null="rows_only",
        p_value="share",
        best_layer_null="chosen_layer",
    )


@pytest.fixture
def published(test_data: Path) -> Path:
    """The folder with the published code's results for the small parity study."""
    return test_data / "paper_parity" / "expected"


@pytest.fixture
def published_brain(published: Path) -> dict[str, NDArray[np.float64]]:
    """Region -> (10, 276) condensed RDMs that the published code made."""
    row, column = np.triu_indices(24, 1)
    return {
        file.stem.removeprefix("fmri_"): np.load(file)["arr_0"][:, row, column]
        for file in sorted((published / "brain_rdms").glob("fmri_*.npz"))
    }
