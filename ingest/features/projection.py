"""Sparse random projection of features (Li, Hastie and Church 2006), one block of columns at a time.

Most entries of the projection are zero; the others are plus or minus one value. Squared distances between
patterns are preserved on average. The entries depend only on the seed and on a feature's index, not on the
size of the blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.features.gram import Block, as_numpy

Matrix = NDArray[np.float64]
# Number of features whose entries are drawn together.
_CHUNK = 16_384


def project(blocks: Iterable[Block], n_stimuli: int, width: int, n_components: int, seed: int) -> Matrix:
    """X R, (n, n_components) float64.

    R is (D, n_components). A share s = 1 / sqrt(D) of its entries are sqrt(1 / (s n_components)) with a
    random sign; the others are zero.

    Parameters
    ----------
    blocks : (n, columns) each, all D columns from left to right.
    n_stimuli : n.
    width : D.
    seed : the same seed and D give the same R.
    """
    projected = np.zeros((n_stimuli, n_components))
    drawn: tuple[int, NDArray[np.intp], NDArray[np.intp], Matrix] | None = None
    start = 0
    for each in blocks:
        block, done = as_numpy(each), 0
        while done < block.shape[1]:
            chunk, inside = divmod(start + done, _CHUNK)
            count = min(_CHUNK - inside, block.shape[1] - done)
            if drawn is None or drawn[0] != chunk:
                drawn = (chunk, *_entries(chunk, width, n_components, seed))
            _, features, components, values = drawn
            here = (features >= inside) & (features < inside + count)
            _add_products(
                projected,
                block[:, done : done + count],
                features[here] - inside,
                components[here],
                values[here],
            )
            done += count
        start += block.shape[1]
    return projected


def _entries(
    chunk: int, width: int, n_components: int, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Matrix]:
    """The nonzero entries of R in one chunk of features: index in the chunk, component, value."""
    rng = np.random.default_rng([seed, chunk])
    features = min(_CHUNK, width - chunk * _CHUNK)
    share = 1 / math.sqrt(width)
    counts = rng.binomial(n_components, share, size=features)
    which = np.repeat(np.arange(features), counts)
    # For each feature, draw its components without replacement.
    components = np.concatenate(
        [rng.choice(n_components, count, replace=False, shuffle=False) for count in counts if count]
        or [np.empty(0, np.intp)]
    )
    signs = rng.integers(0, 2, size=len(which)) * 2.0 - 1.0
    value = math.sqrt(1 / (share * n_components))
    return which.astype(np.intp), components.astype(np.intp), (signs * value).astype(np.float64)


def _add_products(
    projected: Matrix,
    block: Matrix,
    features: NDArray[np.intp],
    components: NDArray[np.intp],
    values: Matrix,
) -> None:
    from scipy.sparse import csr_array

    shape = (block.shape[1], projected.shape[1])
    projected += block @ csr_array((values, (features, components)), shape=shape)
