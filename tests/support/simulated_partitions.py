"""Simulated variance partitions with a known truth, to count how often intervals contain it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.statistics.bootstrap import STIMULI, SUBJECTS, resample_counts
from alignhouse.analysis.statistics.encoding_bootstrap import encoding_bootstrap
from alignhouse.analysis.statistics.intervals import intervals_of
from alignhouse.analysis.statistics.variance_partition import (
    UNIQUE,
    PartName,
    Splits,
    fit_both,
    fit_set,
    resampled_parts,
    voxel_parts,
)

Float = NDArray[np.float64]

N_TRAIN, N_TEST, N_SUBJECTS, N_VOXELS, WIDTH = 60, 24, 5, 15, 6
# The truth is the mean over these other stimuli and subjects.
MORE_STIMULI, MORE_SUBJECTS = 476, 25

PARTS: tuple[PartName, ...] = (*UNIQUE, "shared")


def responses_of(rng: np.random.Generator, features: dict[str, Float], shares: dict[str, float]) -> Float:
    """Responses (n, S V) of similar subjects; half of the noise is shared by voxels and subjects."""
    n, n_subjects = len(features["one"]), N_SUBJECTS + MORE_SUBJECTS
    left = 1 - sum(shares.values())
    common = {name: rng.normal(size=(WIDTH, N_VOXELS)) for name in features}
    hidden = rng.normal(size=(n, 2)) @ rng.normal(size=(2, N_VOXELS)) / np.sqrt(2)
    people = []
    for _ in range(n_subjects):
        found = np.sqrt(left / 2) * (hidden + rng.normal(size=(n, N_VOXELS)))
        for name, share in shares.items():
            weights = np.sqrt(0.5) * (common[name] + rng.normal(size=(WIDTH, N_VOXELS)))
            found += np.sqrt(share / WIDTH) * features[name] @ weights
        people.append(found)
    return np.concatenate(people, axis=1).astype(np.float32)


def covered(
    n_studies: int, shares: dict[str, float], seed: int = 1, *, bands: bool = True
) -> tuple[Float, Float, Float]:
    """Share of studies whose 95 % intervals contain the true parts, and lie above 0; mean truths: (3,) each.

    The parts are what is unique to one set, what to the other, and what is shared. `shares` of the variance
    are explained by features of "one" set, of the "other", or in "common".

    Parameters
    ----------
    bands : each set has a Gram matrix of its own features and one of those in common; False: a single matrix
        of both, as the layer of a network has.
    """
    rng = np.random.default_rng(seed)
    inside, above, truths = np.zeros(3), np.zeros(3), np.zeros(3)
    groups = [np.arange(N_VOXELS) + N_VOXELS * subject for subject in range(N_SUBJECTS + MORE_SUBJECTS)]
    n = N_TRAIN + N_TEST + MORE_STIMULI
    splits = Splits.of(np.arange(N_TRAIN), np.arange(N_TRAIN, n))
    counts = resample_counts(N_TEST, 300, seed, STIMULI, fewest=3)
    subjects = resample_counts(N_SUBJECTS, 300, seed, SUBJECTS)
    for _ in range(n_studies):
        features = {name: rng.normal(size=(n, WIDTH)) for name in ("one", "other", "common")}
        grams = {name: x @ x.T for name, x in features.items()}
        responses = responses_of(rng, features, shares)
        sets = [
            fit_set(
                [grams[name], grams["common"]] if bands else [grams[name] + grams["common"]],
                splits,
                responses,
                names=[name, "common"] if bands else [name],
                groups=groups,
                candidates=5,
            )
            for name in ("one", "other")
        ]
        both = fit_both(*sets, splits, responses, groups=groups, candidates=5)
        predictions = [each.predictions(splits) for each in (*sets, both)]
        scored = responses[N_TRAIN:]
        truth = np.mean([_parts([p[own] for p in predictions], scored[:, own]) for own in groups], axis=0)
        observed, resampled = [], []
        for own in groups[:N_SUBJECTS]:
            few, measured = [each[own, :N_TEST] for each in predictions], scored[:N_TEST, own]
            observed.append(_parts(few, measured))
            resampled.append(resampled_parts(few, measured, counts, parts=PARTS))
        bootstrap = encoding_bootstrap(observed, resampled, subjects, N_TEST)
        interval = intervals_of(bootstrap)["both", "dual"]
        inside += (interval.lower <= truth) & (truth <= interval.upper)
        above += interval.lower > 0
        truths += truth
    return inside / n_studies, above / n_studies, truths / n_studies


def _parts(predictions: list[Float], responses: Float) -> list[float]:
    medians = voxel_parts(predictions, responses, np.zeros(len(responses), int)).medians()
    return [medians[part] for part in PARTS]
