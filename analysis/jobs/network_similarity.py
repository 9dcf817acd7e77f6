"""How alike networks are: their best layers in each region, and their most similar layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from alignhouse.analysis.jobs.best_layers import BestLayers, Scores, jobs_of
from alignhouse.analysis.jobs.scope import Model, Scope, check_conditions, conditions
from alignhouse.analysis.statistics.network_similarity import chosen_layer_similarity, most_alike_layers
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.jobs import Job, Output

VERSION = 1


class NetworkSimilaritySettings(Scope):
    """Settings of the similarity of networks."""

    remark: str


def network_similarity_batch(
    scope: Scope, models: Sequence[Model], scores: Scores, remark: str, *, memory: int
) -> Batch:
    """Similarity of every two networks: of their best layers in each region, and of their most alike layers.

    Parameters
    ----------
    scores : model -> the artifacts of its scores, which name the best layers. memory : bytes for buffers.
    """
    rdms = {model.name: model.rdms for model in models}
    job = Job(
        method="network_similarity",
        version=VERSION,
        settings=NetworkSimilaritySettings(**dict(scope), remark=remark).as_json(),
        inputs={
            **{f"rdms/{name}": each.artifact for name, each in rdms.items()},
            **{f"scores/{name}": key for name, key in jobs_of(scores).items()},
        },
        label=f"similarity of networks, protocol {scope.protocol}",
    )
    return single(job, compare_networks, rdms=rdms, scores=scores, memory=memory)


def compare_networks(
    job: Job, reporter: Reporter, rdms: dict[str, Artifact], scores: Scores, memory: int
) -> Iterator[Output]:
    """The rows of `network_similarity`; see `network_similarity_batch`.

    Raises
    ------
    BadInput : the RDMs of networks have different conditions.
    """
    settings, best = NetworkSimilaritySettings.of(job), BestLayers(scores)
    measure, models = settings.settings.measure, list(rdms)
    first = models[0]
    for name in models[1:]:
        check_conditions(first, conditions(rdms[first]), name, conditions(rdms[name]))
    vectors = {name: each.lazy_vectors("rdm") for name, each in rdms.items()}
    layers = {name: each.names("layer") for name, each in vectors.items()}
    rows: list[tuple[str | None, str, str, str, str, float]] = []
    for roi, tests in best.tests.items():
        chosen = {row["model"]: row["layer"] for row in tests}
        names = [f"{name}, layer {chosen[name]}" for name in models]
        stack = np.stack([_row(rdms[name], layers[name].index(chosen[name])) for name in models])
        alike = chosen_layer_similarity(stack, measure, names)
        for (i, one), (j, other) in combinations(enumerate(models), 2):
            rows.append((roi, one, chosen[one], other, chosen[other], float(alike[i, j])))
    reporter.doing("comparing all layers")
    for pair in most_alike_layers(vectors, measure, memory=memory, layer_names=layers, tick=reporter.step):
        one, other = layers[pair.first][pair.layers[0]], layers[pair.second][pair.layers[1]]
        rows.append((None, pair.first, one, pair.second, other, pair.similarity))
    names_of_columns = ("roi", "model", "layer", "other_model", "other_layer", "similarity")
    columns: dict[str, Any] = {
        name: [row[place] for row in rows] for place, name in enumerate(names_of_columns)
    }
    yield settings.facts("network_similarity", columns, settings.remark, ())


def _row(rdms: Artifact, index: int) -> np.ndarray:
    with rdms.vector_file("rdm") as file:
        return np.asarray(file.read(index, index + 1)[0])
