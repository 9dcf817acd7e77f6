"""Gram matrices of features, and principal components from them: exact, whatever the width of the features.

n stimuli, D features, X (n, D). A correlation or a principal component analysis over stimuli needs only the
n x n matrix X X'. It is summed over blocks of columns in float64, by numpy, or by torch if the blocks are on
a GPU. The formulas are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.inner_products import centre_stimuli

Matrix = NDArray[np.float64]
# A numpy array or torch tensor (n, columns) of any floating type; converted to float64 for computations.
Block = Any


def row_centred_gram(blocks: Iterable[Block], means: Matrix) -> Matrix:
    """Gram matrix of the rows after subtracting each row's mean.

    Parameters
    ----------
    blocks : (n, columns) each, together all D columns.
    means : (n,) row means over all D columns, subtracted from each block before the product.

    Returns
    -------
    (n, n) float64.
    """
    gram = np.zeros((len(means), len(means)))
    buffer: Matrix = np.empty((0, 0))
    for block in blocks:
        if isinstance(block, np.ndarray):
            if buffer.shape != block.shape:
                buffer = np.empty(block.shape)
            centred: Block = np.subtract(block, means[:, None], out=buffer)
        else:
            centred = _in_float64(block) - _like(means[:, None], block)
        # For one array as both operands numpy calls BLAS' syrk: exactly symmetric, and half the cost.
        gram += as_numpy(centred @ centred.T)
    return gram


def share_between_stimuli(gram: Matrix) -> float:
    """Share of the patterns' variance that is between stimuli; 0 if all stimuli have the same pattern.

    It is the trace of the stimulus-centred Gram matrix divided by the trace of the Gram matrix.
    """
    return float(np.trace(centre_stimuli(gram)) / np.trace(gram))


def component_scores(
    gram: Matrix, means: Matrix, width: int, blocks: Iterable[Block], n_components: int
) -> Matrix:
    """Scores of the stimuli on their principal components, with scikit-learn's signs.

    Parameters
    ----------
    gram : (n, n) Gram matrix of the centred rows.
    means : (n,) means of the rows.
    width : D.
    blocks : (n, columns) each: all rows again, to find the signs.
    n_components : at most n.

    Returns
    -------
    (n, n_components) float64: eigenvectors of the doubly centred Gram matrix of the original rows, times the
    square roots of their eigenvalues. The sign of a component makes its loading of largest magnitude positive
    (`sklearn.utils.extmath.svd_flip` with u_based_decision=False).
    """
    values, vectors = principal_components(gram, means, width, n_components)
    return scores_of(values, vectors, loading_signs(vectors, blocks))


def principal_components(gram: Matrix, means: Matrix, width: int, n_components: int) -> tuple[Matrix, Matrix]:
    """Eigenvalues (n_components,), largest first, and eigenvectors (n, n_components), of any sign.

    Parameters are those of `component_scores`.
    """
    with_means = gram + width * np.outer(means, means)
    values, vectors = np.linalg.eigh(centre_stimuli(with_means))
    return values[::-1][:n_components], vectors[:, ::-1][:, :n_components]


def loading_signs(vectors: Matrix, blocks: Iterable[Block]) -> Matrix:
    """1 or -1 for each component, (n_components,): makes its loading of largest magnitude positive."""
    n_components = vectors.shape[1]
    largest = np.zeros(n_components)
    for block in blocks:
        rows = _in_float64(block)
        loadings = _like(vectors.T, block) @ (rows - rows.mean(axis=0))
        peak = as_numpy(loadings[range(n_components), abs(loadings).argmax(axis=1)])
        largest = np.where(np.abs(peak) > np.abs(largest), peak, largest)
    return np.where(largest < 0, -1.0, 1.0)


def scores_of(values: Matrix, vectors: Matrix, signs: Matrix) -> Matrix:
    """Scores of the stimuli on their principal components, (n, n_components)."""
    scores: Matrix = vectors * (np.sqrt(np.clip(values, 0.0, None)) * signs)
    return scores


def anchors_of(vectors: Matrix, signs: Matrix) -> Matrix:
    """What fixes the signs of principal components without the features, (n_components,) float64.

    Component k has the anchor i + 1 or -(i + 1): stimulus i has its score of largest magnitude, which is
    positive or negative. Eigenvectors of another library may have other signs; the anchors hold for them too.
    """
    peak = np.abs(vectors).argmax(axis=0)
    score = vectors[peak, range(vectors.shape[1])] * signs
    return np.where(score < 0, -1.0, 1.0) * (peak + 1)


def signs_of_anchors(vectors: Matrix, anchors: Matrix) -> Matrix:
    """1 or -1 for each component, so that scores have the signs that `anchors_of` kept."""
    peak = np.abs(anchors).astype(np.intp) - 1
    return np.where(vectors[peak, range(vectors.shape[1])] * anchors < 0, -1.0, 1.0)


def as_numpy(block: Block) -> Matrix:
    """A block as a numpy array of float64, copied from its device if needed."""
    array: Matrix = _in_float64(block if isinstance(block, np.ndarray) else block.cpu().numpy())
    return array


def _in_float64(block: Block) -> Block:
    return block.astype(np.float64, copy=False) if isinstance(block, np.ndarray) else block.double()


def _like(array: Matrix, block: Block) -> Block:
    """`array` as the type of `block`: unchanged, or a torch tensor on the block's device."""
    if isinstance(block, np.ndarray):
        return array
    import torch

    return torch.from_numpy(np.ascontiguousarray(array)).to(block.device)
