"""Reads HDF5 files.

A file may declare any size and may refer to other files, so neither is trusted. Soft and external links,
external storage and virtual datasets are refused before they are opened. Sizes are checked before reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.ingest.arrays.limits import check_size
from alignhouse.warehouse.errors import BadInput


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
        member = member_of(group, name, path)
        if not isinstance(member, h5py.Datatype):  # a named dtype, which has no data
            found[name] = member
    return found


def member_of(group: Any, name: str, path: Path) -> Any:
    """One of the datasets and groups of a group; raises BadInput for links to other files."""
    import h5py

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
    return member


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
