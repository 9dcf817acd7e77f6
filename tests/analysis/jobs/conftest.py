"""Fixtures of the jobs of the analysis: stored RDMs, and the two protocols that ship."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from stored_rdms import CONDITIONS, LAYERS, N_PAIRS, SUBJECTS, Stored, store_rdms

from alignhouse.analysis.jobs.scope import Model, Scope
from alignhouse.analysis.statistics.settings import AnalysisSettings


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    rng = np.random.default_rng(0)
    brain = {roi: rng.random((len(names), N_PAIRS)) for roi, names in SUBJECTS.items()}
    shared = brain["V1"].mean(axis=0)
    models = {
        name: rng.random((len(layers), N_PAIRS)) + shared * np.arange(len(layers))[:, None]
        for name, layers in LAYERS.items()
    }
    return Stored(
        tmp_path,
        brain,
        models,
        {
            roi: store_rdms(tmp_path, {"subject": SUBJECTS[roi]}, rdms, CONDITIONS)
            for roi, rdms in brain.items()
        },
        tuple(
            Model(name, store_rdms(tmp_path, {"layer": LAYERS[name]}, rdms, CONDITIONS), f"remark of {name}")
            for name, rdms in models.items()
        ),
    )


@pytest.fixture
def scope_of() -> Callable[[str], Scope]:
    """The scope of a protocol."""

    def make(protocol: str) -> Scope:
        choices = {
            "ceiling_combine": "rms",
            "ceiling_average": "raw",
            "null": "rows_only",
            "p_value": "share",
            "best_layer_null": "chosen_layer",
        }
        settings = AnalysisSettings.model_validate(choices if protocol == "paper" else {})
        return Scope(protocol=protocol, settings=settings, dataset="d", split="test")

    return make


@pytest.fixture(params=["sound", "paper"])
def scope(request: pytest.FixtureRequest, scope_of: Callable[[str], Scope]) -> Scope:
    return scope_of(request.param)
