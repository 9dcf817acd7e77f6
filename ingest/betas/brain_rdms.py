"""Brain RDMs of several subjects: as a file gives them, and averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alignhouse.ingest.rdm import n_conditions
from alignhouse.warehouse.artifacts import Artifact, hive
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Output
from alignhouse.warehouse.vectors import vector_table

AVERAGE = "average"
CORRELATION = "correlation"
# Distance -> its words.
DISTANCES = {
    CORRELATION: "1 - Pearson",
    "cosine": "1 - cosine",
    "euclidean": "Euclidean",
    "squared_euclidean": "squared Euclidean",
    "crossnobis": "crossnobis",
}


@dataclass(frozen=True)
class RdmFile:
    """Ready brain RDMs of one region, as read from a file.

    rdms : (S, P) float64, S subjects. conditions : (n,) names; subjects : (S,) names; None if the file names
    none.
    """

    rdms: np.ndarray
    conditions: tuple[str, ...] | None
    subjects: tuple[str, ...] | None


def average_subjects(rdms: np.ndarray) -> np.ndarray:
    """The mean over S subjects of their condensed RDMs: (S, P) to (P,) float64.

    Raises
    ------
    BadInput : an RDM is not finite.
    """
    if rdms.ndim != 2 or len(rdms) == 0:
        raise BadInput("RDMs to average", expected="(subjects, pairs)", found=f"shape {rdms.shape}")
    n_conditions(rdms.shape[1])
    bad = np.flatnonzero(~np.isfinite(rdms).all(axis=1))
    if len(bad):
        raise BadInput(
            f"RDM of subject {bad[0] + 1} of {len(rdms)}", expected="finite numbers", found="NaN or infinity"
        )
    return rdms.mean(axis=0, dtype=np.float64)


def rdm_output(
    dataset: str,
    split: str,
    roi: str,
    subjects: list[str],
    rdms: np.ndarray,
    conditions: Sequence[str],
    *,
    average: bool,
    distance: str = CORRELATION,
    absent: Mapping[str, str],
    unseen: Mapping[str, Sequence[str]] | None = None,
    also: Mapping[str, object] | None = None,
) -> Output:
    """The file of a region's RDMs (S, P), or of their average.

    Parameters
    ----------
    distance : between patterns, a key of `DISTANCES`; each has a folder of its own.
    absent : subject -> why it has no such region. also : further facts that the file keeps.
    unseen : subject -> the conditions that it did not see, whose pairs are NaN; subjects who saw all are not
        in it.
    """
    if average:
        subjects, rdms = [AVERAGE], average_subjects(rdms)[np.newaxis]
    names = {"roi": [roi] * len(subjects), "subject": subjects}
    table = vector_table(names, "rdm", rdms, gaps=bool(unseen))
    of_distance = () if distance == CORRELATION else (hive("distance", distance),)
    scope = (hive("dataset", dataset), hive("split", split), hive("roi", roi))
    folder = ("rdms", "kind=brain", *of_distance, *scope)
    about = {
        "conditions": list(conditions),
        "distance": DISTANCES[distance],
        "absent": dict(absent),
        **(also or {}),
    }
    if unseen:
        about["unseen"] = {subject: list(names) for subject, names in unseen.items()}
    return Output(folder, table, about=about)


def absent_subjects(rdms: Artifact) -> Mapping[str, str]:
    """Subject -> why it is not among the stored RDMs of a region."""
    absent: dict[str, str] = rdms.about["absent"]
    return absent
