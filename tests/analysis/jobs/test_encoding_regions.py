"""The layers of a network in each fold of an encoding."""

from __future__ import annotations

import numpy as np
import pytest

from alignhouse.analysis.jobs.encoding_regions import NetworkLayers
from alignhouse.analysis.kernels.ridge import ridge_layers
from alignhouse.analysis.statistics.encoding_folds import encode_folds

FOLDS = np.array([0, 1, 1, 0, 2, 2, 0, 1, 2])


def test_each_fold_has_the_layer_that_was_chosen_without_it() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(3, 9, 5))
    fits = [
        ridge_layers(
            [each @ each.T for each in features],
            np.flatnonzero(fold != FOLDS),
            np.flatnonzero(fold == FOLDS),
            names=["conv", "pool", "fc"],
            precision="float64",
        )
        for fold in range(3)
    ]
    best, responses = np.array([2, 0, 1]), random.normal(size=(9, 4))
    chosen = NetworkLayers(["conv", "pool", "fc"], fits).only(best)
    assert [[layer.name for layer in fit] for fit in chosen] == [["fc"], ["conv"], ["pool"]]
    every, of_best = encode_folds(fits, responses, FOLDS), encode_folds(chosen, responses, FOLDS)
    for place, fold in enumerate(FOLDS):
        expected = every.predictions[best[fold], :, place]
        assert of_best.predictions[0, :, place] == pytest.approx(expected)
