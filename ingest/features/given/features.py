"""Features of a layer in files of other programs, compared between stimuli."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod

import numpy as np

from alignhouse.ingest.arrays.contents import read_whole
from alignhouse.ingest.arrays.hdf5_matrix import Hdf5Array
from alignhouse.ingest.arrays.matrices import FlatArray, InMemory, Matrix, StoredValues, take
from alignhouse.ingest.features.kept_grams import LayerGram
from alignhouse.ingest.rdm import RowNames, compared, compared_in_parts, reordered
from alignhouse.warehouse.errors import BadInput

_BYTES_A_VALUE = 2 * 12  # two blocks in float64, each beside the values that it was converted from


@dataclass(frozen=True)
class Features:
    """Features of one layer: `take` reads the rows with ascending indices, (k, n_features)."""

    shape: tuple[int, int]
    take: Callable[[np.ndarray], np.ndarray]


def features_of(array: StoredValues, label: str, memory: int) -> Features:
    """The features of an array (n, ...), flattened to (n, n_features).

    Raises BadInput for an array without axes, or one that must be read whole and does not fit into memory.
    """
    if not array.shape or not all(array.shape):
        raise BadInput(label, expected="features (stimuli, ...)", found=f"shape {array.shape}")
    matrix = _matrix(array, label, memory)
    return Features(matrix.shape, partial(take, matrix))


def stacked(parts: Sequence[Features], label: str) -> Features:
    """Features whose rows are in several files, in turn. Raises BadInput if their widths differ."""
    widths = {part.shape[1] for part in parts}
    if len(widths) > 1:
        raise BadInput(
            label,
            expected="as many features in each file",
            found=" and ".join(f"{width:,}" for width in sorted(widths)),
        )
    ends = np.cumsum([part.shape[0] for part in parts])

    def take_from_parts(rows: np.ndarray) -> np.ndarray:
        of_part = np.searchsorted(ends, rows, side="right")
        taken = [
            part.take(rows[of_part == index] - (ends[index] - part.shape[0]))
            for index, part in enumerate(parts)
            if (of_part == index).any()
        ]
        return np.concatenate(taken)

    return Features((int(ends[-1]), widths.pop()), take_from_parts)


def compared_features(
    features: Features, places: np.ndarray, names: Sequence[str], what: str, memory: int
) -> tuple[np.ndarray, LayerGram]:
    """1 - Pearson's r over features between stimuli, (P,) float64, and the Gram matrix of the features.

    Blocks of stimuli fit into memory.

    Parameters
    ----------
    places : the row of each stimulus. names : of the stimuli. what : the layer, for errors.

    Raises
    ------
    BadInput : features are constant, NaN or infinite; the error names the stimulus.
    """
    rows = np.sort(places)
    in_file = np.argsort(places)
    called = RowNames(f"features of {what}, stimulus", [names[index] for index in in_file])
    if features.shape[1] < 2:
        raise BadInput(f"features of {what}", expected="at least 2 of each stimulus", found=features.shape[1])
    at_once = max(1, memory // (_BYTES_A_VALUE * features.shape[1]))
    if at_once >= len(rows):
        found = compared(features.take(rows), called=called)
    else:
        found = compared_in_parts(
            lambda start, stop: features.take(rows[start:stop]), len(rows), at_once, called=called
        )
    order = np.argsort(in_file)
    gram = LayerGram.of(found.gram[np.ix_(order, order)], found.means[order], found.width)
    return reordered(found.correlation, len(rows), order), gram


def _matrix(array: StoredValues, label: str, memory: int) -> Matrix:
    n_rows, width = array.shape[0], prod(array.shape[1:])
    if isinstance(array, FlatArray) and not array.in_columns:
        return replace(array, shape=(n_rows, width)).matrix(transposed=False)
    if isinstance(array, Hdf5Array) or len(array.shape) == 2:
        return array.matrix(transposed=False)
    whole = InMemory(read_whole(array, label, memory).reshape(n_rows, width))
    return whole.matrix(transposed=False)
