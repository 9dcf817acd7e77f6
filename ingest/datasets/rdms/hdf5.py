"""RDMs in HDF5: rsatoolbox's `RDMs.save`, and plain files of one array.

A file may declare any size and may refer to other files, so neither is trusted. Soft and external links,
external storage and virtual datasets are refused before they are opened. Sizes are checked before reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.ingest.datasets.rdms.arrays import (
    CONDITION_KEYS,
    MOST_BYTES,
    SUBJECT_KEYS,
    StoredRdms,
    check_size,
    could_be_rdm,
    named_once,
    subjects_first,
    texts,
    the_one,
)
from alignhouse.warehouse.errors import BadInput

# Usual names of rsatoolbox descriptors for conditions and subjects; the first match is used.
_CONDITION_DESCRIPTORS = (
    *("conditions", "condition", "condition_names", "conds", "cond"),
    *("stimuli", "stimulus", "stim", "names", "name", "patterns", "pattern"),
)
_SUBJECT_DESCRIPTORS = ("subjects", "subject", "subj", "sub", "participants", "participant", "names", "name")


@contextmanager
def opened_hdf5(path: Path) -> Iterator[Any]:
    """Open `path` with h5py for reading; raises BadInput if HDF5 cannot read it."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    # h5py maps errors of the HDF5 library to any of these types.
    except (
        OSError,
        RuntimeError,
        KeyError,
        ValueError,
        TypeError,
        OverflowError,
        IndexError,
        MemoryError,
    ) as error:
        raise BadInput(f"{path} cannot be read", expected="HDF5", found=str(error)[:160]) from error


def members(group: Any, path: Path) -> dict[str, Any]:
    """The datasets and groups of a group, by name; raises BadInput for links to other files."""
    import h5py

    found: dict[str, Any] = {}
    for name in group:
        if not isinstance(name, str):
            raise ValueError(f"a name that is not UTF-8: {name!r}")
        label = f"{group.name.rstrip('/')}/{name} in {path}"
        link = group.id.links.get_info(name.encode()).type
        if link != h5py.h5l.TYPE_HARD:
            kinds = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "a link to another file"}
            raise BadInput(
                label,
                expected="data in the file itself",
                found=kinds.get(link, "a link of an unknown kind"),
                hint="links are not followed; copy the data in",
            )
        member = group[name]
        if isinstance(member, h5py.Dataset):
            check_inside(member, label)
        if not isinstance(member, h5py.Datatype):  # a named dtype, which has no data
            found[name] = member
    return found


def check_inside(dataset: Any, label: str) -> None:
    """Raise BadInput if the values of a dataset are, or may be, in other files."""
    # Do not even read the shape of a virtual dataset: HDF5 opens its source files for this.
    if dataset.is_virtual or dataset.external:
        raise BadInput(
            label,
            expected="data in the file itself",
            found="a virtual dataset" if dataset.is_virtual else "data in other files",
            hint="other files are not opened; copy the data in",
        )


def values_of(dataset: Any, label: str, most_bytes: int) -> np.ndarray:
    """Check the size of a dataset and read it as a numpy array."""
    if dataset.shape is None:
        raise BadInput(label, expected="an array", found="an empty dataset")
    check_size(dataset.shape, dataset.dtype.itemsize, label, most_bytes)
    if dataset.chunks:  # HDF5 always decompresses a whole chunk, even to read a part of it.
        check_size(dataset.chunks, dataset.dtype.itemsize, f"a chunk of {label}", most_bytes)
    return np.asarray(dataset[()])


def is_group(member: Any) -> bool:
    """Whether a member of an HDF5 file is a group rather than a dataset."""
    import h5py

    return isinstance(member, h5py.Group)


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
    return StoredRdms(stack, label, conditions, _first(of_rdms, _SUBJECT_DESCRIPTORS))


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
