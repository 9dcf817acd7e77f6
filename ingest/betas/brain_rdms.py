"""Brain RDMs from betas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alignhouse.ingest.rdm import correlation_rdm, n_conditions
from alignhouse.warehouse.errors import BadInput


def brain_rdm(betas_of_parts: Sequence[np.ndarray]) -> np.ndarray:
    """RDM of one subject in one region, (P,) float64: 1 - Pearson between stimuli over voxels.

    Betas are averaged over repetitions in float64, and the parts of the region concatenated over voxels.

    Parameters
    ----------
    betas_of_parts : for each part (n_stimuli, n_repetitions, n_voxels), all of the same stimuli.

    Raises BadInput where stimuli differ in number, and what `correlation_rdm` raises.
    """
    shapes = [betas.shape for betas in betas_of_parts]
    if not shapes or any(len(shape) != 3 for shape in shapes) or len({shape[0] for shape in shapes}) > 1:
        raise BadInput(
            "betas of the parts of a region",
            expected="(stimuli, repetitions, voxels), of the same stimuli",
            found=f"shapes {shapes}",
        )
    patterns = np.concatenate([betas.mean(axis=1, dtype=np.float64) for betas in betas_of_parts], axis=1)
    return correlation_rdm(patterns)


def average_subjects(rdms: np.ndarray) -> np.ndarray:
    """The mean over S subjects of their condensed RDMs: (S, P) to (P,) float64.

    Raises BadInput where one is not finite.
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
