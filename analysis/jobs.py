"""Jobs from stored RDMs to facts: read, call, write. The only part of the analysis that touches files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from analysis.groups import PairCorrection, group_statistics
from analysis.noise_ceiling import noise_ceiling
from analysis.permutation import stimulus_permutations
from analysis.rsa import RoiScores, score_network
from analysis.settings import AnalysisSettings
from warehouse.artifacts import Artifact, hive, read_metadata
from warehouse.errors import BadInput
from warehouse.jobs import Job, Output, Tick
from warehouse.vectors import read_vectors, vector_table

VERSION = 1
MIN_SUBJECTS_OF_A_CEILING = 2


@dataclass(frozen=True)
class Scope:
    """What a set of results belongs to: a protocol, a data set and a split of its stimuli."""

    root: Path
    protocol: str
    settings: AnalysisSettings
    dataset: str
    split: str
    permutations: int
    seed: int

    def columns(self, rows: int) -> dict[str, list[str]]:
        return {
            name: [value] * rows
            for name, value in (("protocol", self.protocol), ("dataset", self.dataset), ("split", self.split))
        }

    def describe(self) -> dict[str, object]:
        return {
            "protocol": self.protocol,
            "settings": self.settings.model_dump(mode="json"),
            "dataset": self.dataset,
            "split": self.split,
            "permutations": self.permutations,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Model:
    """A network whose RDMs are stored: its name, the artifact of its RDMs, and what to remark of it."""

    name: str
    rdms: Artifact
    remark: str


def rsa_job(scope: Scope, model: Model, brains: Mapping[str, Artifact], *, memory: int) -> Job:
    """Alignment of all layers of one network with all regions, its null distributions and its p-values."""

    def work(tick: Tick) -> Iterator[Output]:
        names, model_rdms = read_vectors(scope.root / model.rdms.path, "rdm")
        layers = names["layer"].to_list()
        conditions = _conditions(scope.root, model.rdms)
        subjects: dict[str, list[str]] = {}
        rdms: dict[str, np.ndarray] = {}
        for roi, artifact in brains.items():
            _check_conditions(model.name, conditions, roi, _conditions(scope.root, artifact))
            rows, rdms[roi] = read_vectors(scope.root / artifact.path, "rdm")
            subjects[roi] = rows["subject"].to_list()
        orders = stimulus_permutations(len(conditions), scope.permutations, scope.seed)
        scores = score_network(model_rdms, rdms, orders, scope.settings, memory=memory, layer_names=layers)
        yield from (
            _null_output(scope, model, layers, scores),
            _alignment_output(scope, model, layers, subjects, scores),
            _significance_output(scope, model, layers, scores),
        )

    return Job(
        method="rsa",
        version=VERSION,
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
        table = pa.table(
            {
                **scope.columns(len(brains)),
                "roi": list(brains),
                "lower": pa.array([lower for lower, _ in bounds], pa.float64()),
                "upper": pa.array([upper for _, upper in bounds], pa.float64()),
                "n_subjects": counts,
                "remark": [remark] * len(brains),
            }
        )
        yield _facts("noise_ceiling", table, ("protocol", "dataset", "split", "roi"))

    return Job(
        method="noise_ceiling",
        version=VERSION,
        settings={**_without_permutations(scope), "remark": remark},
        inputs={roi: each.artifact for roi, each in brains.items()},
        label=f"noise ceilings, protocol {scope.protocol}",
        work=work,
    )


def group_job(
    scope: Scope,
    group_by: str,
    labels: Mapping[str, str],
    scores: Mapping[str, Sequence[Artifact]],
    remark: str,
) -> Job:
    """Do groups of networks differ? Medians of best-layer scores against null medians, region by region.

    Parameters
    ----------
    group_by : what the labels are of, e.g. "arch_type".
    labels : model -> its group.
    scores : model -> the artifacts of its `rsa_job`.
    """
    correction: PairCorrection = "bonferroni" if scope.settings.best_layer_null == "chosen_layer" else "holm"
    models = list(labels)

    def work(tick: Tick) -> Iterator[Output]:
        best: dict[str, list[float]] = {}
        nulls: dict[str, list[np.ndarray]] = {}
        for done, model in enumerate(models):
            for roi, (score, null) in _best_and_null(scope, scores[model]).items():
                best.setdefault(roi, []).append(score)
                nulls.setdefault(roi, []).append(null)
            tick(done + 1, len(models))
        rows: dict[str, list[object]] = {}
        for roi, values in best.items():
            for each in group_statistics(
                values,
                np.stack(nulls[roi]),
                [labels[model] for model in models],
                p_value_method=scope.settings.p_value,
                best_layer_null=scope.settings.best_layer_null,
                correction=correction,
            ):
                for key, value in {"roi": roi, **vars(each)}.items():
                    rows.setdefault(key, []).append(value)
        count = len(rows["roi"])
        table = pa.table(
            {
                **scope.columns(count),
                "group_by": [group_by] * count,
                **{key: _nullable(key, values) for key, values in rows.items()},
                "correction": [correction] * count,
                "permutations": [scope.permutations] * count,
                "seed": [scope.seed] * count,
                "remark": [remark] * count,
            }
        )
        yield _facts("group_comparison", table, ("protocol", "dataset", "split", "roi", "group_by"))

    return Job(
        method="group_comparison",
        version=VERSION,
        settings={**scope.describe(), "group_by": group_by, "labels": dict(labels), "remark": remark},
        inputs={model: scores[model][0].job for model in models},
        label=f"groups by {group_by}, protocol {scope.protocol}",
        work=work,
    )


def _best_and_null(scope: Scope, artifacts: Sequence[Artifact]) -> dict[str, tuple[float, np.ndarray]]:
    """Region -> (best layer's R, null (K,) that it is held against) of one network."""
    by_table = {each.table: each for each in artifacts}
    names, null = read_vectors(scope.root / by_table[None].path, "null")
    tests = pl.read_parquet(scope.root / by_table["significance"].path, hive_partitioning=False)
    best = tests.filter(pl.col("test") == "best_layer").select("roi", "layer", "statistic")
    found = {}
    for roi, layer, score in best.iter_rows():
        of_roi = (names["roi"] == roi).to_numpy()
        if scope.settings.best_layer_null == "max_over_layers":
            found[roi] = (score, null[of_roi].max(axis=0))
        else:
            found[roi] = (score, null[of_roi & (names["layer"] == layer).to_numpy()][0])
    return found


def _null_output(scope: Scope, model: Model, layers: list[str], scores: Mapping[str, RoiScores]) -> Output:
    table = vector_table(
        {
            "roi": [roi for roi in scores for _ in layers],
            "layer": [layer for _ in scores for layer in layers],
        },
        "null",
        np.concatenate([each.null for each in scores.values()]).astype(np.float32),
    )
    folder = (
        "nulls",
        hive("protocol", scope.protocol),
        hive("dataset", scope.dataset),
        hive("model", model.name),
    )
    return Output(folder, table)


def _alignment_output(
    scope: Scope,
    model: Model,
    layers: list[str],
    subjects: Mapping[str, list[str]],
    scores: Mapping[str, RoiScores],
) -> Output:
    keys = [(layer, roi, subject) for roi in scores for layer in layers for subject in subjects[roi]]
    table = pa.table(
        {
            **scope.columns(len(keys)),
            "model": [model.name] * len(keys),
            "layer": [layer for layer, _, _ in keys],
            "roi": [roi for _, roi, _ in keys],
            "subject": [subject for _, _, subject in keys],
            "rho": np.concatenate([each.rho.reshape(-1) for each in scores.values()]),
            "remark": [model.remark] * len(keys),
        }
    )
    return _facts("alignment", table, ("protocol", "dataset", "split", "model", "roi"))


def _significance_output(
    scope: Scope, model: Model, layers: list[str], scores: Mapping[str, RoiScores]
) -> Output:
    rows = []
    for roi, each in scores.items():
        for layer, mean, p in zip(layers, each.mean, each.p_layer, strict=True):
            rows.append((layer, roi, "layer", float(mean), float(p)))
        best = each.best_layer
        rows.append((layers[best], roi, "best_layer", float(each.mean[best]), each.p_best))
    columns = zip(("layer", "roi", "test", "statistic", "p_value"), zip(*rows, strict=True), strict=True)
    table = pa.table(
        {
            **scope.columns(len(rows)),
            "model": [model.name] * len(rows),
            **{name: list(values) for name, values in columns},
            "permutations": [scope.permutations] * len(rows),
            "seed": [scope.seed] * len(rows),
            "remark": [model.remark] * len(rows),
        }
    )
    return _facts("significance", table, ("protocol", "dataset", "split", "model", "roi"))


def _facts(table: str, rows: pa.Table, slot: tuple[str, ...]) -> Output:
    return Output(("facts", hive("table", table)), rows, table=table, slot=slot)


def _nullable(column: str, values: list[object]) -> pa.Array:
    kinds = {"group_b": pa.string(), "p_adjusted": pa.float64(), "n_b": pa.int32()}
    return pa.array(values, kinds.get(column))


def _without_permutations(scope: Scope) -> dict[str, object]:
    return {key: value for key, value in scope.describe().items() if key not in ("permutations", "seed")}


def _conditions(root: Path, artifact: Artifact) -> list[str]:
    return list(read_metadata(root / artifact.path)["about"]["conditions"])


def _check_conditions(model: str, of_model: Iterable[str], roi: str, of_brain: Iterable[str]) -> None:
    ours, theirs = list(of_model), list(of_brain)
    if ours == theirs:
        return
    if len(ours) != len(theirs):
        raise BadInput(
            f"conditions of the RDMs of {model} and of region {roi} differ",
            expected=f"{len(theirs)} conditions",
            found=len(ours),
        )
    place = next(i for i, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1])
    raise BadInput(
        f"conditions of the RDMs of {model} and of region {roi} differ, first at place {place + 1}",
        expected=theirs[place],
        found=ours[place],
    )
