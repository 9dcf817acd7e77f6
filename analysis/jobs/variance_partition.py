"""The variance of voxels that each network explains beyond control models, and that both explain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.jobs.encoding_regions import (
    Betas,
    EncodingSettings,
    FitDesign,
    OpenRegion,
    RegionEncoder,
    SubjectVoxels,
    design_of,
    grams_of,
    stored_betas,
)
from alignhouse.analysis.jobs.encoding_rows import interval_columns
from alignhouse.analysis.jobs.scope import Model, Scope, check_conditions, conditions, facts_of
from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.statistics.bootstrap import (
    FEWEST_DISTINCT_STIMULI,
    STIMULI,
    SUBJECTS,
    resample_counts,
)
from alignhouse.analysis.statistics.control_grams import control_gram, does_not_vary, why_no_gram
from alignhouse.analysis.statistics.encoding_bootstrap import encoding_bootstrap
from alignhouse.analysis.statistics.variance_partition import (
    CANDIDATES,
    SetFits,
    Splits,
    fit_both,
    fit_set,
    resampled_parts,
    voxel_parts,
)
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job, Output

VERSION = 1
TABLE = "variance_partition"
# Columns of the table, and the parts that they show.
PARTS = {
    "r2_network": "one",
    "r2_controls": "other",
    "r2_both": "both",
    "unique_network": "unique_one",
    "unique_controls": "unique_other",
    "shared": "shared",
}
UNIQUE = ("unique_network", "unique_controls")


class PartitionSettings(EncodingSettings):
    """Settings of one network. controls : name -> distance. candidates : weight vectors of each search.

    weights_per : "voxel", or "region": voxels of a region of a subject share weights and penalty.
    """

    controls: dict[str, str]
    candidates: int
    weights_per: Literal["voxel", "region"]


@dataclass(frozen=True)
class _Controls:
    """The Gram matrices of controls that have one, and why the others are left out."""

    grams: Mapping[str, FloatArray]
    left_out: Sequence[str]

    @property
    def reason(self) -> str:
        return f"left out: {'; '.join(self.left_out)}" if self.left_out else ""


@dataclass(frozen=True)
class _Voxels:
    """Voxels of several regions. responses : (n, V). places : region -> subject and its columns."""

    responses: NDArray[np.float32]
    places: Mapping[str, Sequence[tuple[SubjectVoxels, slice]]]

    def groups(self, settings: PartitionSettings) -> list[NDArray[np.intp]]:
        """The columns that share weights; none if each voxel has its own."""
        if settings.weights_per == "voxel":
            return []
        return [np.arange(own.start, own.stop) for each in self.places.values() for _, own in each]

    def of(self, regions: Sequence[str]) -> NDArray[np.intp]:
        """The columns of some regions."""
        every = np.arange(self.responses.shape[1])
        return np.concatenate([every[own] for roi in regions for _, own in self.places[roi]])

    def only(self, regions: Sequence[str]) -> _Voxels:
        """The voxels of some regions, in their order."""
        places: dict[str, list[tuple[SubjectVoxels, slice]]] = {}
        start = 0
        for roi in regions:
            places[roi] = []
            for subject, own in self.places[roi]:
                places[roi].append((subject, slice(start, start + own.stop - own.start)))
                start = places[roi][-1][1].stop
        return _Voxels(self.responses[:, self.of(regions)], places)


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
    jobs = []
    chosen = {name: facts_of(artifacts, "encoding_best") for name, artifacts in best.items()}
    for model in models:
        settings = PartitionSettings.model_validate(
            {
                **dict(scope),
                **how,
                "model": model.name,
                "remark": model.remark,
                "controls": {name: distance for name, (_, distance) in controls.items()},
                "candidates": CANDIDATES,
            }
        )
        given = {
            "model": model.rdms.artifact,
            "best": chosen[model.name].artifact,
            **{f"control/{name}": rdm.artifact for name, (rdm, _) in controls.items()},
        }
        jobs.append(
            Job(
                method=TABLE,
                version=VERSION,
                settings=settings.as_json(),
                inputs={**given, **stored_betas(betas)},
                label=f"{model.name}, protocol {settings.protocol}",
            )
        )
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
    each = [PartitionSettings.of(job) for job in jobs]
    common = each[0]
    design = design_of(common)
    splits = Splits.of(design.train, design.scored, design.folds)
    names = [name for _, name in common.stimuli]
    given = _read_controls(common, controls, names, splits)
    layers, grams = {}, {}
    for settings in each:
        check_conditions(settings.model, conditions(rdms[settings.model]), "the betas", names)
        rows = best[settings.model].rows(["roi", "layer"])
        layers[settings.model] = dict(zip(rows["roi"], rows["layer"], strict=True))
        grams[settings.model] = grams_of(rdms[settings.model])
    found: dict[str, list[dict[str, Any]]] = {settings.model: [] for settings in each}
    if not given.grams:
        for settings in each:
            found[settings.model] = [
                {"roi": roi, "layer": layer, "n_subjects": 0, "n_voxels": 0}
                for roi, layer in layers[settings.model].items()
            ]
    for voxels in _groups(common, design, betas, open_region, memory) if given.grams else ():
        how = _how(common, memory)
        reporter.doing("fitting controls")
        of_controls = fit_set(
            list(given.grams.values()),
            splits,
            voxels.responses,
            names=list(given.grams),
            groups=voxels.groups(common),
            **how,
        )
        for done, settings in enumerate(each, 1):
            reporter.doing(f"fitting {settings.model} and controls")
            best_of = {roi: layers[settings.model][roi] for roi in voxels.places}
            for layer in dict.fromkeys(best_of.values()):
                regions = [roi for roi, its in best_of.items() if its == layer]
                own, fits = voxels.only(regions), of_controls.of_voxels(voxels.of(regions))
                gram = grams[settings.model][layer]
                label, groups = [f"{settings.model}, layer {layer}"], own.groups(common)
                network = fit_set([gram], splits, own.responses, names=label, groups=groups, **how)
                both = fit_both(network, fits, splits, own.responses, groups=groups, **how)
                rows_of = _rows(settings, design, splits, own, (network, fits, both))
                found[settings.model] += [{"roi": roi, "layer": layer, **row} for roi, row in rows_of.items()]
            reporter.step(done, len(each))
    for settings in each:
        yield [_output(settings, given, found[settings.model])]


def _how(settings: PartitionSettings, memory: int) -> dict[str, Any]:
    return {
        "candidates": settings.candidates,
        "alphas": settings.alphas,
        "alpha_by": settings.alpha_by,
        "seed": settings.seed,
        "memory": memory // 4,
    }


def _read_controls(
    settings: PartitionSettings, controls: Mapping[str, Artifact], names: Sequence[str], splits: Splits
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


def _groups(
    settings: PartitionSettings, design: FitDesign, betas: Betas, open_region: OpenRegion, memory: int
) -> Iterator[_Voxels]:
    """The voxels of all regions, as many regions at a time as fit into half of the memory."""
    # Responses and their copies; predictions of three models, and their copies in double precision.
    a_voxel = 4 * 3 * len(design.wanted) + (3 * 4 + 4 * 8) * len(design.scored)
    waiting: list[RegionEncoder] = []
    for roi, parts in settings.regions.items():
        region = RegionEncoder(roi, parts, settings, design, betas, open_region, memory // 4)
        if (needed := a_voxel * region.n_voxels) > memory // 2:
            raise BadInput(
                f"variance of region {roi}, {region.n_voxels:,} voxels of all subjects",
                expected=f"compute.memory of at least {4 * needed / 1e9:.1f} GB",
                found=f"too little: {memory / 1e9:.2f} GB for this step",
                hint="raise it, or keep fewer voxels with brain.min_ncsnr",
            )
        if a_voxel * sum(each.n_voxels for each in (*waiting, region)) > memory // 2:
            yield _read(waiting)
            waiting = []
        waiting.append(region)
    yield _read(waiting)


def _read(regions: Sequence[RegionEncoder]) -> _Voxels:
    places: dict[str, list[tuple[SubjectVoxels, slice]]] = {}
    responses, start = [], 0
    for region in regions:
        places[region.roi] = []
        for subject in region.subjects():
            responses.append(subject.responses)
            stop = start + subject.responses.shape[1]
            places[region.roi].append((subject, slice(start, stop)))
            start = stop
    return _Voxels(np.concatenate(responses, axis=1), places)


def _rows(
    settings: PartitionSettings,
    design: FitDesign,
    splits: Splits,
    voxels: _Voxels,
    fits: tuple[SetFits, SetFits, SetFits],
) -> dict[str, dict[str, Any]]:
    """Region -> its columns of numbers."""
    predictions = [each.predictions(splits) for each in fits]
    responses = voxels.responses[splits.scored]
    m = len(splits.scored)
    counts = resample_counts(
        m, max(1, settings.draws), settings.seed, STIMULI, fewest=FEWEST_DISTINCT_STIMULI
    )
    found = {}
    for roi, subjects in voxels.places.items():
        signal = [(each, own) for each, own in subjects if each.positive_ceiling is not None]
        is_normalised = bool(signal)
        medians, resampled, n_voxels = [], [], 0
        for subject, own in signal or subjects:
            ceiling = subject.ceiling if is_normalised else None
            its = [each[own] for each in predictions]
            medians.append(voxel_parts(its, responses[:, own], splits.folds).medians(ceiling))
            used = own.stop - own.start if ceiling is None else int(np.count_nonzero(ceiling))
            n_voxels += used
            if design.folds is None and settings.draws:
                resampled.append(resampled_parts(its, responses[:, own], counts, ceiling=ceiling))
        means = {name: float(np.mean([each[part] for each in medians])) for name, part in PARTS.items()}
        unique = np.array([[each[PARTS[name]] for name in UNIQUE] for each in medians])
        bootstrap = None
        if resampled:
            drawn = resample_counts(len(unique), settings.draws, settings.seed, SUBJECTS)
            bootstrap = encoding_bootstrap(unique, resampled, drawn, m)
        interval = interval_columns(bootstrap, unique, settings.level)
        for bound in ("lower", "upper"):
            values = interval.pop(bound)
            for index, name in enumerate(UNIQUE):
                interval[f"{name}_{bound}"] = None if values is None else float(values[index])
        found[roi] = {
            **means,
            **interval,
            "draws": settings.draws if bootstrap is not None else 0,
            "n_subjects": len(medians),
            "n_voxels": n_voxels,
            "is_normalised": is_normalised,
        }
    return found


def _output(settings: PartitionSettings, given: _Controls, rows: Sequence[Mapping[str, Any]]) -> Output:
    order = list(settings.regions)
    own = sorted(rows, key=lambda row: order.index(row["roi"]))
    bounds = [f"{name}_{bound}" for name in UNIQUE for bound in ("lower", "upper")]
    optional = (*PARTS, *bounds, "resampled", "method", "is_normalised")
    columns: dict[str, Any] = {
        "model": [settings.model] * len(own),
        **{name: [row[name] for row in own] for name in ("layer", "roi", "n_subjects", "n_voxels")},
        **{name: [row.get(name) for row in own] for name in optional},
        "draws": [row.get("draws", 0) for row in own],
        "level": [settings.level] * len(own),
        "controls": [", ".join(given.grams)] * len(own),
        "n_controls": [len(given.grams)] * len(own),
        "candidates": [settings.candidates] * len(own),
        "weights_per": [settings.weights_per] * len(own),
        "seed": [settings.seed] * len(own),
        "reason": [given.reason] * len(own),
    }
    return settings.facts(TABLE, columns, settings.remark, ("model", "roi"))
