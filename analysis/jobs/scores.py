"""Jobs from stored RDMs to facts: read, call, write. The only part of the analysis that touches files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pyarrow as pa

from alignhouse.analysis.jobs.best_layers import BestLayers
from alignhouse.analysis.jobs.scope import (
    Brains,
    Model,
    Scope,
    facts,
    find_layers,
    pairs_of,
    read_brains,
)
from alignhouse.analysis.jobs.together import Together, layers_together
from alignhouse.analysis.statistics.groups import PairCorrection, group_statistics
from alignhouse.analysis.statistics.many_tests import Correction, adjusted_p_values, family_wise_p
from alignhouse.analysis.statistics.noise_ceiling import noise_ceiling
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.rsa import (
    BYTES_A_PAIR,
    RankedBrains,
    RoiScores,
    rank_brains,
    score_networks,
)
from alignhouse.warehouse.artifacts import Artifact, hive
from alignhouse.warehouse.jobs import Job, Output, Tick
from alignhouse.warehouse.vectors import read_vectors, vector_batch, vector_schema

VERSION = 1
RSA_VERSION = 2
MIN_SUBJECTS_OF_A_CEILING = 2
CORRECTIONS: tuple[Correction, ...] = ("benjamini_hochberg", "holm")


@dataclass(frozen=True)
class NetworkScores:
    """The scores of one network in all regions, and the names of its layers."""

    layers: list[str]
    subjects: Mapping[str, list[str]]
    scores: Mapping[str, RoiScores]


def scored_together(
    scope: Scope, models: Sequence[Model], brains: Mapping[str, Artifact], *, memory: int
) -> Together[NetworkScores]:
    """What the `rsa_job`s of `models` ask for: networks are scored several at a time."""
    of_name = {model.name: model for model in models}

    @cache
    def ranked_brains() -> tuple[Brains, RankedBrains]:
        brain = read_brains(scope.root, brains)
        # Only their ranks are needed from here on, and they are large.
        return replace(brain, rdms={}), rank_brains(brain.rdms)

    def compute(names: Sequence[str]) -> dict[str, NetworkScores]:
        brain, ranked = ranked_brains()
        layers, rdms = {}, {}
        for name in names:
            layers[name], rdms[name] = find_layers(scope.root, of_name[name], brain)
        orders = stimulus_permutations(len(brain.conditions), scope.permutations, scope.seed)
        scores = score_networks(rdms, ranked, orders, scope.settings, memory=memory // 4, layer_names=layers)
        return {name: NetworkScores(layers[name], brain.subjects, scores[name]) for name in names}

    most = layers_together(pairs_of(scope.root, brains), BYTES_A_PAIR, memory)
    return Together({model.name: model.rdms.rows for model in models}, compute, most)


def rsa_job(
    scope: Scope, model: Model, brains: Mapping[str, Artifact], together: Together[NetworkScores]
) -> Job:
    """Alignment of all layers of one network with all regions, its null distributions and its p-values."""

    def work(tick: Tick) -> Iterator[Output]:
        scored = together.result(model.name)
        yield from (
            _null_output(scope, model, scored),
            _alignment_output(scope, model, scored),
            _significance_output(scope, model, scored),
        )

    return Job(
        method="rsa",
        version=RSA_VERSION,
        settings={**scope.describe(), "model": model.name, "remark": model.remark},
        inputs={
            "model": model.rdms.artifact,
            **{f"brain/{roi}": each.artifact for roi, each in brains.items()},
        },
        label=f"{model.name}, protocol {scope.protocol}",
        work=work,
    )


def noise_ceiling_job(scope: Scope, brains: Mapping[str, Artifact], remark: str) -> Job:
    """The noise ceilings of all regions; a region with a single subject has none, and its row says so."""

    def work(tick: Tick) -> Iterator[Output]:
        bounds: list[tuple[float | None, float | None]] = []
        counts = []
        for roi, artifact in brains.items():
            names, rdms = read_vectors(scope.root / artifact.path, "rdm")
            counts.append(len(rdms))
            if len(rdms) < MIN_SUBJECTS_OF_A_CEILING:
                bounds.append((None, None))
                continue
            ceiling = noise_ceiling(
                rdms,
                combine=scope.settings.ceiling_combine,
                average=scope.settings.ceiling_average,
                names=[f"{roi}, {subject}" for subject in names["subject"]],
            )
            bounds.append((ceiling.lower, ceiling.upper))
        columns = {
            "roi": list(brains),
            "lower": pa.array([lower for lower, _ in bounds], pa.float64()),
            "upper": pa.array([upper for _, upper in bounds], pa.float64()),
            "n_subjects": counts,
        }
        yield facts(scope, "noise_ceiling", columns, remark, ("roi",))

    return Job(
        method="noise_ceiling",
        version=VERSION,
        settings={**scope.describe_without_chance(), "remark": remark},
        inputs={roi: each.artifact for roi, each in brains.items()},
        label=f"noise ceilings, protocol {scope.protocol}",
        work=work,
    )


def group_job(group_by: str, labels: Mapping[str, str], best: BestLayers, remark: str) -> Job:
    """Do groups of networks differ? Medians of best-layer scores against null medians, region by region.

    Parameters
    ----------
    group_by : what the labels are of, e.g. "arch_type".
    labels : model -> its group, in the order of `best`.
    """
    scope = best.scope
    correction: PairCorrection = "bonferroni" if scope.settings.best_layer_null == "chosen_layer" else "holm"

    def work(tick: Tick) -> Iterator[Output]:
        nulls = best.nulls(tick)
        rows: dict[str, list[object]] = {}
        for roi, scores in best.scores.items():
            for each in group_statistics(
                scores,
                nulls[roi],
                [labels[model] for model in best.models],
                p_value_method=scope.settings.p_value,
                best_layer_null=scope.settings.best_layer_null,
                correction=correction,
            ):
                for key, value in {"roi": roi, **vars(each)}.items():
                    rows.setdefault(key, []).append(value)
        count = len(rows["roi"])
        columns = {
            "group_by": [group_by] * count,
            **{key: _nullable(key, values) for key, values in rows.items()},
            "correction": [correction] * count,
            "permutations": [scope.permutations] * count,
            "seed": [scope.seed] * count,
        }
        yield facts(scope, "group_comparison", columns, remark, ("roi", "group_by"))

    return Job(
        method="group_comparison",
        version=VERSION,
        settings={**scope.describe(), "group_by": group_by, "labels": dict(labels), "remark": remark},
        inputs=best.jobs,
        label=f"groups by {group_by}, protocol {scope.protocol}",
        work=work,
    )


def correction_job(best: BestLayers, remark: str) -> Job:
    """The best-layer tests of all networks in all regions as one family: p-values adjusted for their number.

    "max_statistic" holds each score against the highest null of all networks and regions, permutation by
    permutation, in the way of the protocol's best-layer null.
    """
    scope, models = best.scope, best.models

    def work(tick: Tick) -> Iterator[Output]:
        regions = list(best.tests)
        nulls, scores = best.nulls(tick), best.scores
        score = np.concatenate([scores[roi] for roi in regions])
        null = np.concatenate([nulls[roi] for roi in regions])
        if scope.settings.best_layer_null == "chosen_layer":
            # Those tests are two-sided.
            highest = family_wise_p(np.abs(score), np.abs(null))
        else:
            highest = family_wise_p(score, null)
        by_region = [row for roi in regions for row in best.tests[roi]]
        p = np.array([each["p_value"] for each in by_region])
        adjusted: dict[str, np.ndarray] = {name: adjusted_p_values(p, name) for name in CORRECTIONS}
        adjusted["max_statistic"] = highest
        count, kinds = len(by_region), len(adjusted)
        columns = {
            "model": [model for _ in regions for model in models] * kinds,
            "layer": [each["layer"] for each in by_region] * kinds,
            "roi": [roi for roi in regions for _ in models] * kinds,
            "test": ["best_layer"] * count * kinds,
            "statistic": np.tile(score, kinds),
            "p_value": np.tile(p, kinds),
            "correction": [name for name in adjusted for _ in range(count)],
            "p_adjusted": np.concatenate(list(adjusted.values())),
            "n_tests": [count] * count * kinds,
            "permutations": [scope.permutations] * count * kinds,
            "seed": [scope.seed] * count * kinds,
        }
        yield facts(scope, "corrected_significance", columns, remark, ("test",))

    return Job(
        method="corrected_significance",
        version=VERSION,
        settings={**scope.describe(), "models": models, "remark": remark},
        inputs=best.jobs,
        label=f"corrections for many tests, protocol {scope.protocol}",
        work=work,
    )


def _null_output(scope: Scope, model: Model, scored: NetworkScores) -> Output:
    """Null distributions: first what the best layer of each region is held against, then each layer's own.

    The former are a row group of their own, so that comparisons of many networks read no more than those.
    """
    names = {"roi": pa.string(), "layer": pa.string(), "test": pa.string()}
    schema = vector_schema(names, "null", scope.permutations, np.float32)
    layers, scores = scored.layers, scored.scores
    best = {
        "roi": list(scores),
        "layer": [layers[each.best_layer] for each in scores.values()],
        "test": ["best_layer"] * len(scores),
    }
    single = {
        "roi": [roi for roi in scores for _ in layers],
        "layer": [layer for _ in scores for layer in layers],
        "test": ["layer"] * (len(scores) * len(layers)),
    }
    batches = [
        vector_batch(schema, best, np.stack([each.best_null for each in scores.values()]).astype(np.float32)),
        vector_batch(schema, single, np.concatenate([each.null for each in scores.values()])),
    ]
    folder = (
        "nulls",
        hive("protocol", scope.protocol),
        hive("dataset", scope.dataset),
        hive("model", model.name),
    )
    return Output(folder, (schema, batches))


def _alignment_output(scope: Scope, model: Model, scored: NetworkScores) -> Output:
    keys = [
        (layer, roi, subject)
        for roi in scored.scores
        for layer in scored.layers
        for subject in scored.subjects[roi]
    ]
    columns = {
        "model": [model.name] * len(keys),
        "layer": [layer for layer, _, _ in keys],
        "roi": [roi for _, roi, _ in keys],
        "subject": [subject for _, _, subject in keys],
        "rho": np.concatenate([each.rho.reshape(-1) for each in scored.scores.values()]),
    }
    return facts(scope, "alignment", columns, model.remark, ("model", "roi"))


def _significance_output(scope: Scope, model: Model, scored: NetworkScores) -> Output:
    rows = []
    for roi, each in scored.scores.items():
        for layer, mean, p in zip(scored.layers, each.mean, each.p_layer, strict=True):
            rows.append((layer, roi, "layer", float(mean), float(p)))
        best = each.best_layer
        rows.append((scored.layers[best], roi, "best_layer", float(each.mean[best]), each.p_best))
    columns = zip(("layer", "roi", "test", "statistic", "p_value"), zip(*rows, strict=True), strict=True)
    return facts(
        scope,
        "significance",
        {
            "model": [model.name] * len(rows),
            **{name: list(values) for name, values in columns},
            "permutations": [scope.permutations] * len(rows),
            "seed": [scope.seed] * len(rows),
        },
        model.remark,
        ("model", "roi"),
    )


def _nullable(column: str, values: list[object]) -> pa.Array:
    kinds = {"group_b": pa.string(), "p_adjusted": pa.float64(), "n_b": pa.int32()}
    return pa.array(values, kinds.get(column))
