"""What a file of any format holds: arrays that are not read yet, and short lists such as names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.ingest.arrays.hdf5 import is_group, members, opened_hdf5, values_of
from alignhouse.ingest.arrays.hdf5_matrix import Hdf5Array
from alignhouse.ingest.arrays.limits import check_size, texts
from alignhouse.ingest.arrays.mat5 import Mat5File
from alignhouse.ingest.arrays.mat73 import Mat73File, is_matlab
from alignhouse.ingest.arrays.matlab_variables import NUMERIC
from alignhouse.ingest.arrays.matrices import (
    FlatArray,
    InMemory,
    StoredValues,
    WholeArray,
    real_numbers,
    take,
)
from alignhouse.ingest.arrays.numpy_files import arrays_in_file
from alignhouse.ingest.arrays.tables import parquet_content, read_number_table
from alignhouse.warehouse.errors import BadInput

NUMPY, HDF5, MATLAB, PARQUET, TEXT = (".npy", ".npz"), (".h5", ".hdf5"), (".mat",), (".parquet",), (".csv",)
SUFFIXES = NUMPY + HDF5 + MATLAB + PARQUET + TEXT
PICKLES = (".pkl", ".pickle")
# Names and sessions of a million trials.
_LIST_BYTES = 2**28


@dataclass(frozen=True)
class FileContent:
    """The content of a file, which is open.

    arrays : of real numbers, by name. lists : the lists that were asked for, by name.
    others : name -> what else there is, for errors.
    """

    path: Path
    arrays: Mapping[str, StoredValues]
    lists: Mapping[str, list[Any]]
    others: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def open_content(path: Path, list_names: Sequence[str], memory: int) -> Iterator[FileContent]:
    """Open a numpy, HDF5, MATLAB, Parquet or CSV file. Nothing is unpickled, and no other file is opened.

    Parameters
    ----------
    list_names : names of arrays, variables or columns that are lists and no values.
    memory : bytes that arrays may take which cannot be read in parts.

    Raises
    ------
    BadInput : the file is missing, damaged or of another format, or refers to other files.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        raise BadInput(f"there is no file {path}")
    if suffix in NUMPY:
        with path.open("rb", buffering=0) as file:
            yield _of_numpy(file, path, list_names, memory)
    elif suffix in PARQUET:
        with _opened_parquet(path) as file:
            array, lists = parquet_content(file, list_names, path)
            yield FileContent(path, {"": array}, lists)
    elif suffix in TEXT:
        values, others = read_number_table(path, list_names, memory)
        yield FileContent(path, {"": values}, others)
    elif suffix in MATLAB and not _is_hdf5(path):
        yield _of_mat5(Mat5File(path, memory), path, list_names)
    elif suffix in HDF5 + MATLAB:
        with opened_hdf5(path) as file:
            found = members(file, path)
            if suffix in MATLAB or is_matlab(found):
                yield _of_mat73(file, found, path, list_names, memory)
            else:
                yield _of_hdf5(found, path, list_names, memory)
    else:
        raise BadInput(f"{path} cannot be read", expected=", ".join(SUFFIXES), found=suffix or "no suffix")


def _of_numpy(file: Any, path: Path, list_names: Sequence[str], memory: int) -> FileContent:
    found = arrays_in_file(file, path, memory)
    arrays: dict[str, StoredValues] = {}
    lists: dict[str, list[Any]] = {}
    others: dict[str, str] = {}
    for name, array in found.items():
        if name.lower() in list_names:
            if array is None:
                raise BadInput(
                    f"{name} in {path}",
                    expected="text",
                    found="pickled objects, which are not read",
                    hint="save np.array(names, dtype=str)",
                )
            lists[name.lower()] = _list(
                read_whole(array, f"{name} in {path}", _LIST_BYTES), f"{name} in {path}"
            )
        elif array is None:
            others[name] = "pickled objects"
        elif real_numbers(array.dtype):
            arrays[name] = array
        else:
            others[name] = f"dtype {array.dtype}"
    return FileContent(path, arrays, lists, others)


