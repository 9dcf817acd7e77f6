"""Simulated studies with a known truth, to count the errors of tests and intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.measure_names import Measure
from alignhouse.analysis.kernels.measures import similarity
from alignhouse.analysis.statistics.bootstrap import bootstrap_scores, some_scores
from alignhouse.analysis.statistics.frame_order import COMPARISONS, order_difference
from alignhouse.analysis.statistics.groups import group_statistics
from alignhouse.analysis.statistics.intervals import intervals_of
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.rsa import score_networks
from alignhouse.analysis.statistics.settings import AnalysisSettings

Float = NDArray[np.float64]

DEEP, SHALLOW = 12, 1
NETWORKS_A_GROUP = 3


def unrelated_study(
    rng: np.random.Generator, n: int, *, main_effects: bool, n_subjects: int = 4
) -> tuple[dict[str, Float], Float]:
    """Unrelated networks and brains: name -> (L, P), and (S, P).

    Three networks have 12 similar layers, and three have a single layer. With `main_effects`, some stimuli
    are far from all others; these stimuli differ between networks and brains.
    """
    row, column = np.triu_indices(n, 1)

    def rdms(rows: int, shared: Float) -> Float:
        return np.asarray(rng.normal(size=(rows, row.size)) + shared)

    odd = rng.normal(size=(2, n)) * (1.0 if main_effects else 0.0)
    of_model, of_brain = odd[:, row] + odd[:, column]
    networks = {}
    for depth, name in ((DEEP, "deep"), (SHALLOW, "shallow")):
        for number in range(NETWORKS_A_GROUP):
            networks[f"{name}{number}"] = rdms(depth, of_model + rng.normal(size=row.size) * 0.5)
    return networks, rdms(n_subjects, of_brain)


def false_positives(
    settings: AnalysisSettings,
    n_studies: int,
    *,
    main_effects: bool,
    seed: int = 0,
    n: int = 12,
    permutations: int = 99,
    alpha: float = 0.05,
) -> dict[str, float]:
    """Share of unrelated studies with a significant test at `alpha`, by kind of test."""
    rng = np.random.default_rng(seed)
    orders = stimulus_permutations(n, permutations, seed)
    found: dict[str, int] = {"layer": 0, "best layer": 0, "group": 0, "difference": 0}
    for _ in range(n_studies):
        networks, brain = unrelated_study(rng, n, main_effects=main_effects)
        scores = {
            name: each["V1"]
            for name, each in score_networks(networks, {"V1": brain}, orders, settings).items()
        }
        deep, _, difference = group_statistics(
            [float(each.mean[each.best_layer]) for each in scores.values()],
            np.stack([each.best_null for each in scores.values()]),
            [name[:-1] for name in scores],
            p_value_method=settings.p_value,
            best_layer_null=settings.best_layer_null,
        )
        found["layer"] += int(scores["shallow0"].p_layer[0] <= alpha)
        found["best layer"] += scores["deep0"].p_best <= alpha
        found["group"] += deep.p_value <= alpha
        found["difference"] += difference.p_value <= alpha
    return {name: count / n_studies for name, count in found.items()}


@dataclass(frozen=True)
class Population:
    """Stimuli as points; the model and the subjects weight their coordinates differently, with noise.

    weights : (2, d), the weights of the d coordinates for the model and the subjects.
    own : size of the differences between subjects. noise : of each subject's response to each stimulus.
    measure : of the score.
    """

    weights: Float
    own: float = 0.5
    noise: float = 0.7
    measure: Measure = "spearman"

    def subject(self, rng: np.random.Generator) -> Float:
        return np.abs(self.weights[1] + self.own * rng.normal(size=self.weights.shape[1]))

    def model_rdm(self, stimuli: Float) -> Float:
        return distances(stimuli * self.weights[0])

    def brain_rdm(self, stimuli: Float, subject: Float, rng: np.random.Generator) -> Float:
        return distances(stimuli * subject + self.noise * rng.normal(size=stimuli.shape))

    def score(self, stimuli: Float, subjects: Float, rng: np.random.Generator) -> float:
        """R of the model: mean similarity over subjects, on these stimuli."""
        brain = np.stack([self.brain_rdm(stimuli, each, rng) for each in subjects])
        return float(similarity(self.model_rdm(stimuli)[None], brain, self.measure).mean())


def population(n_coordinates: int = 5, seed: int = 0, measure: Measure = "spearman") -> Population:
    weights = np.random.default_rng(seed).uniform(0.2, 1.5, size=(2, n_coordinates))
    return Population(weights, measure=measure)


def distances(points: Float) -> Float:
    row, column = np.triu_indices(len(points), 1)
    return np.asarray(np.square(points[row] - points[column]).sum(axis=1))


def coverage(
    resampled: str,
    n_studies: int,
    *,
    n_stimuli: int,
    n_subjects: int,
    draws: int = 300,
    seed: int = 0,
    rough: bool = False,
    measure: Measure = "spearman",
) -> dict[str, float]:
    """Share of studies whose 95 % intervals contain the truth, by method.

    The resampled units (stimuli, subjects or both) are drawn for each study, and all else is the same in all
    studies. The truth is the value in the population of the drawn units. If `rough`, fewer units stand for
    the population: the truth is known to a third of the error of a study or less.
    """
    people = population(measure=measure)
    rng = np.random.default_rng(seed)
    size = people.weights.shape[1]
    subjects = np.stack([people.subject(rng) for _ in range(n_subjects)])
    stimuli = rng.normal(size=(n_stimuli, size))
    if resampled == "stimuli":
        truth = float(np.mean(list(_many(people, subjects, rng, 10 if rough else 30))))
    elif resampled == "both":
        truth = expected_score(people, n_stimuli, 1_000 if rough else 10_000)
    else:
        others = np.stack([people.subject(rng) for _ in range(2_000 if rough else 20_000)])
        truth = people.score(stimuli, others, rng)
    held: dict[str, int] = {}
    for study in range(n_studies):
        if resampled != "subjects":
            stimuli = rng.normal(size=(n_stimuli, size))
        if resampled != "stimuli":
            subjects = np.stack([people.subject(rng) for _ in range(n_subjects)])
        brain = np.stack([people.brain_rdm(stimuli, each, rng) for each in subjects])
        scores = bootstrap_scores(
            people.model_rdm(stimuli)[None],
            {"V1": brain},
            draws=draws,
            seed=study,
            precision="float32",
            measure=measure,
        )["V1"]
        for (kind, method), interval in intervals_of(scores).items():
            if kind == resampled:
                inside = interval.lower[0] <= truth <= interval.upper[0]
                held[method] = held.get(method, 0) + bool(inside)
    return {method: count / n_studies for method, count in held.items()}


def expected_score(people: Population, n_stimuli: int, pairs: int = 10_000) -> float:
    """R of the model over new subjects and new sets of `n_stimuli` stimuli, each pair drawn independently.

    Sets of stimuli or subjects that are used several times would leave an error as large as that of a study.
    """
    rng = np.random.default_rng(1234)
    scores = [
        people.score(rng.normal(size=(n_stimuli, people.weights.shape[1])), people.subject(rng)[None], rng)
        for _ in range(pairs)
    ]
    return float(np.mean(scores))


def _many(people: Population, subjects: Float, rng: np.random.Generator, times: int) -> Iterator[float]:
    """Scores on several large sets of stimuli; their mean is close to that of the population."""
    for _ in range(times):
        yield people.score(rng.normal(size=(300, subjects.shape[1])), subjects, rng)


@dataclass(frozen=True)
class OrderErrors:
    """Shares of studies with a significant difference, and mean differences, by how layers are chosen."""

    significant: dict[str, float]
    mean_difference: dict[str, float]


def order_false_positives(
    n_studies: int,
    *,
    n_stimuli: int,
    n_subjects: int,
    layers: int = 6,
    draws: int = 300,
    seed: int = 0,
    lost: float = 0.0,
    alpha: float = 0.05,
) -> OrderErrors:
    """Differences between two orders of frames. The second adds `lost` of noise; 0 means no difference.

    Each study draws stimuli and subjects. Layers are the same points with more or less noise, which is drawn
    for each order. "usual_layer" is the best layer of the first order, compared with itself.
    """
    people, rng = population(), np.random.default_rng(seed)
    noise = np.linspace(0.6, 0.9, layers)
    counts: dict[str, int] = dict.fromkeys(COMPARISONS, 0)
    differences: dict[str, list[float]] = {name: [] for name in (*COMPARISONS, "usual_layer")}
    for study in range(n_studies):
        stimuli = rng.normal(size=(n_stimuli, people.weights.shape[1]))
        subjects = [people.subject(rng) for _ in range(n_subjects)]
        brain = np.stack([people.brain_rdm(stimuli, each, rng) for each in subjects])
        rows = [
            distances(stimuli * people.weights[0] + (size + more) * rng.normal(size=stimuli.shape))
            for more in (0.0, lost)
            for size in noise
        ]
        scores = bootstrap_scores(
            np.stack(rows), {"V1": brain}, draws=draws, seed=study, precision="float32"
        )["V1"]
        usual, other = some_scores(scores, slice(0, layers)), some_scores(scores, slice(layers, None))
        for comparison in COMPARISONS:
            found = order_difference(usual, other, comparison)
            counts[comparison] += found.p_value <= alpha
            differences[comparison].append(found.difference)
        best = int(usual.observed.argmax())
        differences["usual_layer"].append(float(usual.observed[best] - other.observed[best]))
    return OrderErrors(
        {name: count / n_studies for name, count in counts.items()},
        {name: float(np.mean(each)) for name, each in differences.items()},
    )
