"""The variance of voxels that each network explains beyond control models, and that both explain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignhouse.analysis.jobs.encoding_regions import Betas, OpenRegion, design_of, stored_betas
from alignhouse.analysis.jobs.network_batches import network_job
from alignhouse.analysis.jobs.partition_regions import (
    FeatureSet,
    PartitionSettings,
    Rows,
    best_layers_of,
    common_settings,
    partition_columns,
    partitioned_regions,
    splits_of,
)
from alignhouse.analysis.jobs.scope import Model, Scope, check_conditions, conditions, facts_of
from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.statistics.control_grams import control_gram, does_not_vary, why_no_gram
from alignhouse.analysis.statistics.variance_partition import UNIQUE, Splits
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.jobs import Job, Output

VERSION = 1
TABLE = "variance_partition"


class BeyondControlsSettings(PartitionSettings):
    """Settings of one network. controls : name -> distance."""

    controls: dict[str, str]


@dataclass(frozen=True)
class _Controls:
    """The Gram matrices of controls that have one, and why the others are left out."""

    grams: Mapping[str, FloatArray]
    left_out: Sequence[str]

    @property
    def reason(self) -> str:
        return f"left out: {'; '.join(self.left_out)}" if self.left_out else ""

    def features(self, regions: Sequence[str]) -> FeatureSet:
        """All of them, which predict every region."""
        return FeatureSet(
            bands=dict.fromkeys(regions, tuple(self.grams)),
            read=lambda names: [self.grams[name] for name in names],
            layers={},
        )


def partition_batch(
    scope: Scope,
    models: Sequence[Model],
    best: Mapping[str, Sequence[Artifact]],
    controls: Mapping[str, tuple[Artifact, str]],
    betas: Betas,
    open_region: OpenRegion,
    how: Mapping[str, Any],
    *,
    memory: int,
) -> Batch:
    """What the best layer of each network explains beyond all controls together; a job per network.

    Parameters
    ----------
    models, betas, open_region, memory : as for `encoding.encoding_batch`. how : also with `weights_per`.
    best : network -> the artifacts of its encoding. controls : control -> its RDM, and the RDM's distance.
    """
    chosen = {name: facts_of(artifacts, "encoding_best") for name, artifacts in best.items()}
    distances = {name: distance for name, (_, distance) in controls.items()}
    common = {**common_settings(scope, how), "controls": distances}
    given = {f"control/{name}": rdm.artifact for name, (rdm, _) in controls.items()} | stored_betas(betas)
    jobs = [
        network_job(
            TABLE,
            VERSION,
            BeyondControlsSettings,
            common,
            model,
            {"best": chosen[model.name].artifact, **given},
        )
        for model in models
    ]
    return Batch(
        jobs=tuple(jobs),
        call=partition_variance,
        shared={
            "rdms": {model.name: model.rdms for model in models},
            "best": chosen,
            "controls": {name: rdm for name, (rdm, _) in controls.items()},
            "betas": betas,
            "open_region": open_region,
            "memory": memory,
        },
        divisible=True,
    )


def partition_variance(
    jobs: Sequence[Job],
    reporter: Reporter,
    rdms: Mapping[str, Artifact],
    best: Mapping[str, Artifact],
    controls: Mapping[str, Artifact],
    betas: Betas,
    open_region: OpenRegion,
    memory: int,
) -> Iterator[list[Output]]:
    """The rows of `variance_partition`; all settings except the network must be equal.

    Raises BadInput if conditions differ, or a region needs more memory.
    """
    each = [BeyondControlsSettings.of(job) for job in jobs]
    common = each[0]
    design = design_of(common)
    names = [name for _, name in common.stimuli]
    given = _read_controls(common, controls, names, splits_of(design))
    networks = [best_layers_of(its.model, rdms[its.model], best[its.model], names) for its in each]
    found: list[Rows]
    if given.grams:
        beyond = given.features(list(common.regions))
        found = partitioned_regions(
            [(network, beyond) for network in networks],
            common,
            design,
            betas,
            open_region,
            reporter,
            bounded=UNIQUE,
            memory=memory,
        )
    else:
        found = [{roi: {} for roi in network.layers} for network in networks]
    for settings, network, rows in zip(each, networks, found, strict=True):
        columns = partition_columns(settings, rows, "controls", UNIQUE)
        n = len(rows)
        columns |= {
            "model": [settings.model] * n,
            "layer": [network.layers[roi] for roi in columns["roi"]],
            "controls": [", ".join(given.grams)] * n,
            "n_controls": [len(given.grams)] * n,
            "reason": [given.reason] * n,
        }
        yield [settings.facts(TABLE, columns, settings.remark, ("model", "roi"))]


def _read_controls(
    settings: BeyondControlsSettings,
    controls: Mapping[str, Artifact],
    names: Sequence[str],
    splits: Splits,
) -> _Controls:
    grams, left_out = {}, []
    for name, distance in settings.controls.items():
        check_conditions(f"control {name}", conditions(controls[name]), "the betas", names)
        _, [rdm] = controls[name].vectors("rdm")
        gram = control_gram(rdm, distance)
        why = why_no_gram(gram)
        if not why and does_not_vary(gram, [*splits.train, *splits.test]):
            why = "it is equal for all stimuli of a fit or a fold"
        if why:
            left_out.append(f"{name} ({why})")
        else:
            grams[name] = gram
    return _Controls(grams, left_out)
