"""Subjects who saw different stimuli: which of a region's subjects can be computed together.

A subject who did not see all stimuli has dissimilarities between the seen ones only. Its scores are computed
on these alone: network and subject are ranked among the pairs of stimuli that the subject saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.similarity import FEWEST_CONDITIONS, condition_count
from alignhouse.warehouse.errors import BadInput

# The fewest stimuli that a subject must have seen if subjects saw different ones: halves and resamples of all
# stimuli must leave enough of them.
FEWEST_SEEN = 16
IntArray = NDArray[np.intp]
Seen = Mapping[str, NDArray[np.bool_]]
"""Region -> (S, n), whether each subject saw each stimulus."""


@dataclass(frozen=True)
class SharedStimuli:
    """Subjects, of any region, who saw the same stimuli.

    seen : (n,) bool. pairs : (P,) bool, the pairs of these stimuli.
    rows : region -> indices of its subjects, for the regions that have some.
    """

    seen: NDArray[np.bool_]
    pairs: NDArray[np.bool_]
    rows: Mapping[str, IntArray]


def all_seen(seen: Seen | None) -> bool:
    """Whether every subject saw every stimulus."""
    return seen is None or all(each.all() for each in seen.values())


def pairs_of(seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pairs of seen stimuli: (..., n) -> (..., P)."""
    row, column = np.triu_indices(seen.shape[-1], 1)
    return seen[..., row] & seen[..., column]


def sets_of(seen: Seen | None) -> NDArray[np.bool_] | None:
    """The different sets of stimuli that subjects saw: (G, n); None if all of them saw all."""
    if seen is None or all_seen(seen):
        return None
    return np.unique(np.concatenate(list(seen.values())), axis=0)


def check_seen(sets: NDArray[np.bool_]) -> None:
    """Raise BadInput if one of these sets (G, n) has fewer than `FEWEST_SEEN` stimuli."""
    fewest = int(np.count_nonzero(sets, axis=1).min())
    if fewest < FEWEST_SEEN:
        raise BadInput(
            "stimuli of a subject, where subjects saw different ones",
            expected=f"at least {FEWEST_SEEN}",
            found=fewest,
        )


def everything_seen(rdms: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.bool_]]:
    """`Seen` of regions (S, P) whose subjects saw all stimuli."""
    return {
        roi: np.ones((len(each), condition_count(each.shape[1])), dtype=bool) for roi, each in rdms.items()
    }


def zeros_for_unseen(rdms: ArrayLike, seen: Seen | None, roi: str) -> NDArray[Any]:
    """The RDMs (S, P) of a region, with 0 for pairs that their subject did not see, which have no weight.

    Raises BadInput if `seen` does not have a row for each subject and a column for each stimulus.
    """
    values = np.asarray(rdms)
    if seen is None:
        return values
    expected = (len(values), condition_count(values.shape[1]))
    if seen[roi].shape != expected:
        raise BadInput(f"stimuli seen, region {roi}", expected=f"shape {expected}", found=seen[roi].shape)
    return values if seen[roi].all() else np.where(pairs_of(seen[roi]), values, 0)


def sharing(seen: Seen) -> list[SharedStimuli]:
    """The subjects of all regions by what they saw, in the order in which each set of stimuli first occurs.

    Raises BadInput, with region and row, for a subject who saw fewer than 4 of the stimuli.
    """
    rows: dict[bytes, dict[str, list[int]]] = {}
    stimuli: dict[bytes, NDArray[np.bool_]] = {}
    for roi, of_roi in seen.items():
        for row, each in enumerate(of_roi):
            if np.count_nonzero(each) < FEWEST_CONDITIONS:
                raise BadInput(
                    f"stimuli that row {row} of region {roi} saw",
                    expected=f"at least {FEWEST_CONDITIONS}",
                    found=int(np.count_nonzero(each)),
                )
            key = each.tobytes()
            stimuli.setdefault(key, each)
            rows.setdefault(key, {}).setdefault(roi, []).append(row)
    return [
        SharedStimuli(each, pairs_of(each), {roi: np.array(of_roi) for roi, of_roi in rows[key].items()})
        for key, each in stimuli.items()
    ]


def on_shared_stimuli(rdms: NDArray[Any], seen: NDArray[np.bool_]) -> NDArray[Any] | None:
    """The RDMs (S, P) of one region among the stimuli that all of its subjects saw; `seen` is (S, n).

    None if there are fewer than 4 of them.
    """
    shared = np.asarray(seen.all(axis=0))
    if np.count_nonzero(shared) < FEWEST_CONDITIONS:
        return None
    return rdms if shared.all() else np.compress(pairs_of(shared), rdms, axis=1)
