"""Simulated encoding studies with a known truth, to count the errors of tests and intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.ridge import RidgeLayer, ridge_layer, ridge_layers
from alignhouse.analysis.kernels.ridge_fits import in_memory
from alignhouse.analysis.statistics.bootstrap import STIMULI, SUBJECTS, resample_counts
from alignhouse.analysis.statistics.encoding import RegionEncoding, encode_split, region_voxels
from alignhouse.analysis.statistics.encoding_bootstrap import encoding_bootstrap, resampled_medians
from alignhouse.analysis.statistics.encoding_folds import encode_folds, fold_layers, refitted_null
from alignhouse.analysis.statistics.encoding_null import encoding_test, permutation_null
from alignhouse.analysis.statistics.intervals import intervals_of
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.regression import stimulus_folds

Float = NDArray[np.float64]

N_LAYERS, N_VOXELS, N_SUBJECTS = 6, 15, 3


def unrelated_study(rng: np.random.Generator, n: int) -> tuple[list[Float], list[Float]]:
    """Grams of six similar layers, and responses (n, V) of three similar subjects, that are unrelated.

    Voxels of all subjects share much of their variance, so that the median over voxels averages little out.
    """
    common = rng.normal(size=(n, 30))
    features = [common + 0.5 * rng.normal(size=common.shape) for _ in range(N_LAYERS)]
    shared = rng.normal(size=(n, 2))
    responses = [
        shared @ rng.normal(size=(2, N_VOXELS)) + 0.5 * rng.normal(size=(n, N_VOXELS))
        for _ in range(N_SUBJECTS)
    ]
    return [each @ each.T for each in features], responses


def false_positives_of_split(
    n_studies: int, *, n_train: int = 30, n_test: int = 14, permutations: int = 99, seed: int = 0
) -> dict[str, float]:
    """Share of unrelated studies with p <= .05, in the test of one layer and of the best layer."""
    rng = np.random.default_rng(seed)
    orders = stimulus_permutations(n_test, permutations, seed)
    found = {"layer": 0, "best layer": 0}
    names = [f"layer {index}" for index in range(N_LAYERS)]
    for _ in range(n_studies):
        grams, responses = unrelated_study(rng, n_train + n_test)
        layers = ridge_layers(grams, np.arange(n_train), np.arange(n_train, n_train + n_test), names=names)
        people = [
            region_voxels(encode_split(layers, in_memory(each[:n_train])), each[n_train:])
            for each in responses
        ]
        test = encoding_test(
            [each.medians() for each in people], [permutation_null(each, orders) for each in people]
        )
        found["layer"] += int(test.p[0] <= 0.05)
        found["best layer"] += int(test.p_best <= 0.05)
    return {name: count / n_studies for name, count in found.items()}


def false_positives_of_folds(
    n_studies: int, *, n: int = 30, permutations: int = 39, seed: int = 0
) -> dict[str, float]:
    """The same over folds; and "not refitted", the layer's test with only the predictions permuted."""
    rng = np.random.default_rng(seed)
    orders = stimulus_permutations(n, permutations, seed)
    folds = stimulus_folds(n, seed)
    within = within_folds(folds, permutations, rng)
    found = {"layer": 0, "best layer": 0, "not refitted": 0}
    names = [f"layer {index}" for index in range(N_LAYERS)]
    for _ in range(n_studies):
        grams, responses = unrelated_study(rng, n)
        layers = fold_layers(grams, folds, names=names)
        people = [region_voxels(encode_folds(layers, each, folds), each) for each in responses]
        medians = [each.medians() for each in people]
        refitted = encoding_test(medians, [refitted_null(layers, each, folds, orders) for each in responses])
        found["layer"] += int(refitted.p[0] <= 0.05)
        found["best layer"] += int(refitted.p_best <= 0.05)
        plain = encoding_test(medians, [permutation_null(each, within) for each in people])
        found["not refitted"] += int(plain.p[0] <= 0.05)
    return {name: count / n_studies for name, count in found.items()}


