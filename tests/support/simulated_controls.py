"""Simulated studies in which a layer adds nothing to two controls, to count false positives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from alignhouse.analysis.statistics.permutation import permute_condensed, stimulus_permutations
from alignhouse.analysis.statistics.regression import stimulus_folds, variance_parts
from alignhouse.analysis.statistics.unique import linear_brains, unique_scores

Array = NDArray[Any]
PERMUTATIONS = 199
ALPHA = 0.05


def controlled_study(
    random: np.random.Generator, n: int, related: float, subjects: int = 1
) -> tuple[Array, Array, Array]:
    """A layer (P,), a brain (S, P) and two controls (2, P) of n stimuli.

    Layer and brain are sums of the controls and noise; `related` is the weight of the controls in the brain,
    which subjects share. Some stimuli are far from all others, others in each RDM.
    """
    first, second = np.triu_indices(n, 1)

    def distances() -> Array:
        points = random.standard_normal((n, 4)) * random.gamma(1.0, 1.0, (n, 1))
        found: Array = np.linalg.norm(points[first] - points[second], axis=1)
        return found / found.std()

    controls = np.stack([distances(), distances()])
    layer = controls.sum(axis=0) + distances()
    brain = related * controls.sum(axis=0) + distances()
    if subjects == 1:
        return layer, brain[None], controls
    return layer, np.stack([brain + 0.5 * distances() for _ in range(subjects)]), controls


def unique_false_positives(
    studies: int, *, n: int, subjects: int = 1, seen: float = 1.0, seed: int = 0
) -> float:
    """Share of studies whose `unique_scores` have p <= .05. seen : share of stimuli that a subject saw."""
    random = np.random.default_rng(seed)
    orders = stimulus_permutations(n, PERMUTATIONS, 1)
    found = 0
    for _ in range(studies):
        layer, brain, controls = controlled_study(random, n, 1.0, subjects)
        which = None
        if seen < 1:
            which = {"V1": random.permuted(np.tile(np.arange(n) < seen * n, (subjects, 1)), axis=1)}
        brains = linear_brains({"V1": brain}, controls, None, which)
        found += int(unique_scores(layer[None], brains, orders)["V1"].p_layer[0] <= ALPHA)
    return found / studies


def rates_of_candidates(
    studies: int, *, n: int, related: float, subjects: int = 1, seed: int = 0
) -> dict[str, float]:
    """Share of studies with p <= .05 of tests of the unique variance, computed plainly and one-sided.

    "layer" permutes the layer, "residual" its residual given the controls, "brain" the brain's residuals
    (Freedman & Lane 1983), "larger" is the larger p of the first two, and "subjects" Student's t of
    `unique_layer` over subjects.
    """
    random = np.random.default_rng(seed)
    index = permute_condensed(stimulus_permutations(n, PERMUTATIONS, 1))
    counts = dict.fromkeys(("layer", "residual", "brain", "larger", "subjects"), 0)
    for _ in range(studies):
        layer, brain, controls = controlled_study(random, n, related, subjects)
        basis, _ = np.linalg.qr(np.column_stack([np.ones(len(layer)), controls.T]))

        def unit(rows: Array, basis: Array = basis) -> Array:
            residuals = rows - rows @ basis @ basis.T
            scaled: Array = residuals / np.linalg.norm(residuals, axis=-1, keepdims=True)
            return scaled

        of_layer, of_brain = unit(layer), unit(brain)
        mean = of_brain.mean(axis=0)
        nulls = {
            "layer": unit(layer[index]) @ mean,
            "residual": unit(of_layer[index]) @ mean,
            "brain": np.mean([unit(each[index]) @ of_layer for each in of_brain], axis=0),
        }
        observed = of_layer @ mean
        p = {name: (1 + (null >= observed - 1e-9).sum()) / (1 + PERMUTATIONS) for name, null in nulls.items()}
        p["larger"] = max(p["layer"], p["residual"])
        if subjects > 1:
            folds = stimulus_folds(n, 0)
            [unique] = variance_parts(layer[None], {"V1": brain}, controls, folds)["V1"].unique_layer
            error = unique.std(ddof=1) / np.sqrt(subjects)
            p["subjects"] = 1 - stdtr(subjects - 1, unique.mean() / error) if error > 0 else 1.0
        for name, each in p.items():
            counts[name] += int(each <= ALPHA)
    return {name: count / studies for name, count in counts.items()}
