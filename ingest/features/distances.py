"""Distances between the patterns of stimuli that are in memory or read in blocks.

n stimuli, D features, X (n, D). RDMs are condensed: (n (n - 1) / 2,) float64, the upper triangle row by row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.features.gram import Block, as_numpy
from alignhouse.ingest.inner_products import OfInnerProducts, rdm_of_gram

Matrix = NDArray[np.float64]
Distance = OfInnerProducts | Literal["manhattan"]


def manhattan_rdm(blocks: Iterable[Block]) -> Matrix:
    """Sum of absolute differences between rows.

    Parameters
    ----------
    blocks : (n, columns) each, together all columns of X.
    """
    from scipy.spatial.distance import pdist

    total: Matrix | None = None
    for block in blocks:
        part = pdist(as_numpy(block), "cityblock")
        total = part if total is None else total + part
    assert total is not None
    return total


def rdm_of_rows(rows: Matrix, distance: Distance) -> Matrix:
    """RDM of the rows of a matrix in memory, (n, columns) float64.

    Raises
    ------
    BadInput : as in `inner_products.rdm_of_gram`.
    """
    if distance == "manhattan":
        return manhattan_rdm([rows])
    means = rows.mean(axis=1)
    centred = rows - means[:, None]
    return rdm_of_gram(centred @ centred.T, means, rows.shape[1], distance)
