"""Bootstraps of the scores of networks: intervals, and the distribution of each best layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.jobs.interval_rows import bounds, chance
from alignhouse.analysis.jobs.network_batches import NetworkSettings, network_batch
from alignhouse.analysis.jobs.network_rdms import BYTES_PER_PAIR, read_networks
from alignhouse.analysis.jobs.scope import (
    Model,
    Scope,
    as_single,
    read_brains,
)
from alignhouse.analysis.statistics.bootstrap import BootstrapScores, bootstrap_scores, some_scores
from alignhouse.analysis.statistics.intervals import RESAMPLINGS
from alignhouse.warehouse.artifacts import Artifact, hive
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.vectors import vector_table

VERSION = 2


class BootstrapSettings(NetworkSettings):
    """Settings of one network's bootstraps. draws : number of resamples. level : of the intervals."""

    seed: int
    draws: int
    level: float


@dataclass(frozen=True)
class BootstrapAbout:
    """The metadata of a file of bootstrap distributions.

    n_subjects : region -> number of subjects.
    """

    n_stimuli: int
    n_subjects: Mapping[str, int]


def bootstrap_batch(
    scope: Scope,
    models: Sequence[Model],
    brains: Mapping[str, Artifact],
    *,
    draws: int,
    level: float,
    seed: int,
    memory: int,
) -> Batch:
    """Bootstraps of networks, one job per network; a batch applies each resample to several networks.

    The best layer is chosen again in each resample. Its distribution is stored in float32, to compute
    differences between networks later.

    Parameters
    ----------
    brains : region -> artifact of its RDMs. memory : bytes for buffers.
    """

    return network_batch(
        "bootstrap",
        VERSION,
        BootstrapSettings,
        {**dict(scope), "seed": seed, "draws": draws, "level": level},
        models,
        brains,
        bootstrap,
        bytes_per_pair=BYTES_PER_PAIR,
        memory=memory,
    )


def bootstrap(
    jobs: Sequence[Job],
    reporter: Reporter,
    rdms: Mapping[str, Artifact],
    brains: Mapping[str, Artifact],
    memory: int,
) -> Iterator[list[Output]]:
    """Bootstrap the networks of `jobs`; all settings except the network must be equal."""
    each = [BootstrapSettings.of(job) for job in jobs]
    brain = read_brains(brains)
    networks = read_networks([settings.model for settings in each], rdms, brain)
    reporter.doing("resampling")
    scores = bootstrap_scores(
        networks.rdms,
        brain.rdms,
        draws=each[0].draws,
        seed=each[0].seed,
        measure=each[0].settings.measure,
        seen=brain.seen,
        precision="float32",
        memory=memory,
        layer_names=networks.labels,
        tick=reporter.step,
    )
    for settings in each:
        layers, part = networks.layers[settings.model], networks.rows[settings.model]
        yield list(_outputs(settings, layers, {roi: some_scores(of, part) for roi, of in scores.items()}))


def _outputs(
    settings: BootstrapSettings, layers: list[str], scores: Mapping[str, BootstrapScores]
) -> Iterator[Output]:
    best = {roi: each.best_layer() for roi, each in scores.items()}
    samples = {
        (roi, kind): getattr(each, kind)[0]
        for roi, each in best.items()
        for kind in RESAMPLINGS
        if getattr(each, kind) is not None
    }
    about = BootstrapAbout(
        n_stimuli=next(iter(best.values())).n_stimuli,
        n_subjects={roi: each.n_subjects for roi, each in best.items()},
    )
    place = {"protocol": settings.protocol, "dataset": settings.dataset, "model": settings.model}
    names = {"roi": [roi for roi, _ in samples], "resampled": [kind for _, kind in samples]}
    yield Output(
        ("bootstraps", *(hive(*each) for each in place.items())),
        vector_table(names, "best_layer", as_single(list(samples.values()))),
        about=vars(about),
    )
    tables = []
    for roi, each in scores.items():
        highest = layers[int(each.observed.argmax())]
        tables.append(_interval_columns(each, settings.level, roi, layers, "layer"))
        tables.append(_interval_columns(best[roi], settings.level, roi, [highest], "best_layer"))
    columns = {name: np.concatenate([each[name] for each in tables]) for name in tables[0]}
    count = len(columns["roi"])
    yield settings.facts(
        "score_interval",
        {
            "model": [settings.model] * count,
            **columns,
            **chance(settings.level, settings.draws, settings.seed, count),
        },
        settings.remark,
        ("model", "roi"),
    )


def _interval_columns(
    scores: BootstrapScores, level: float, roi: str, layers: Sequence[str], test: str
) -> dict[str, NDArray[Any]]:
    """The columns of `score_interval` that vary between rows, for all layers in one region."""
    columns = bounds(scores, level)
    count = len(columns["lower"])
    return {
        "layer": np.tile(np.array(layers, dtype=object), count // len(layers)),
        "roi": np.full(count, roi, dtype=object),
        "test": np.full(count, test, dtype=object),
        **columns,
    }
