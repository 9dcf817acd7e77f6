"""Do groups of networks differ in how well they align?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from alignhouse.analysis.statistics.many_tests import adjusted_p_values
from alignhouse.analysis.statistics.permutation import p_value, p_value_greater
from alignhouse.analysis.statistics.settings import BestLayerNull, PValueMethod
from alignhouse.warehouse.errors import BadInput

PairCorrection = Literal["bonferroni", "holm"]


@dataclass(frozen=True)
class GroupStatistic:
    """The median score of a group or, with `group_b`, the difference of two groups' medians (a - b).

    `p_adjusted` is corrected over all pairs of groups. It is None for a single group.
    """

    group_a: str
    group_b: str | None
    statistic: float
    p_value: float
    p_adjusted: float | None
    n_a: int
    n_b: int | None


def group_statistics(
    best: ArrayLike,
    best_null: ArrayLike,
    labels: Sequence[str],
    *,
    p_value_method: PValueMethod = "plus_one",
    best_layer_null: BestLayerNull = "max_over_layers",
    correction: PairCorrection = "holm",
) -> list[GroupStatistic]:
    """Median best-layer score of each group of networks, and the differences between every two medians.

    Parameters
    ----------
    best : (M,) best-layer score R of each network in one region.
    best_null : (M, K) null of each network, under the same permutations in the same order. Medians are
        computed for each permutation, so the test allows for similar networks.
    labels : (M) group of each network.
    p_value_method : as in `AnalysisSettings.p_value`.
    best_layer_null : which null `best_null` holds. A group's own median is tested one-sided against
        maxima over layers (they are not centred on 0), two-sided against the chosen layers' nulls;
        differences are tested two-sided.
    correction : over the pairs, "holm" (Holm 1979) or "bonferroni".

    Returns the groups in alphabetical order, then their pairs in that order. Raises BadInput for wrong
    shapes, an empty label, and NaN.
    """
    score, null = np.asarray(best, dtype=np.float64), np.asarray(best_null)
    if (
        score.ndim != 1
        or score.size == 0
        or null.ndim != 2
        or len(null) != score.size
        or len(labels) != score.size
    ):
        raise BadInput(
            "group comparison",
            expected="scores (M,), nulls (M, K) and M labels, M at least 1",
            found=f"{score.shape}, {null.shape} and {len(labels)}",
        )
    if null.shape[1] == 0:
        raise BadInput("group comparison", expected="at least one permutation", found="none")
    for network, label in enumerate(labels):
        if not label:
            raise BadInput(f"group of network {network}", expected="a name", found=repr(label))
    for name, values in (("score", score), ("null", null.max(axis=1))):
        if np.isnan(values).any():
            raise BadInput(
                f"{name} of network {int(np.argmax(np.isnan(values)))}", expected="a number", found="NaN"
            )

    own_test = p_value_greater if best_layer_null == "max_over_layers" else p_value
    rows_of = {group: np.flatnonzero([label == group for label in labels]) for group in sorted(set(labels))}
    medians = {group: float(np.median(score[index])) for group, index in rows_of.items()}
    null_medians = {group: np.median(null[index], axis=0) for group, index in rows_of.items()}
    rows = []
    for group, index in rows_of.items():
        p = float(own_test(medians[group], null_medians[group], p_value_method))
        rows.append(GroupStatistic(group, None, medians[group], p, None, len(index), None))
    pairs = []
    for a, b in combinations(rows_of, 2):
        difference = medians[a] - medians[b]
        p = float(p_value(difference, null_medians[a] - null_medians[b], p_value_method))
        pairs.append(GroupStatistic(a, b, difference, p, None, len(rows_of[a]), len(rows_of[b])))
    adjusted = adjusted_p_values([pair.p_value for pair in pairs], correction)
    return rows + [replace(pair, p_adjusted=float(p)) for pair, p in zip(pairs, adjusted, strict=True)]
