"""Scores of control models in all regions. They have a table of their own, apart from networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alignhouse.analysis.jobs.network_batches import network_batch
from alignhouse.analysis.jobs.room import Limits, blocks_if_needed
from alignhouse.analysis.jobs.scope import Model, Scope
from alignhouse.analysis.jobs.scores import NetworkScores, RsaSettings, scores_of_models
from alignhouse.analysis.statistics.rsa import BYTES_A_PAIR
from alignhouse.analysis.statistics.rsa_in_blocks import Room
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.jobs import Job, Output

VERSION = 1


def control_score_batch(
    scope: Scope,
    controls: Sequence[Model],
    brains: Mapping[str, Artifact],
    *,
    permutations: int,
    seed: int,
    memory: int,
    limits: Limits | None = None,
) -> Batch:
    """Scores and p-values of control models, one job per control, as `scores.rsa_batch` for networks."""
    return network_batch(
        "control_score",
        VERSION,
        RsaSettings,
        {**dict(scope), "permutations": permutations, "seed": seed},
        controls,
        brains,
        score_controls,
        bytes_per_pair=BYTES_A_PAIR,
        memory=memory,
        blocks=blocks_if_needed(scope, controls, brains, limits, permutations=permutations),
    )


def score_controls(
    jobs: Sequence[Job],
    reporter: Reporter,
    rdms: Mapping[str, Artifact],
    brains: Mapping[str, Artifact],
    memory: int,
    room: Room | None = None,
) -> Iterator[list[Output]]:
    """Score the controls of `jobs`; all settings except the control must be equal."""
    for settings, scored in scores_of_models(jobs, reporter, rdms, brains, memory, room):
        yield [_output(settings, scored)]


def _output(settings: RsaSettings, scored: NetworkScores) -> Output:
    rows: list[dict[str, Any]] = [
        {
            "control": settings.model,
            "layer": layer,
            "layer_index": index,
            "roi": roi,
            "rho": float(of_roi.mean[index]),
            "sem": float(of_roi.sem[index]) if of_roi.rho.shape[1] > 1 else None,
            "n_subjects": of_roi.rho.shape[1],
            "p_value": float(of_roi.p_layer[index]),
            "permutations": settings.permutations,
            "seed": settings.seed,
        }
        for roi, of_roi in scored.scores.items()
        for index, layer in enumerate(scored.layers)
    ]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return settings.facts("control_score", columns, settings.remark, ("control", "roi"))
