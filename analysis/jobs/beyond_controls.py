"""What the layers of networks explain beyond control RDMs: partial correlations and regression RSA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.jobs.network_batches import NetworkSettings, network_batch
from alignhouse.analysis.jobs.network_rdms import read_networks
from alignhouse.analysis.jobs.scope import Brains, Model, Scope, find_layers, read_brains
from alignhouse.analysis.statistics.bootstrap import BootstrapScores
from alignhouse.analysis.statistics.intervals import intervals_of, mean_interval
from alignhouse.analysis.statistics.partial import (
    PartialScores,
    ResidualBrains,
    partial_scores,
    residual_brains,
)
from alignhouse.analysis.statistics.partial_bootstrap import partial_bootstrap
from alignhouse.analysis.statistics.partial_seen import (
    PartlySeenResiduals,
    partial_scores_partly_seen,
    residuals_partly_seen,
    variance_partly_seen,
)
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.regression import FEWEST_STIMULI, VarianceParts
from alignhouse.analysis.statistics.seen import everything_seen
from alignhouse.analysis.statistics.unique import LinearBrains, UniqueScores, linear_brains, unique_scores
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.kept import kept

VERSION = 2
# Dissimilarities, ranks and sorted orders of a layer.
BYTES_PER_PAIR = 32
COLLINEAR = "the layer's ranks are a combination of the controls' ranks"
COPIED = "the layer's dissimilarities are a combination of the controls' dissimilarities"
FEW_STIMULI = f"variances need at least {FEWEST_STIMULI} stimuli"

Array = NDArray[Any]


class BeyondSettings(NetworkSettings):
    """Settings of one network. controls : their names. draws : resamples for the intervals; 0 for none."""

    controls: tuple[str, ...]
    permutations: int
    draws: int
    level: float
    seed: int


@dataclass(frozen=True)
class _Given:
    """Brains and controls, read once for all networks.

    controls : (C, P). ranks, dissimilarities : residuals of the brains, given the controls.
    """

    brain: Brains
    controls: Array
    ranks: ResidualBrains | PartlySeenResiduals
    dissimilarities: LinearBrains


def beyond_batch(
    scope: Scope,
    models: Sequence[Model],
    brains: Mapping[str, Artifact],
    *,
    controls: Mapping[str, Artifact],
    permutations: int,
    draws: int,
    level: float,
    seed: int,
    memory: int,
) -> Batch:
    """What each layer explains beyond all controls together, one job per network.

    The null permutes rows and columns and p-values are never 0, under every protocol: no published protocol
    has this analysis. Subjects who saw other stimuli count with the pairs that they saw.

    Parameters
    ----------
    controls : control -> artifact of its RDM. brains : region -> artifact of its RDMs. memory : bytes.
    """
    common = {
        **dict(scope),
        "controls": tuple(controls),
        "permutations": permutations,
        "draws": draws,
        "level": level,
        "seed": seed,
    }
    return network_batch(
        "beyond_controls",
        VERSION,
        BeyondSettings,
        common,
        models,
        brains,
        compare_with_controls,
        bytes_per_pair=BYTES_PER_PAIR,
        memory=memory,
        controls=controls,
    )


def compare_with_controls(
    jobs: Sequence[Job],
    reporter: Reporter,
    rdms: Mapping[str, Artifact],
    brains: Mapping[str, Artifact],
    memory: int,
    controls: Mapping[str, Artifact],
) -> Iterator[list[Output]]:
    """The rows of `beyond_controls`; all settings except the network must be equal. See `beyond_batch`."""
    each = [BeyondSettings.of(job) for job in jobs]
    common = each[0]
    given = _read(brains, controls)
    networks = read_networks([settings.model for settings in each], rdms, given.brain)
    reporter.doing("permuting")
    orders = stimulus_permutations(len(given.brain.conditions), common.permutations, common.seed)
    how: dict[str, Any] = {
        "memory": memory // 4,
        "layer_names": networks.labels,
        "families": list(networks.rows.values()),
    }
    if isinstance(given.ranks, ResidualBrains):
        partial = partial_scores(networks.rdms, given.ranks, orders, **how)
    else:
        partial = partial_scores_partly_seen(networks.rdms, given.ranks, orders, **how)
    unique = unique_scores(networks.rdms, given.dissimilarities, orders, **how)
    intervals: dict[str, BootstrapScores] = {}
    left = ~np.isnan(next(iter(partial.values())).mean)
    if common.draws and left.any():
        reporter.doing("resampling")
        intervals = partial_bootstrap(
            networks.rdms[left],
            given.brain.rdms,
            given.controls,
            {roi: scores.rho[left] for roi, scores in partial.items()},
            draws=common.draws,
            seed=common.seed,
            seen=given.brain.seen,
            memory=memory // 4,
            layer_names=[label for label, kept in zip(networks.labels, left, strict=True) if kept],
            tick=reporter.step,
        )
    reporter.doing("regressing")
    seen = given.brain.seen or everything_seen(given.brain.rdms)
    regressed = variance_partly_seen(networks.rdms, given.brain.rdms, given.controls, seen, common.seed)
    n_folds, parts = regressed or (None, {})
    columns = {
        roi: {
            **_partial_columns(scores, intervals.get(roi), left, common.level),
            **_variance_columns(parts.get(roi), unique[roi], common.level),
        }
        for roi, scores in partial.items()
    }
    for settings in each:
        layers, rows = networks.layers[settings.model], networks.rows[settings.model]
        yield [_output(settings, layers, rows, columns, n_folds)]


@kept
def _read(brains: Mapping[str, Artifact], controls: Mapping[str, Artifact]) -> _Given:
    brain = read_brains(brains)
    rdms = np.concatenate(
        [np.asarray(find_layers(f"control {name}", each, brain)[1]) for name, each in controls.items()]
    )
    names = [f"control {name}" for name in controls]
    if brain.seen is None:
        ranks: ResidualBrains | PartlySeenResiduals = residual_brains(brain.rdms, rdms, names)
    else:
        ranks = residuals_partly_seen(brain.rdms, rdms, names, brain.seen)
    return _Given(brain, rdms, ranks, linear_brains(brain.rdms, rdms, names, brain.seen))


def _partial_columns(
    scores: PartialScores, samples: BootstrapScores | None, left: NDArray[np.bool_], level: float
) -> dict[str, Array]:
    lower, upper = np.full((2, len(left)), np.nan)
    resampled: str | None = None
    method: str | None = None
    if samples is not None:
        found = intervals_of(samples, level)
        # The interval that the report prefers: for other subjects and stimuli if there are several subjects.
        resampled, method = next(
            kind for kind in (("both", "dual"), ("stimuli", "expanded_percentile")) if kind in found
        )
        lower[left], upper[left] = found[resampled, method].lower, found[resampled, method].upper
    known = left if samples is not None else np.zeros_like(left)
    return {
        "n_subjects": np.full(len(left), scores.rho.shape[1]),
        "partial_rho": scores.mean,
        "sem": scores.sem,
        "p_value": scores.p_layer,
        "p_family": scores.p_family,
        "lower": lower,
        "upper": upper,
        "resampled": _where(known, resampled),
        "method": _where(known, method),
        "level": np.where(known, level, np.nan),
    }


def _where(known: NDArray[np.bool_], text: str | None) -> Array:
    return np.array([text if each else None for each in known], dtype=object)


def _variance_columns(parts: VarianceParts | None, unique: UniqueScores, level: float) -> dict[str, Array]:
    names = ("r2_controls", "r2_layer", "r2_both", "unique_layer", "unique_controls", "shared")
    tests = {"unique_r": unique.mean, "unique_p": unique.p_layer, "unique_p_family": unique.p_family}
    if parts is None:
        unknown = np.full(len(unique.mean), np.nan)
        return {**dict.fromkeys((*names, "unique_lower", "unique_upper"), unknown), **tests}
    values = (
        *(parts.controls, parts.layer, parts.both),
        *(parts.unique_layer, parts.unique_controls, parts.shared),
    )
    interval = mean_interval(values[3], level)
    means = {name: each.mean(axis=1) for name, each in zip(names, values, strict=True)}
    return {**means, "unique_lower": interval.lower, "unique_upper": interval.upper, **tests}


def _output(
    settings: BeyondSettings,
    layers: Sequence[str],
    rows: slice,
    columns: Mapping[str, Mapping[str, Array]],
    n_folds: int | None,
) -> Output:
    count = len(layers) * len(columns)
    values: dict[str, list[Any]] = {
        "model": [settings.model] * count,
        "layer": list(layers) * len(columns),
        "roi": [roi for roi in columns for _ in layers],
        "controls": [", ".join(settings.controls)] * count,
        "n_controls": [len(settings.controls)] * count,
        "folds": [n_folds] * count,
        "permutations": [settings.permutations] * count,
        "draws": [settings.draws] * count,
        "seed": [settings.seed] * count,
    }
    for name in next(iter(columns.values())):
        of_all = [value for each in columns.values() for value in each[name][rows].tolist()]
        values[name] = [None if value != value else value for value in of_all]
    few = "" if n_folds else FEW_STIMULI
    values["reason"] = [
        "; ".join(filter(None, (COLLINEAR if rho is None else "", COPIED if r is None else "", few)))
        for rho, r in zip(values["partial_rho"], values["unique_r"], strict=True)
    ]
    return settings.facts("beyond_controls", values, settings.remark, ("model", "roi"))
