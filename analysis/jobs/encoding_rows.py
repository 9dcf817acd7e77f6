"""The rows of voxel encodings: scores of layers, tests of best layers, and single voxels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alignhouse.analysis.jobs.scope import Scope
from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.statistics.bootstrap import BootstrapScores
from alignhouse.analysis.statistics.encoding import RegionVoxels
from alignhouse.analysis.statistics.intervals import intervals_of, mean_interval
from alignhouse.warehouse.artifacts import hive
from alignhouse.warehouse.jobs import Output

FOLDER = "encodings"
# The intervals that are stored, best first: over stimuli and subjects, or over stimuli with one subject.
_INTERVALS = (("both", "dual"), ("stimuli", "expanded_percentile"))


@dataclass(frozen=True)
class SubjectResult:
    """The encoding of one region in one subject from L layers.

    r : (L,) median over voxels of Pearson's r. normalised : of r / ceiling; None if no ceiling
    is known.
    training : (L,) cross-validated R squared on the training stimuli.
    n_left_out : voxels that are constant, or whose ceiling is 0.
    """

    name: str
    r: FloatArray
    normalised: FloatArray | None
    training: FloatArray
    n_voxels: int
    n_left_out: int


@dataclass(frozen=True)
class VoxelResult:
    """r of the best layer in each voxel, and its ceiling: (V,) each; NaN where none is known.

    index : (V,) of the voxels among those of the region that vary.
    """

    index: NDArray[np.intp]
    r: FloatArray
    ceiling: FloatArray

    @classmethod
    def of(cls, voxels: RegionVoxels, ceiling: FloatArray | None) -> VoxelResult:
        known = voxels.ceiling if ceiling is not None else np.full(len(voxels.ceiling), np.nan)
        return cls(np.flatnonzero(voxels.used), voxels.scores()[0], known)


@dataclass(frozen=True)
class RegionResult:
    """The encoding of one region by one network.

    best : (F,) the best layer in each fit, chosen on its training stimuli. scores : (S,), its score in each
    subject with signal, normalised or not. by_chance : mean of the score over permutations; None,
    as p_value, if nothing was permuted.
    """

    roi: str
    subjects: Sequence[SubjectResult]
    best: NDArray[np.intp]
    scores: FloatArray
    is_normalised: bool
    by_chance: float | None
    p_value: float | None
    permutations: int
    bootstrap: BootstrapScores | None
    voxels: Mapping[str, VoxelResult]


def score_output(
    scope: Scope, model: str, remark: str, layers: Sequence[str], results: Sequence[RegionResult]
) -> Output:
    """The rows of `encoding_score`."""
    each = [(result, subject) for result in results for subject in result.subjects]
    n = len(layers)
    unknown = np.full(n, np.nan)
    columns: dict[str, Any] = {
        "model": [model] * (n * len(each)),
        "layer": list(layers) * len(each),
        "roi": [result.roi for result, _ in each for _ in layers],
        "subject": [subject.name for _, subject in each for _ in layers],
        "r": np.concatenate([subject.r for _, subject in each]),
        "r_normalised": _nulls(
            np.concatenate(
                [unknown if subject.normalised is None else subject.normalised for _, subject in each]
            )
        ),
        "training_r2": np.concatenate([subject.training for _, subject in each]),
        "n_voxels": [subject.n_voxels for _, subject in each for _ in layers],
        "n_left_out": [subject.n_left_out for _, subject in each for _ in layers],
    }
    return scope.facts("encoding_score", columns, remark, ("model", "roi"))


def best_output(
    scope: Scope,
    model: str,
    remark: str,
    layers: Sequence[str],
    results: Sequence[RegionResult],
    *,
    chosen_on: str,
    level: float,
    draws: int,
    seed: int,
) -> Output:
    """The rows of `encoding_best`."""
    rows = []
    for result in results:
        counts = np.bincount(result.best, minlength=len(layers))
        rows.append(
            {
                "model": model,
                "roi": result.roi,
                "layer": layers[int(counts.argmax())],
                "votes": float(counts.max() / counts.sum()),
                "chosen_on": chosen_on,
                "r": float(result.scores.mean()),
                "is_normalised": result.is_normalised,
                "n_subjects": len(result.scores),
                "r_by_chance": result.by_chance,
                "p_value": result.p_value,
                "permutations": result.permutations,
                **_interval(result, level),
                "level": level,
                "draws": draws if result.bootstrap is not None else 0,
                "seed": seed,
            }
        )
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return scope.facts("encoding_best", columns, remark, ("model", "roi"))


def voxel_output(scope: Scope, model: str, results: Sequence[RegionResult]) -> Output:
    """The file of single voxels: region, subject, index, r of the best layer, ceiling."""
    each = [(result.roi, name, voxels) for result in results for name, voxels in result.voxels.items()]
    table = pa.table(
        {
            "roi": pa.array([roi for roi, _, voxels in each for _ in voxels.index], pa.string()),
            "subject": pa.array([name for _, name, voxels in each for _ in voxels.index], pa.string()),
            "voxel": pa.array(np.concatenate([voxels.index for _, _, voxels in each]), pa.int32()),
            "r": pa.array(np.concatenate([voxels.r for _, _, voxels in each]), pa.float32()),
            "ceiling": pa.array(_nulls(np.concatenate([v.ceiling for _, _, v in each])), pa.float32()),
        }
    )
    place = {"protocol": scope.protocol, "dataset": scope.dataset, "model": model}
    return Output((FOLDER, *(hive(*each) for each in place.items())), table)


def interval_columns(bootstrap: BootstrapScores | None, scores: FloatArray, level: float) -> dict[str, Any]:
    """The interval of the mean over subjects of L scores (S, L): lower and upper (L,), resampled, method.

    All None for folds and a single subject: fits of folds cannot be resampled over stimuli: a stimulus
    would be fitted and scored.
    """
    if bootstrap is not None:
        found = intervals_of(bootstrap, level)
        kind, method = next(each for each in _INTERVALS if each in found)
        bounds = found[kind, method]
    elif len(scores) > 1:
        kind, method, bounds = "subjects", "student", mean_interval(scores.T, level)
    else:
        return dict.fromkeys(("lower", "upper", "resampled", "method"))
    return {"lower": bounds.lower, "upper": bounds.upper, "resampled": kind, "method": method}


def _interval(result: RegionResult, level: float) -> dict[str, Any]:
    found = interval_columns(result.bootstrap, result.scores[:, None], level)
    return {
        name: float(value[0]) if isinstance(value, np.ndarray) else value for name, value in found.items()
    }


def _nulls(values: FloatArray) -> list[float | None]:
    return [None if np.isnan(each) else float(each) for each in values]
