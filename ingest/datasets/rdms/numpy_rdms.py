"""Finds the RDMs among the arrays of a .npz or .npy file."""

from __future__ import annotations

from pathlib import Path

from alignhouse.ingest.arrays.limits import MOST_BYTES, named_once
from alignhouse.ingest.arrays.numpy_files import read_arrays
from alignhouse.ingest.datasets.rdms.arrays import (
    CONDITION_KEYS,
    SUBJECT_KEYS,
    StoredRdms,
    subjects_first,
    the_one,
)
from alignhouse.warehouse.errors import BadInput


def read_numpy_rdms(path: Path, most_bytes: int = MOST_BYTES) -> StoredRdms:
    """The only array of RDMs in a .npz or .npy file, with the names that a .npz may contain.

    Raises BadInput unless there is exactly one array, with a shape of RDMs.
    """
    arrays = read_arrays(path, most_bytes)
    conditions = named_once([key for key in CONDITION_KEYS if key in arrays], "conditions", path)
    subjects = named_once([key for key in SUBJECT_KEYS if key in arrays], "subjects", path)
    names = {key: arrays.pop(key).tolist() for key in (conditions, subjects) if key}
    array = the_one(list(arrays), [], path)
    for key, name in names.items():
        if not isinstance(name, list):
            raise BadInput(f"{key} of {path}", expected="a list of names", found="a single value")
    return StoredRdms(
        subjects_first(arrays[array], str(path)),
        str(path),
        names[conditions] if conditions else None,
        names[subjects] if subjects else None,
        name=array,
    )
