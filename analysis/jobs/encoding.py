"""Voxel encoding: every voxel predicted from every layer of a network, and tests of the best layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alignhouse.analysis.jobs.encoding_regions import (
    Betas,
    EncodingSettings,
    NetworkLayers,
    OpenRegion,
    RegionEncoder,
    design_of,
    stored_betas,
)
from alignhouse.analysis.jobs.encoding_rows import RegionResult, best_output, score_output, voxel_output
from alignhouse.analysis.jobs.network_batches import network_job
from alignhouse.analysis.jobs.scope import Model, Scope, check_conditions, conditions
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.jobs import Job, Output

VERSION = 1


def encoding_batch(
    scope: Scope,
    models: Sequence[Model],
    betas: Betas,
    open_region: OpenRegion,
    how: Mapping[str, Any],
    *,
    memory: int,
) -> Batch:
    """Encode the voxels of all regions from all layers; a job per network, which share the reading of betas.

    Parameters
    ----------
    models : with RDMs of squared Euclidean distances, which hold the inner products that ridge regression
        needs: centring over the training stimuli removes all else.
    open_region : reads stored betas. how : the other fields of `EncodingSettings`.
    memory : bytes for buffers.
    """
    common, inputs = {**dict(scope), **how}, stored_betas(betas)
    jobs = [network_job("encoding", VERSION, EncodingSettings, common, model, inputs) for model in models]
    n = len(jobs[0].settings["stimuli"]) if jobs else 1
    # A Gram matrix in double precision, and the operators of all penalties in single precision.
    a_layer = n * n * (8 + 4 * (1 + len(how["alphas"])))
    return Batch(
        jobs=tuple(jobs),
        call=encode,
        shared={
            "rdms": {model.name: model.rdms for model in models},
            "betas": betas,
            "open_region": open_region,
            "memory": memory,
        },
        sizes=tuple(model.rdms.n_rows for model in models),
        most=max(1, memory // 2 // a_layer),
        divisible=True,
    )


def encode(
    jobs: Sequence[Job],
    reporter: Reporter,
    rdms: Mapping[str, Artifact],
    betas: Betas,
    open_region: OpenRegion,
    memory: int,
) -> Iterator[list[Output]]:
    """Encode the networks of `jobs`; all settings except the network must be equal. See `encoding_batch`.

    Raises
    ------
    BadInput : the conditions of RDMs and betas differ, a region needs more memory, or no voxel varies.
    """
    each = [EncodingSettings.of(job) for job in jobs]
    common = each[0]
    design = design_of(common)
    names = [name for _, name in common.stimuli]
    prepared = {}
    for settings in each:
        check_conditions(settings.model, conditions(rdms[settings.model]), "the betas", names)
        prepared[settings.model] = NetworkLayers.of(rdms[settings.model], settings, design)
    found: dict[str, list[RegionResult]] = {settings.model: [] for settings in each}
    for done, (roi, parts) in enumerate(common.regions.items()):
        reporter.doing(f"encoding {roi}")
        region = RegionEncoder(roi, parts, common, design, betas, open_region, memory)
        for model, network in prepared.items():
            found[model].append(region.encoded(network))
        reporter.step(done + 1, len(common.regions))
    for settings in each:
        results = found[settings.model]
        whose = (settings, settings.model, settings.remark, prepared[settings.model].layers, results)
        yield [
            voxel_output(settings, settings.model, results),
            score_output(*whose),
            best_output(
                *whose,
                chosen_on=design.chosen_on,
                level=settings.level,
                draws=settings.draws,
                seed=settings.seed,
            ),
        ]
