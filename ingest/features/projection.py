"""Sparse random projection of features (Li, Hastie and Church 2006), seeded, block of columns by block.

Most entries of the projection are zero, the others plus or minus one value, so that squared distances between
patterns are kept on average. What is drawn depends on the seed and on a feature's place alone, not on how
much memory there is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.features.gram import Block, as_numpy

Matrix = NDArray[np.float64]
# Features whose projection is drawn together.
_CHUNK = 16_384


def project(blocks: Iterable[Block], n_stimuli: int, width: int, n_components: int, seed: int) -> Matrix:
    """X R, (n, n_components) float64.

    R is (D, n_components): a share s = 1 / sqrt(D) of its entries are plus or minus sqrt(1 / (s
    n_components)), with equal chance, and the others zero.

    Parameters
    ----------
    blocks : (n, columns) float64 each, all D columns from left to right. n_stimuli : n. width : D.
    seed : equal seeds give equal projections of features of equal number.
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
    """The entries of R that are not zero in one chunk of features: feature in it, component, value."""
    rng = np.random.default_rng([seed, chunk])
    features = min(_CHUNK, width - chunk * _CHUNK)
    share = 1 / math.sqrt(width)
    counts = rng.binomial(n_components, share, size=features)
    which = np.repeat(np.arange(features), counts)
    # Components of a feature without repetition: the first of a random order of all, for each.
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
