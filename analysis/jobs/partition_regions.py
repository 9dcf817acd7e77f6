"""The variance of voxels of each region, partitioned between two sets of features.

A set is the best layer of a network in the region, or all control models. All partitions of a call share
stimuli, voxels and resamples, and read betas once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from alignhouse.analysis.jobs.encoding_regions import (
    Betas,
    EncodingSettings,
    FitDesign,
    OpenRegion,
    gram_of,
)
from alignhouse.analysis.jobs.encoding_rows import interval_columns
from alignhouse.analysis.jobs.partition_voxels import RegionsVoxels, regions_in_memory
from alignhouse.analysis.jobs.scope import Scope, check_conditions, conditions
from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.statistics.bootstrap import SUBJECTS, resample_counts
from alignhouse.analysis.statistics.encoding_bootstrap import encoding_bootstrap
from alignhouse.analysis.statistics.variance_partition import (
    CANDIDATES,
    PartName,
    SetFits,
    Splits,
    fit_both,
    fit_set,
    resampled_parts,
    voxel_parts,
)
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Reporter

# The names of Gram matrices that predict a region together.
Bands = tuple[str, ...]
# Region -> name of a part (`VoxelParts`) or of another column -> value.
Rows = dict[str, dict[str, Any]]


class PartitionSettings(EncodingSettings):
    """Settings of one partition. candidates : weight vectors of each search.

    weights_per : "voxel", or "region": voxels of a region of a subject share weights and penalty.
    """

    candidates: int
    weights_per: Literal["voxel", "region"]


def common_settings(scope: Scope, how: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that all partitions of a study share. how : with `weights_per`."""
    return {**dict(scope), **how, "candidates": CANDIDATES}


def splits_of(design: FitDesign) -> Splits:
    """The fits of a design, and what each predicts."""
    return Splits.of(design.train, design.scored, design.folds)


@dataclass(frozen=True)
class FeatureSet:
    """One of the two sets of a partition.

    bands : region -> the names of its Gram matrices. read : names -> these matrices (n, n).
    layers : region -> the layer; empty for controls.
    """

    bands: Mapping[str, Bands]
    read: Callable[[Bands], list[FloatArray]]
    layers: Mapping[str, str]

    def regions_of(self, regions: Sequence[str]) -> dict[Bands, list[str]]:
        """The regions that are predicted from the same matrices."""
        found: dict[Bands, list[str]] = {}
        for roi in regions:
            found.setdefault(self.bands[roi], []).append(roi)
        return found


def best_layers_of(model: str, rdms: Artifact, best: Artifact, stimuli: Sequence[str]) -> FeatureSet:
    """The layer of a network that was chosen in each region, from the rows of `encoding_best`.

    Matrices are read one at a time, when they are fitted. Raises BadInput if the conditions of the RDMs are
    not `stimuli`.
    """
    check_conditions(model, conditions(rdms), "the betas", stimuli)
    rows = best.rows(["roi", "layer"])
    layers = dict(zip(rows["roi"], rows["layer"], strict=True))
    named = {layer: f"{model}, layer {layer}" for layer in layers.values()}
    layer_of = {name: layer for layer, name in named.items()}
    return FeatureSet(
        bands={roi: (named[layer],) for roi, layer in layers.items()},
        read=lambda names: [gram_of(rdms, layer_of[name]) for name in names],
        layers=layers,
    )


def partitioned_regions(
    pairs: Sequence[tuple[FeatureSet, FeatureSet]],
    settings: PartitionSettings,
    design: FitDesign,
    betas: Betas,
    open_region: OpenRegion,
    reporter: Reporter,
    *,
    bounded: Sequence[PartName],
    memory: int,
) -> list[Rows]:
    """The numbers of each pair of sets, in their order.

    Consecutive pairs with the same second set fit it once. Fits of three models are held at a time.

    Parameters
    ----------
    settings : of any of the pairs, which differ in the sets only. bounded : the parts that get intervals.
    memory : bytes for buffers.

    Raises BadInput for a region that does not fit into memory.
    """
    found: list[Rows] = [{} for _ in pairs]
    splits = splits_of(design)
    fitter = _Fitter(settings, splits, memory)
    for voxels in regions_in_memory(settings, design, betas, open_region, memory):
        held: _HeldFits | None = None
        for done, (one, other) in enumerate(pairs, 1):
            if held is None or held.features is not other:
                reporter.doing(f"fitting {_in_words(other, voxels)}")
                held = _HeldFits(other, voxels, fitter)
            reporter.doing(f"fitting {_in_words(one, voxels)} and {_in_words(other, voxels)}")
            for own, fits in _fitted_pairs(one, held, voxels, fitter):
                found[done - 1] |= _rows(settings, design, splits, own, fits, bounded)
            reporter.step(done, len(pairs))
    return found


def _in_words(features: FeatureSet, voxels: RegionsVoxels) -> str:
    names = list(dict.fromkeys(name for roi in voxels.places for name in features.bands[roi]))
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


