"""Alignment: the score of every layer in every region, with null distributions and p-values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from alignhouse.analysis.jobs.network_batches import NetworkSettings, network_batch
from alignhouse.analysis.jobs.room import Limits, blocks_if_needed
from alignhouse.analysis.jobs.scope import (
    Brains,
    Model,
    Scope,
    find_layers,
    name_brains,
    read_brains,
)
from alignhouse.analysis.kernels.measure_names import Measure
from alignhouse.analysis.statistics.partial_rsa import (
    PartlySeenBrains,
    rank_partly_seen,
    score_partly_seen,
)
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.rsa import (
    BYTES_A_PAIR,
    RankedBrains,
    RoiScores,
    rank_brains,
    score_networks,
)
from alignhouse.analysis.statistics.rsa_in_blocks import Room, score_in_blocks
from alignhouse.warehouse.artifacts import Artifact, hive
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.kept import kept
from alignhouse.warehouse.vectors import vector_batch, vector_schema

RSA_VERSION = 2


class RsaSettings(NetworkSettings):
    """Settings of the scores of one network. permutations, seed : of the stimuli, for the nulls."""

    permutations: int
    seed: int


@dataclass(frozen=True)
class NetworkScores:
    """The scores of one network in all regions, and the names of its layers."""

    layers: list[str]
    subjects: Mapping[str, list[str]]
    scores: Mapping[str, RoiScores]


def rsa_batch(
    scope: Scope,
    models: Sequence[Model],
    brains: Mapping[str, Artifact],
    *,
    permutations: int,
    seed: int,
    memory: int,
    limits: Limits | None = None,
) -> Batch:
    """Scores of networks, one job per network; a batch scores several networks at a time.

    They share the ranked and permuted brain RDMs, which cost more than the scores of one network.

    Parameters
    ----------
    brains : region -> artifact of its RDMs. memory : bytes for buffers.
    limits : RDMs that do not fit in these are compared in blocks of pairs; see `blocks_if_needed`.
    """

    return network_batch(
        "rsa",
        RSA_VERSION,
        RsaSettings,
        {**dict(scope), "permutations": permutations, "seed": seed},
        models,
        brains,
        score,
        bytes_per_pair=BYTES_A_PAIR,
        memory=memory,
        blocks=blocks_if_needed(scope, models, brains, limits, permutations=permutations),
    )


def score(
    jobs: Sequence[Job],
    reporter: Reporter,
    rdms: Mapping[str, Artifact],
    brains: Mapping[str, Artifact],
    memory: int,
    room: Room | None = None,
) -> Iterator[list[Output]]:
    """Score the networks of `jobs`; all settings except the network must be equal. See `rsa_batch`."""
    for settings, scored in scores_of_models(jobs, reporter, rdms, brains, memory, room):
        yield [
            _null_output(settings, scored),
            _alignment_output(settings, scored),
            _significance_output(settings, scored),
        ]


def scores_of_models(
    jobs: Sequence[Job],
    reporter: Reporter,
    rdms: Mapping[str, Artifact],
    brains: Mapping[str, Artifact],
    memory: int,
    room: Room | None = None,
) -> Iterator[tuple[RsaSettings, NetworkScores]]:
    """The settings and scores of the model of each job; all settings except the model must be equal.

    Parameters
    ----------
    memory : bytes for buffers. room : if given, RDMs are compared in blocks of pairs.
    """
    each = [RsaSettings.of(job) for job in jobs]
    common = each[0]
    if room is None:
        brain, ranked = _ranked_brains(brains, common.settings.measure)
    else:
        brain = name_brains(brains)
    layers, vectors = {}, {}
    for settings in each:
        layers[settings.model], vectors[settings.model] = find_layers(
            settings.model, rdms[settings.model], brain
        )
    orders = stimulus_permutations(len(brain.conditions), common.permutations, common.seed)
    reporter.doing("permuting")
    how: dict[str, Any] = {"layer_names": layers, "tick": reporter.step}
    if room is not None:
        reporter.doing("ranking and permuting in blocks")
        stored = {roi: artifact.lazy_vectors("rdm") for roi, artifact in brains.items()}
        scores = score_in_blocks(vectors, stored, orders, common.settings, room=room, **how)
    elif isinstance(ranked, PartlySeenBrains):
        scores = score_partly_seen(vectors, ranked, orders, common.settings, memory=memory // 4, **how)
    else:
        scores = score_networks(vectors, ranked, orders, common.settings, memory=memory // 4, **how)
    for settings in each:
        yield settings, NetworkScores(layers[settings.model], brain.subjects, scores[settings.model])


@kept
def _ranked_brains(
    brains: Mapping[str, Artifact], measure: Measure
) -> tuple[Brains, RankedBrains | PartlySeenBrains]:
    """The names of the stored RDMs of all regions, and their vectors."""
    brain = read_brains(brains)
    ranked: RankedBrains | PartlySeenBrains
    if brain.seen is None:
        ranked = rank_brains(brain.rdms, measure)
    else:
        ranked = rank_partly_seen(brain.rdms, brain.seen, measure)
    # Only the ranks are needed after this line.
    read_brains.forget()
    return brain.without_rdms(), ranked


def _null_output(settings: RsaSettings, scored: NetworkScores) -> Output:
    """Null distributions: first those of the best layer in each region, then those of every layer.

    The best layers have a separate row group, so that comparisons of many networks read nothing else.
    """
    names = {"roi": pa.string(), "layer": pa.string(), "test": pa.string()}
    schema = vector_schema(names, "null", settings.permutations, np.float32)
    layers, scores = scored.layers, scored.scores
    best = {
        "roi": list(scores),
        "layer": [layers[each.best_layer] for each in scores.values()],
        "test": ["best_layer"] * len(scores),
    }
    by_layer = {
        "roi": [roi for roi in scores for _ in layers],
        "layer": [layer for _ in scores for layer in layers],
        "test": ["layer"] * (len(scores) * len(layers)),
    }
    batches = [
        vector_batch(schema, best, np.stack([each.best_null for each in scores.values()]).astype(np.float32)),
        vector_batch(schema, by_layer, np.concatenate([each.null for each in scores.values()])),
    ]
    folder = (
        "nulls",
        hive("protocol", settings.protocol),
        hive("dataset", settings.dataset),
        hive("model", settings.model),
    )
    return Output(folder, (schema, batches))


def _alignment_output(settings: RsaSettings, scored: NetworkScores) -> Output:
    keys = [
        (layer, roi, subject)
        for roi in scored.scores
        for layer in scored.layers
        for subject in scored.subjects[roi]
    ]
    columns = {
        "model": [settings.model] * len(keys),
        "layer": [layer for layer, _, _ in keys],
        "roi": [roi for _, roi, _ in keys],
        "subject": [subject for _, _, subject in keys],
        "rho": np.concatenate([each.rho.reshape(-1) for each in scored.scores.values()]),
    }
    return settings.facts("alignment", columns, settings.remark, ("model", "roi"))


def _significance_output(settings: RsaSettings, scored: NetworkScores) -> Output:
    rows = []
    for roi, each in scored.scores.items():
        for layer, mean, p in zip(scored.layers, each.mean, each.p_layer, strict=True):
            rows.append((layer, roi, "layer", float(mean), float(p)))
        best = each.best_layer
        rows.append((scored.layers[best], roi, "best_layer", float(each.mean[best]), float(each.p_best)))
    columns = zip(("layer", "roi", "test", "statistic", "p_value"), zip(*rows, strict=True), strict=True)
    return settings.facts(
        "significance",
        {
            "model": [settings.model] * len(rows),
            **{name: list(values) for name, values in columns},
            "permutations": [settings.permutations] * len(rows),
            "seed": [settings.seed] * len(rows),
        },
        settings.remark,
        ("model", "roi"),
    )
