"""The variance of voxels that one network explains beyond another, and that both explain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignhouse.analysis.jobs.encoding_regions import Betas, OpenRegion, design_of, stored_betas
from alignhouse.analysis.jobs.network_batches import network_job
from alignhouse.analysis.jobs.partition_regions import (
    PartitionSettings,
    best_layers_of,
    common_settings,
    partition_columns,
    partitioned_regions,
)
from alignhouse.analysis.jobs.scope import Model, Scope, facts_of
from alignhouse.analysis.statistics.variance_partition import UNIQUE, PartName
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.jobs import Job, Output

VERSION = 1
TABLE = "network_partition"
BOUNDED: tuple[PartName, ...] = (*UNIQUE, "shared")
# Pairs of a call: a killed run loses at most these.
MOST_PAIRS = 32


class NetworkPartitionSettings(PartitionSettings):
    """Settings of one pair of networks."""

    other_model: str

    @property
    def label(self) -> str:
        """The job's name in progress bars."""
        return f"{self.model} and {self.other_model}, protocol {self.protocol}"


@dataclass(frozen=True)
class NetworkPair:
    """Two networks, and a remark for the results of both."""

    one: Model
    other: Model
    remark: str


def network_partition_batch(
    scope: Scope,
    pairs: Sequence[NetworkPair],
    best: Mapping[str, Sequence[Artifact]],
    betas: Betas,
    open_region: OpenRegion,
    how: Mapping[str, Any],
    *,
    memory: int,
) -> Batch:
    """What the best layers of two networks explain alone, together and in common; a job per pair.

    Parameters
    ----------
    best, betas, open_region, how, memory : as for `variance_partition.partition_batch`.
    """
    chosen = {name: facts_of(artifacts, "encoding_best") for name, artifacts in best.items()}
    common, of_brains = common_settings(scope, how), stored_betas(betas)
    jobs = [
        network_job(
            TABLE,
            VERSION,
            NetworkPartitionSettings,
            common,
            pair.one,
            {
                "best": chosen[pair.one.name].artifact,
                "other_model": pair.other.rdms.artifact,
                "other_best": chosen[pair.other.name].artifact,
                **of_brains,
            },
            other_model=pair.other.name,
            remark=pair.remark,
        )
        for pair in pairs
    ]
    return Batch(
        jobs=tuple(jobs),
        call=partition_networks,
        shared={
            "rdms": {each.name: each.rdms for pair in pairs for each in (pair.one, pair.other)},
            "best": chosen,
            "betas": betas,
            "open_region": open_region,
            "memory": memory,
        },
        most=MOST_PAIRS,
        divisible=True,
    )


def partition_networks(
    jobs: Sequence[Job],
    reporter: Reporter,
    rdms: Mapping[str, Artifact],
    best: Mapping[str, Artifact],
    betas: Betas,
    open_region: OpenRegion,
    memory: int,
) -> Iterator[list[Output]]:
    """The rows of `network_partition`; all settings except the networks must be equal.

    Raises BadInput if conditions differ, or a region needs more memory.
    """
    each = [NetworkPartitionSettings.of(job) for job in jobs]
    common = each[0]
    names = [name for _, name in common.stimuli]
    models = dict.fromkeys(model for its in each for model in (its.model, its.other_model))
    networks = {model: best_layers_of(model, rdms[model], best[model], names) for model in models}
    found = partitioned_regions(
        [(networks[its.model], networks[its.other_model]) for its in each],
        common,
        design_of(common),
        betas,
        open_region,
        reporter,
        bounded=BOUNDED,
        memory=memory,
    )
    for settings, rows in zip(each, found, strict=True):
        columns = partition_columns(settings, rows, "other", BOUNDED)
        regions = columns["roi"]
        for prefix, model in (("", settings.model), ("other_", settings.other_model)):
            columns[f"{prefix}model"] = [model] * len(regions)
            columns[f"{prefix}layer"] = [networks[model].layers[roi] for roi in regions]
        yield [settings.facts(TABLE, columns, settings.remark, ("model", "other_model", "roi"))]