def _of_hdf5(found: Mapping[str, Any], path: Path, list_names: Sequence[str], memory: int) -> FileContent:
    arrays: dict[str, StoredValues] = {}
    lists: dict[str, list[Any]] = {}
    others: dict[str, str] = {}
    for name, member in found.items():
        label = f"{name} in {path}"
        if is_group(member) or member.shape is None:
            others[name] = "a group" if is_group(member) else "nothing"
        elif name.lower() in list_names:
            lists[name.lower()] = _list(values_of(member, label, _LIST_BYTES), label)
        elif real_numbers(member.dtype):
            _check_chunks(member, label, memory)
            arrays[name] = Hdf5Array(member)
        else:
            others[name] = f"dtype {member.dtype}"
    return FileContent(path, arrays, lists, others)


def _of_mat73(
    file: Any, found: Mapping[str, Any], path: Path, list_names: Sequence[str], memory: int
) -> FileContent:
    reader = Mat73File(file, found, path, _LIST_BYTES)
    arrays: dict[str, StoredValues] = {}
    lists: dict[str, list[Any]] = {}
    others: dict[str, str] = {}
    for variable in reader.variables():
        label = f"{variable.name} in {path}"
        if variable.name.lower() in list_names:
            lists[variable.name.lower()] = reader.strings(variable)
        elif variable.kind in NUMERIC and real_numbers(found[variable.name].dtype) and all(variable.shape):
            _check_chunks(found[variable.name], label, memory)
            arrays[variable.name] = Hdf5Array(found[variable.name], is_reversed=True)
        else:
            others[variable.name] = f"class {variable.kind}"
    return FileContent(path, arrays, lists, others)


def _of_mat5(reader: Mat5File, path: Path, list_names: Sequence[str]) -> FileContent:
    arrays: dict[str, StoredValues] = {}
    lists: dict[str, list[Any]] = {}
    others: dict[str, str] = {}
    for variable in reader.variables():
        if variable.name.lower() in list_names:
            lists[variable.name.lower()] = reader.strings(variable)
        elif variable.kind in NUMERIC:
            read = partial(reader.numbers, variable.name)
            arrays[variable.name] = WholeArray(variable.shape, np.dtype(np.float64), read)
        else:
            others[variable.name] = f"class {variable.kind}"
    return FileContent(path, arrays, lists, others)


def _check_chunks(dataset: Any, label: str, memory: int) -> None:
    if dataset.chunks:  # HDF5 decompresses whole chunks.
        check_size(dataset.chunks, dataset.dtype.itemsize, f"a chunk of {label}", memory)


def read_whole(array: StoredValues, label: str, most_bytes: int) -> np.ndarray:
    """All values of an array, in the order of its axes.

    Raises
    ------
    BadInput : it needs more than `most_bytes`.
    """
    check_size(array.shape, array.dtype.itemsize, label, most_bytes)
    if isinstance(array, InMemory):
        return array.values
    if isinstance(array, WholeArray):
        return array.read()
    if isinstance(array, Hdf5Array):
        values = np.asarray(array.dataset[()])
        return values.T if array.is_reversed else values
    assert isinstance(array, FlatArray)
    flat = FlatArray(array.file, label, array.offset, (1, math.prod(array.shape)), array.dtype, False)
    values = take(flat.matrix(transposed=False), np.array([0]))
    return values.reshape(array.shape, order="F" if array.in_columns else "C")


def _list(values: np.ndarray, label: str) -> list[Any]:
    if values.ndim != 1 and values.size != max(values.shape, default=1):
        raise BadInput(label, expected="a list", found=f"shape {values.shape}")
    try:
        return texts(values.reshape(-1))
    except UnicodeDecodeError as error:
        raise BadInput(label, expected="text in UTF-8", found=str(error)[:80]) from error


@contextmanager
def _opened_parquet(path: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise BadInput(
            f"{path} cannot be read", expected="Parquet", found=str(error).splitlines()[0][:160]
        ) from error


def _is_hdf5(path: Path) -> bool:
    import h5py

    return bool(h5py.is_hdf5(path))
