"""Distances between stimuli by their annotations: sets of labels, scores, sentences, embeddings."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.arrays.numpy_files import read_arrays
from alignhouse.ingest.arrays.tables import read_texts
from alignhouse.ingest.rdm import RowNames, refuse_rows
from alignhouse.warehouse.errors import BadInput, near_names, some_names

Array = NDArray[Any]

_WORD = re.compile(r"\w+")
_NAMED_AT_MOST = 5


def of_stimuli(found: Mapping[str, Any], stimuli: Sequence[str], what: str) -> list[Any]:
    """The values of `stimuli`, in their order; BadInput names those without one."""
    missing = [name for name in stimuli if name not in found]
    if missing:
        raise BadInput(
            f"control {what}",
            expected="a value for every stimulus",
            found=f"none for {some_names(missing, _NAMED_AT_MOST)}",
            hint=near_names(missing[0], found) if found else "store annotations: stimuli.annotations",
        )
    return [found[name] for name in stimuli]


def jaccard_rdm(sets: Sequence[frozenset[str]]) -> Array:
    """1 - (labels in both) / (labels in either) of every pair of n sets that are not empty: (P,) float64."""
    labels = {label: index for index, label in enumerate(sorted(frozenset().union(*sets)))}
    has = np.zeros((len(sets), len(labels)))
    for row, each in enumerate(sets):
        has[row, [labels[label] for label in each]] = 1
    both = has @ has.T
    sizes = has.sum(axis=1)
    either = sizes[:, None] + sizes[None, :] - both
    found: Array = (1 - both / either)[np.triu_indices(len(sets), 1)]
    return found


def difference_rdm(values: Sequence[float]) -> Array:
    """The absolute difference of every pair of n values: (P,) float64."""
    first, second = np.triu_indices(len(values), 1)
    numbers = np.asarray(values, dtype=np.float64)
    return np.abs(numbers[first] - numbers[second])


def tfidf(texts: Sequence[str]) -> Array:
    """Words of n texts weighted by TF-IDF, (n, words) float64.

    A word's weight is its count, times ln((1 + n) / (1 + texts with it)) + 1 (the smoothed inverse document
    frequency of scikit-learn). Case does not matter.
    """
    counts = [Counter(_WORD.findall(text.lower())) for text in texts]
    documents = Counter(word for each in counts for word in each)
    words = sorted(documents)
    weights = [math.log((1 + len(texts)) / (1 + documents[word])) + 1 for word in words]
    return np.array([[each[word] for word in words] for each in counts]) * weights


def angles_of_patterns(rows: Array, called: RowNames) -> Array:
    """1 - cosine of every pair of rows (n, k): (P,) float64. BadInput names rows that are 0 or not finite."""
    values = np.asarray(rows, dtype=np.float64)
    lengths = np.linalg.norm(values, axis=1)
    refuse_rows(~np.isfinite(lengths), called, "finite numbers", "NaN or infinite values")
    refuse_rows(lengths == 0, called, "a value that is not 0", "zeros only")
    unit = values / lengths[:, None]
    found: Array = 1 - np.clip((unit @ unit.T)[np.triu_indices(len(unit), 1)], -1, 1)
    return found


def distances_of_patterns(rows: Array) -> Array:
    """The Euclidean distance of every pair of rows (n, k): (P,) float64."""
    from scipy.spatial.distance import pdist

    found: Array = pdist(np.asarray(rows, dtype=np.float64))
    return found


def read_embeddings(path: Path) -> dict[str, Array]:
    """Stimulus -> its embedding, from a .csv or .npz file.

    A .csv has a header and a row per stimulus, with its name in the first column. An .npz has
    the array `stimuli` (n) of names, and `embeddings` (n, k).

    Raises
    ------
    BadInput : no such file, another suffix, arrays that are missing or do not fit, or a name twice.
    """
    if not path.is_file():
        raise BadInput(f"controls.embeddings: there is no file {path}")
    if path.suffix == ".npz":
        names, values = _of_npz(path)
    elif path.suffix == ".csv":
        names, values = _of_csv(path)
    else:
        raise BadInput(f"{path} is not a file of embeddings", expected=".csv or .npz", found=path.suffix)
    if values.ndim != 2 or len(values) != len(names) or values.dtype.kind not in "fiu":
        raise BadInput(
            f"embeddings in {path}",
            expected=f"numbers, a row for each of {len(names)} stimuli",
            found=f"{values.dtype} of shape {values.shape}",
        )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise BadInput(f"embeddings in {path}", expected="each stimulus once", found=f"{twice[0]} twice")
    return dict(zip(names, values, strict=True))


def _of_npz(path: Path) -> tuple[list[str], Array]:
    arrays = read_arrays(path)
    if missing := [name for name in ("stimuli", "embeddings") if name not in arrays]:
        raise BadInput(
            f"{path}", expected="arrays `stimuli` and `embeddings`", found=f"no {' and no '.join(missing)}"
        )
    return [str(name) for name in arrays["stimuli"]], arrays["embeddings"]


def _of_csv(path: Path) -> tuple[list[str], Array]:
    names, *columns = read_texts(path).values()
    try:
        values = [[float(value) for value in column] for column in columns]
    except ValueError as error:
        raise BadInput(f"embeddings in {path}", expected="numbers", found=error) from error
    return names, np.array(values).reshape(len(columns), len(names)).T


def sentence_embeddings(texts: Sequence[Sequence[str]], model: str) -> Array:
    """The mean embedding of each stimulus's sentences by a model of sentence-transformers: (n, k).

    Raises
    ------
    BadInput : the package is not installed, or the model cannot be loaded.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise BadInput(
            "control sentence_model",
            expected="the package sentence-transformers",
            found=error,
            hint="pip install sentence-transformers; or use the control sentences, which needs no package",
        ) from error
    try:
        encoder = SentenceTransformer(model)
    except (OSError, ValueError) as error:
        raise BadInput(f"controls.sentence_model = {model!r}", found=str(error).splitlines()[0]) from error
    return np.stack([np.asarray(encoder.encode(list(each))).mean(axis=0) for each in texts])