class _Fitter:
    """Fits with the settings of a partition."""

    def __init__(self, settings: PartitionSettings, splits: Splits, memory: int) -> None:
        self._splits, self._weights_per = splits, settings.weights_per
        self._how: dict[str, Any] = {
            "candidates": settings.candidates,
            "alphas": settings.alphas,
            "alpha_by": settings.alpha_by,
            "seed": settings.seed,
            "memory": memory // 4,
        }

    def set(self, features: FeatureSet, bands: Bands, voxels: RegionsVoxels) -> SetFits:
        groups = voxels.groups(self._weights_per)
        grams = features.read(bands)
        return fit_set(grams, self._splits, voxels.responses, names=bands, groups=groups, **self._how)

    def both(self, one: SetFits, other: SetFits, voxels: RegionsVoxels) -> SetFits:
        groups = voxels.groups(self._weights_per)
        return fit_both(one, other, self._splits, voxels.responses, groups=groups, **self._how)


class _HeldFits:
    """The fits of one set to the voxels of all regions."""

    def __init__(self, features: FeatureSet, voxels: RegionsVoxels, fitter: _Fitter) -> None:
        self.features = features
        self._fits = {
            bands: (voxels.of(regions), fitter.set(features, bands, voxels.only(regions)))
            for bands, regions in features.regions_of(list(voxels.places)).items()
        }

    def of(self, bands: Bands, columns: np.ndarray) -> SetFits:
        """The fits of some columns, in their order, all of regions that are predicted from `bands`."""
        own, fits = self._fits[bands]
        return fits.of_voxels(np.searchsorted(own, columns))


def _fitted_pairs(
    one: FeatureSet, held: _HeldFits, voxels: RegionsVoxels, fitter: _Fitter
) -> Iterator[tuple[RegionsVoxels, list[SetFits]]]:
    """The voxels of regions with the same matrices in both sets, and the fits of one, the other, and both."""
    for bands, of_one in one.regions_of(list(voxels.places)).items():
        for other_bands, regions in held.features.regions_of(of_one).items():
            own = voxels.only(regions)
            first = fitter.set(one, bands, own)
            second = held.of(other_bands, voxels.of(regions))
            yield own, [first, second, fitter.both(first, second, own)]


def _rows(
    settings: PartitionSettings,
    design: FitDesign,
    splits: Splits,
    voxels: RegionsVoxels,
    fits: Sequence[SetFits],
    bounded: Sequence[PartName],
) -> Rows:
    predictions = [each.predictions(splits) for each in fits]
    responses = voxels.responses[splits.scored]
    found = {}
    for roi, subjects in voxels.places.items():
        signal = [(each, own) for each, own in subjects if each.positive_ceiling is not None]
        is_normalised = bool(signal)
        medians, resampled, n_voxels = [], [], 0
        for subject, own in signal or subjects:
            ceiling = subject.ceiling if is_normalised else None
            its = [each[own] for each in predictions]
            medians.append(voxel_parts(its, responses[:, own], splits.folds).medians(ceiling))
            n_voxels += own.stop - own.start if ceiling is None else int(np.count_nonzero(ceiling))
            if design.resamples is not None:
                resampled.append(
                    resampled_parts(its, responses[:, own], design.resamples, ceiling=ceiling, parts=bounded)
                )
        observed = np.array([[each[part] for part in bounded] for each in medians])
        bootstrap = None
        if resampled:
            drawn = resample_counts(len(observed), settings.draws, settings.seed, SUBJECTS)
            bootstrap = encoding_bootstrap(observed, resampled, drawn, len(splits.scored))
        interval = interval_columns(bootstrap, observed, settings.level)
        for bound in ("lower", "upper"):
            values = interval.pop(bound)
            for index, part in enumerate(bounded):
                interval[f"{part}_{bound}"] = None if values is None else float(values[index])
        found[roi] = {
            **{part: float(np.mean([each[part] for each in medians])) for part in medians[0]},
            **interval,
            "draws": settings.draws if bootstrap is not None else 0,
            "n_subjects": len(medians),
            "n_voxels": n_voxels,
            "is_normalised": is_normalised,
        }
    return found


def partition_columns(
    settings: PartitionSettings, rows: Rows, other: str, bounded: Sequence[PartName]
) -> dict[str, list[Any]]:
    """The columns that all tables of partitions have, in the order of the regions of `settings`.

    Parameters
    ----------
    rows : an empty one has no numbers. other : what the table calls the second set. bounded : as above.
    """
    regions = [roi for roi in settings.regions if roi in rows]
    parts = {
        "r2_network": "one",
        f"r2_{other}": "other",
        "r2_both": "both",
        "unique_network": "unique_one",
        f"unique_{other}": "unique_other",
        "shared": "shared",
    }
    bounds = {
        f"{column}_{bound}": f"{part}_{bound}"
        for column, part in parts.items()
        if part in bounded
        for bound in ("lower", "upper")
    }
    plain = {name: name for name in ("resampled", "method", "is_normalised")}
    columns = {
        column: [rows[roi].get(name) for roi in regions]
        for column, name in {**parts, **bounds, **plain}.items()
    }
    counts = {
        name: [rows[roi].get(name, 0) for roi in regions] for name in ("n_subjects", "n_voxels", "draws")
    }
    same = {name: getattr(settings, name) for name in ("level", "candidates", "weights_per", "seed")}
    return {
        "roi": regions,
        **columns,
        **counts,
        **{name: [value] * len(regions) for name, value in same.items()},
    }
