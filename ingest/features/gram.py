"""RDMs from Gram matrices: exact, whatever the width of the features.

n stimuli, D features, X (n, D). A correlation or a principal component analysis over stimuli needs only the
n x n matrix X X'. It is summed over blocks of columns in float64, by numpy, or by torch if the blocks are on
a GPU. The formulas are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.warehouse.errors import BadInput

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


def centre_stimuli(gram: Matrix) -> Matrix:
    """Gram matrix after subtracting each feature's mean over stimuli: H G H with H = I - 11'/n."""
    return gram - gram.mean(axis=0) - gram.mean(axis=1)[:, None] + gram.mean()


def share_between_stimuli(gram: Matrix) -> float:
    """Share of the patterns' variance that is between stimuli; 0 if all stimuli have the same pattern.

    It is the trace of the stimulus-centred Gram matrix divided by the trace of the Gram matrix.
    """
    return float(np.trace(centre_stimuli(gram)) / np.trace(gram))


def correlation_rdm_of_gram(gram: Matrix) -> Matrix:
    """1 - Pearson between rows, from the Gram matrix of the centred rows.

    Returns
    -------
    (n (n - 1) / 2,) float64, the upper triangle row by row.

    Raises
    ------
    BadInput : a row has no variance.
    """
    return angle_rdm(gram, "correlation between stimuli", "features that vary within every stimulus")


def angle_rdm(gram: Matrix, what: str, expected: str) -> Matrix:
    """1 - cosine of the angle between rows, from their inner products; condensed.

    Parameters
    ----------
    what, expected : texts of the error.

    Raises
    ------
    BadInput : a row has length zero.
    """
    squares = np.diag(gram)
    if (squares <= 0).any():
        found = f"none for stimulus {int(np.argmin(squares)) + 1} of {len(squares)}"
        raise BadInput(what, expected=expected, found=found)
    lengths = np.sqrt(squares)
    cosine = np.clip(gram / lengths / lengths[:, None], -1.0, 1.0)
    upper: Matrix = 1.0 - cosine[np.triu_indices(len(gram), 1)]
    return upper


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
    with_means = gram + width * np.outer(means, means)
    values, vectors = np.linalg.eigh(centre_stimuli(with_means))
    values, vectors = values[::-1][:n_components], vectors[:, ::-1][:, :n_components]
    largest = np.zeros(n_components)
    for block in blocks:
        rows = _in_float64(block)
        loadings = _like(vectors.T, block) @ (rows - rows.mean(axis=0))
        peak = as_numpy(loadings[range(n_components), abs(loadings).argmax(axis=1)])
        largest = np.where(np.abs(peak) > np.abs(largest), peak, largest)
    signs = np.where(largest < 0, -1.0, 1.0)
    scores: Matrix = vectors * (np.sqrt(np.clip(values, 0.0, None)) * signs)
    return scores


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
