"""RDMs in HDF5: rsatoolbox's `RDMs.save`, and plain files of one array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.ingest.arrays.hdf5 import is_group, members, values_of
from alignhouse.ingest.arrays.limits import MOST_BYTES, named_once, texts
from alignhouse.ingest.datasets.rdms.arrays import (
    CONDITION_KEYS,
    SUBJECT_KEYS,
    StoredRdms,
    could_be_rdm,
    subjects_first,
    the_one,
)
from alignhouse.warehouse.errors import BadInput

# Usual names of rsatoolbox descriptors for conditions and subjects; the first match is used.
_CONDITION_DESCRIPTORS = (
    *("conditions", "condition", "condition_names", "conds", "cond"),
    *("stimuli", "stimulus", "stim", "names", "name", "patterns", "pattern"),
)
_SUBJECT_DESCRIPTORS = ("subjects", "subject", "subj", "sub", "participants", "participant", "names", "name")


def is_rsatoolbox(found: Mapping[str, Any]) -> bool:
    """Whether a file has the members that rsatoolbox's `RDMs.save` writes."""
    groups = ("rdm_descriptors", "pattern_descriptors")
    return "dissimilarities" in found and all(key in found and is_group(found[key]) for key in groups)


def read_rsatoolbox_rdms(found: Mapping[str, Any], path: Path, most_bytes: int = MOST_BYTES) -> StoredRdms:
    """The RDMs of an rsatoolbox file; names come from its text descriptors.

    Raises BadInput if several descriptors could name the conditions and none has a usual name.
    """
    label = f"dissimilarities in {path}"
    stack = values_of(found["dissimilarities"], label, most_bytes)
    # Do not judge by shape: 10 subjects and 5 conditions give a square array of pairs.
    if stack.ndim == 2 and stack.size:
        subjects_first(stack[:1].reshape(-1), label)
    else:
        stack = subjects_first(stack, label)
    patterns = _descriptors(found["pattern_descriptors"], path, most_bytes)
    strings = {key: names for key, names in patterns.items() if all(isinstance(name, str) for name in names)}
    conditions = _first(strings, _CONDITION_DESCRIPTORS)
    if conditions is None:
        # Names must be unique; a descriptor with repeated values is a category.
        telling = {key: names for key, names in strings.items() if len(set(names)) == len(names)}
        if len(telling) > 1:
            raise BadInput(
                f"{path} does not say which descriptor names the conditions",
                expected="one of strings, or one called " + ", ".join(_CONDITION_DESCRIPTORS[:4]),
                found=", ".join(telling),
            )
        conditions = next(iter(telling.values()), None)
    of_rdms = _descriptors(found["rdm_descriptors"], path, most_bytes)
    return StoredRdms(stack, label, conditions, _first(of_rdms, _SUBJECT_DESCRIPTORS), is_known=True)


def read_plain_rdms(found: Mapping[str, Any], path: Path, most_bytes: int = MOST_BYTES) -> StoredRdms:
    """The only top-level dataset of an HDF5 file with a shape of RDMs, and the names stored with it.

    Raises BadInput unless exactly one dataset has such a shape.
    """
    condition_key = named_once([key for key in CONDITION_KEYS if key in found], "conditions", path)
    subject_key = named_once([key for key in SUBJECT_KEYS if key in found], "subjects", path)
    names = {
        key: _names(found[key], f"{key} in {path}", most_bytes) for key in (condition_key, subject_key) if key
    }
    rest = {key: member for key, member in found.items() if key not in names}
    arrays = {key: member for key, member in rest.items() if not is_group(member) and member.shape}
    candidates = [key for key, array in arrays.items() if could_be_rdm(array.shape)]
    if len(arrays) == 1:  # the only array is meant: report errors of its shape
        candidates = list(arrays)
    others = [
        f"{key} (a group)" if is_group(member) else f"{key} {member.shape}" for key, member in rest.items()
    ]
    key = the_one(candidates, others, path)
    label = f"{key} in {path}"
    values = values_of(arrays[key], label, most_bytes)
    return StoredRdms(
        subjects_first(values, label),
        label,
        names[condition_key] if condition_key else None,
        names[subject_key] if subject_key else None,
        name=key,
    )


def _names(member: Any, label: str, most_bytes: int) -> list[Any]:
    if is_group(member):
        raise BadInput(label, expected="an array of names", found="a group")
    return texts(np.atleast_1d(values_of(member, label, most_bytes)))


def _descriptors(group: Any, path: Path, most_bytes: int) -> dict[str, list[Any]]:
    """The descriptors of a group, each with its values.

    rsatoolbox writes datasets, attributes and, for lists that numpy cannot store, groups of numbered values.
    """
    found: dict[str, list[Any]] = {}
    for key, member in members(group, path).items():
        label = f"{group.name}/{key} in {path}"
        if is_group(member):
            parts = members(member, path)
            ordered = [parts[str(index)] for index in range(len(parts)) if str(index) in parts]
            if len(ordered) == len(parts) and not any(is_group(part) for part in ordered):
                found[key] = [texts(values_of(part, label, most_bytes).reshape(-1))[0] for part in ordered]
        elif member.shape is not None:
            found[key] = texts(np.atleast_1d(values_of(member, label, most_bytes)))
    for key in group.attrs:
        found[key] = texts(np.atleast_1d(np.asarray(group.attrs[key])))
    return found


def _first(found: Mapping[str, Sequence[Any]], wanted: Sequence[str]) -> Sequence[Any] | None:
    folded = {key.lower(): values for key, values in found.items()}
    return next((folded[key] for key in wanted if key in folded), None)