def within_folds(folds: NDArray[np.intp], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Orders (K, n) that move stimuli within their folds only."""
    orders = np.tile(np.arange(folds.size), (count, 1))
    for fold in range(int(folds.max()) + 1):
        own = np.flatnonzero(folds == fold)
        orders[:, own] = [rng.permutation(own) for _ in range(count)]
    return orders


@dataclass(frozen=True)
class Population:
    """Stimuli with p features; voxels weight them, with noise. All subjects share a part of the weights."""

    weights: Float
    noise: Float
    own: float = 0.7

    def features(self, rng: np.random.Generator, n: int) -> Float:
        return rng.normal(size=(n, self.weights.shape[0]))

    def subject(self, rng: np.random.Generator) -> Float:
        return np.asarray(self.weights + self.own * rng.normal(size=self.weights.shape))

    def responses(self, rng: np.random.Generator, features: Float, subject: Float) -> Float:
        noise = rng.normal(size=(len(features), subject.shape[1])) * self.noise
        return np.asarray(features @ subject + noise)


def population(n_features: int = 12, n_voxels: int = 101) -> Population:
    rng = np.random.default_rng(5)
    return Population(rng.normal(size=(n_features, n_voxels)), rng.uniform(2, 8, size=n_voxels))


def layer_on(train: Float, test: Float) -> RidgeLayer:
    together = np.concatenate([train, test])
    return ridge_layer(together @ together.T, np.arange(len(train)), np.arange(len(train), len(together)))


def coverage(
    resampled: str,
    n_studies: int,
    *,
    n_test: int,
    n_subjects: int,
    draws: int = 300,
    seed: int = 0,
    batches: int = 20,
) -> dict[str, float]:
    """Share of studies whose 95 % intervals contain the truth, by method.

    The training stimuli are the same in all studies. "stimuli": so are the subjects and their fits; each
    study draws test stimuli. "both": each study also draws subjects, with their fits. The truth is the
    expected score of such a study, the mean over `batches` of many sets of `n_test` stimuli.
    """
    people, rng = population(), np.random.default_rng(seed)
    train = people.features(rng, 60)

    def person() -> tuple[Float, Float]:
        subject = people.subject(rng)
        return subject, people.responses(rng, train, subject)

    persons = [person() for _ in range(n_subjects)]
    scores = []
    for _ in range(batches):
        many = people.features(rng, 20 * n_test)
        layer = layer_on(train, many)
        drawn = persons if resampled == "stimuli" else [person() for _ in range(20)]
        scores += [score_of_sets(people, rng, layer, each, many, n_test) for each in drawn]
    truth = float(np.mean(scores))
    held: dict[str, int] = {}
    for study in range(n_studies):
        if resampled == "both":
            persons = [person() for _ in range(n_subjects)]
        test = people.features(rng, n_test)
        layer = layer_on(train, test)
        voxels = [
            region_voxels(encode_split([layer], in_memory(fitted)), people.responses(rng, test, subject))
            for subject, fitted in persons
        ]
        counts = resample_counts(n_test, draws, study, STIMULI, fewest=3)
        record = encoding_bootstrap(
            [each.medians() for each in voxels],
            [resampled_medians(each, counts) for each in voxels],
            resample_counts(n_subjects, draws, study, SUBJECTS),
            n_test,
        )
        for (kind, method), interval in intervals_of(record).items():
            if kind == resampled:
                inside = interval.lower[0] <= truth <= interval.upper[0]
                held[method] = held.get(method, 0) + bool(inside)
    return {method: count / n_studies for method, count in held.items()}


def score_of_sets(
    people: Population,
    rng: np.random.Generator,
    layer: RidgeLayer,
    person: tuple[Float, Float],
    many: Float,
    n_test: int,
) -> float:
    """The mean score of one subject over sets of `n_test` of the stimuli `many`, which `layer` predicts."""
    subject, fitted = person
    encoding, measured = encode_split([layer], in_memory(fitted)), people.responses(rng, many, subject)
    scores = []
    for start in range(0, len(many), n_test):
        own = slice(start, start + n_test)
        part = RegionEncoding(encoding.predictions[:, :, own], encoding.training, encoding.folds[own])
        scores.append(region_voxels(part, measured[own]).medians()[0])
    return float(np.mean(scores))
