"""Brain RDMs of several subjects: as a file gives them, and averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alignhouse.ingest.rdm import n_conditions
from alignhouse.warehouse.errors import BadInput


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
