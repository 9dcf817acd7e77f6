"""Partial correlations and regressions given control RDMs, where subjects did not all see the same stimuli.

Each subject counts with the pairs of stimuli that it saw: the layer, the controls and the subject are ranked
among these, and residualised there. Subjects who saw the same stimuli are computed together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, checked_rdms, condition_count
from alignhouse.analysis.kernels.threads import Tick, product, untold
from alignhouse.analysis.statistics.partial import (
    PartialScores,
    ResidualBrains,
    Values,
    residual_brains,
    residualised,
    tested,
    unit_rows,
)
from alignhouse.analysis.statistics.partial_rsa import SeenPart, null_partly_seen
from alignhouse.analysis.statistics.permutation import checked_permutations
from alignhouse.analysis.statistics.regression import (
    FEWEST_STIMULI,
    VarianceParts,
    stimulus_folds,
    variance_parts,
)
from alignhouse.analysis.statistics.seen import Seen, SharedStimuli, sharing

Array = NDArray[np.generic]


@dataclass(frozen=True)
class PartlySeenResiduals:
    """Residual brains of subjects who saw different stimuli, made once for all networks.

    n_subjects : region -> S.
    groups : the subjects who saw the same stimuli, and their residuals among the pairs of these.
    """

    n_subjects: Mapping[str, int]
    groups: Sequence[tuple[SharedStimuli, ResidualBrains]]


def residuals_partly_seen(
    brain: Mapping[str, Array],
    controls: Array,
    names: Sequence[str] | None,
    seen: Seen,
    values: Values = "ranks",
) -> PartlySeenResiduals:
    """Residuals of the `values` of brain RDMs, region -> (S, P), given the controls (C, P) with `names` (C).

    seen : region -> (S, n), the stimuli that each subject saw. Raises BadInput as `partial.residual_brains`
    does, and for a subject who saw fewer than 4 stimuli.
    """
    groups = [
        (
            group,
            residual_brains(
                {roi: brain[roi][rows][:, group.pairs] for roi, rows in group.rows.items()},
                controls[:, group.pairs],
                names,
                values,
            ),
        )
        for group in sharing(seen)
    ]
    return PartlySeenResiduals({roi: len(each) for roi, each in brain.items()}, groups)


def partial_scores_partly_seen(
    layers: ArrayLike,
    brains: PartlySeenResiduals,
    permutations: ArrayLike,
    *,
    memory: int = DEFAULT_MEMORY,
    layer_names: Sequence[str],
    families: Sequence[slice] | None = None,
    tick: Tick = untold,
) -> dict[str, PartialScores]:
    """Partial Spearman correlations of layers (L, P); parameters and result as `partial.partial_scores`.

    The null permutes all stimuli of a layer, the same way for all subjects, and ranks and residualises again
    what each subject saw. A layer has no scores if nothing of it is left among the stimuli of some subject.
    """
    values = checked_rdms(layers, layer_names)
    orders = checked_permutations(permutations, condition_count(values.shape[1]))
    rho = {roi: np.empty((len(values), count)) for roi, count in brains.n_subjects.items()}
    place = {roi: index for index, roi in enumerate(rho)}
    left = np.ones(len(values), bool)
    parts = []
    for group, of_group in brains.groups:
        residuals, of_layers = residualised(
            unit_rows(values[:, group.pairs], names=layer_names), of_group.basis
        )
        left &= of_layers
        for roi, rows in group.rows.items():
            rho[roi][:, rows] = np.clip(product(residuals, of_group.residuals[roi].T), -1, 1)
        shares = np.array([len(rows) / brains.n_subjects[roi] for roi, rows in group.rows.items()])
        seen = np.concatenate([of_group.averages * shares[:, None], of_group.basis])
        columns = np.zeros((len(seen), len(group.pairs)), np.float32)
        columns[:, group.pairs] = seen
        parts.append(SeenPart(group.seen, [place[roi] for roi in group.rows], columns, len(of_group.basis)))
    null = null_partly_seen(values, layer_names, len(place), parts, orders, memory=memory, tick=tick)
    for of_roi in rho.values():
        of_roi[~left] = np.nan
    own = [slice(0, len(left))] if families is None else families
    return {roi: tested(rho[roi], null[:, index], left, own) for roi, index in place.items()}


def variance_partly_seen(
    layers: ArrayLike, brain: Mapping[str, Array], controls: Array, seen: Seen, seed: int
) -> tuple[int, dict[str, VarianceParts]] | None:
    """Cross-validated R squared as `regression.variance_parts`, each subject among the stimuli that it saw.

    The folds are those of `regression.stimulus_folds` of the seen stimuli. Returns the fewest folds of a
    subject, and region -> VarianceParts; None if a subject saw fewer than 8 stimuli.
    """
    rows = np.asarray(layers)
    found = {roi: np.empty((3, len(rows), len(each))) for roi, each in brain.items()}
    fewest = None
    for group in sharing(seen):
        n_seen = int(np.count_nonzero(group.seen))
        if n_seen < FEWEST_STIMULI:
            return None
        folds = stimulus_folds(n_seen, seed)
        count = int(folds.max()) + 1
        fewest = count if fewest is None else min(fewest, count)
        parts = variance_parts(
            rows[:, group.pairs],
            {roi: brain[roi][own][:, group.pairs] for roi, own in group.rows.items()},
            controls[:, group.pairs],
            folds,
        )
        for roi, own in group.rows.items():
            found[roi][:, :, own] = [parts[roi].controls, parts[roi].layer, parts[roi].both]
    assert fewest is not None
    return fewest, {roi: VarianceParts(*each) for roi, each in found.items()}
