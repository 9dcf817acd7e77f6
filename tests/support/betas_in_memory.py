"""Reads whole betas of BOLD Moments, for tests that compare them with a file."""

from __future__ import annotations

import numpy as np

from alignhouse.ingest.betas.reading import BetaFile, open_betas
from alignhouse.ingest.datasets.bmd.reading import open_pickled_betas


def read_betas(file: BetaFile, *, skip_bad: bool = False) -> dict[str, np.ndarray]:
    """Split -> betas (n_stimuli, n_repetitions, V), float32."""
    with open_betas(open_pickled_betas, file, skip_bad=skip_bad) as betas:
        return {
            split: np.concatenate([block.copy() for block in betas.blocks(split)])
            for split in betas.raw.splits
        }
