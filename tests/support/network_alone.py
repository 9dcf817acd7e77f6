"""Statistics of a single network, with the functions that compute many networks at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, rank
from alignhouse.analysis.statistics.layer_choice import (
    LayerChoice,
    choice_from_scores,
    scores_on_halves,
    scores_on_train,
)
from alignhouse.analysis.statistics.permutation import (
    mean_unit_vectors,
    null_rows_and_columns,
    null_rows_only,
)
from alignhouse.analysis.statistics.rsa import RoiScores, score_networks
from alignhouse.analysis.statistics.settings import AnalysisSettings, NullKind


def null_distribution(
    model_rdms: ArrayLike,
    brain_rdms: ArrayLike,
    permutations: ArrayLike,
    *,
    null: NullKind = "rows_and_columns",
    memory: int = DEFAULT_MEMORY,
) -> NDArray[np.float32]:
    """Null (L, K) of the layers (L, P) of a network in one region (S, P)."""
    models = np.asarray(model_rdms)
    unit, brain = rank(models).unit().astype(np.float32), mean_unit_vectors(rank(brain_rdms))[None]
    if null == "rows_only":
        return null_rows_only(models, brain, permutations, memory=memory)[:, 0]
    return null_rows_and_columns(unit, brain, permutations, memory=memory)[:, 0]


def score_network(
    model_rdms: ArrayLike,
    brain: Mapping[str, ArrayLike],
    permutations: ArrayLike,
    settings: AnalysisSettings,
    *,
    memory: int = DEFAULT_MEMORY,
    layer_names: Sequence[str] | None = None,
) -> dict[str, RoiScores]:
    """Region -> scores of the layers (L, P) of a network."""
    names = None if layer_names is None else {"network": layer_names}
    scores = score_networks(
        {"network": model_rdms}, brain, permutations, settings, memory=memory, layer_names=names
    )
    return scores["network"]


def choose_on_halves(
    models: ArrayLike, brain: Mapping[str, ArrayLike], *, halvings: int = 100, seed: int = 0, **how: Any
) -> dict[str, LayerChoice]:
    """Region -> the layer chosen on each half of the stimuli and scored on the other."""
    scores = scores_on_halves(models, brain, halvings=halvings, seed=seed, **how)
    return {roi: choice_from_scores(*each, "halves") for roi, each in scores.items()}


def choose_on_train(
    models: ArrayLike, brain: Mapping[str, ArrayLike], is_train: ArrayLike, **how: Any
) -> dict[str, LayerChoice]:
    """Region -> the layer chosen on the training stimuli and scored on the others."""
    scores = scores_on_train(models, brain, is_train, **how)
    return {roi: choice_from_scores(*each, "train") for roi, each in scores.items()}
