"""Reads .npz and .npy files; nothing is unpickled."""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from alignhouse.ingest.arrays.limits import MOST_BYTES, check_size, unpacked_bytes
from alignhouse.ingest.arrays.matrices import FlatArray, StoredValues, WholeArray
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.sizes import size_in_words

UNNAMED = "arr_0"  # numpy's name for an array that was saved without one
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the only ones that numpy writes
# RuntimeError: an encrypted zip. OverflowError: a shape too large for numpy.
_ERRORS = (
    ValueError,
    EOFError,
    KeyError,
    NotImplementedError,
    MemoryError,
    OSError,
    OverflowError,
    RecursionError,
    RuntimeError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_arrays(path: Path, most_bytes: int = MOST_BYTES) -> dict[str, np.ndarray]:
    """The arrays of a .npz by name; the array of a .npy has the name `UNNAMED`.

    Raises BadInput if the file is damaged, contains anything but arrays, or declares more than it holds, more
    than `most_bytes`, or far more than its own size.
    """
    try:
        with path.open("rb") as file:
            _check_sizes(file, path, unpacked_bytes(path, most_bytes))
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {UNNAMED: loaded}
            with loaded:
                return {name: loaded[name] for name in loaded.files}
    except _ERRORS as error:
        reason = "objects, or no array at all" if "allow_pickle" in str(error) else str(error) or repr(error)
        raise BadInput(
            f"{path} cannot be read", expected="arrays of numbers as .npz or .npy", found=reason[:160]
        ) from error


def _check_sizes(file: IO[bytes], path: Path, most_bytes: int) -> None:
    """Read the headers of the arrays, and rewind the file."""
    start = file.read(4)
    file.seek(0)
    if not start.startswith(b"PK"):
        declared = _declared_bytes(file, str(path), most_bytes)
        _check_held(str(path), declared, path.stat().st_size - file.tell())
    else:
        with zipfile.ZipFile(file) as members:
            left = most_bytes
            for info in members.infolist():
                label = f"{info.filename.removesuffix('.npy')} in {path}"
                if info.compress_type not in _METHODS:
                    raise ValueError(f"{label} is compressed by method {info.compress_type}")
                with members.open(info) as member:
                    declared = _declared_bytes(member, label, left)
                    _check_held(label, declared, info.file_size - member.tell())
                left -= declared
    file.seek(0)


def _declared_bytes(file: IO[bytes], label: str, most_bytes: int) -> int:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"an array of format {version}")
    shape, _, dtype = _HEADERS[version](file)
    check_size(shape, dtype.itemsize, label, most_bytes)
    return math.prod(shape) * dtype.itemsize


def _check_held(label: str, declared: int, held: int) -> None:
    if declared > held:
        raise ValueError(f"{label} declares {declared:,} bytes and holds {max(held, 0):,}")


def arrays_in_file(file: BinaryIO, path: Path, memory: int) -> dict[str, StoredValues | None]:
    """The arrays of a .npy or .npz file, which stays open; none is read. Pickled objects are None.

    Parameters
    ----------
    file : `path`, open without a buffer. memory : bytes that a compressed array may take.

    Raises
    ------
    BadInput : the file is damaged or declares more than it holds.
    """
    try:
        if file.read(4).startswith(b"PK"):
            with zipfile.ZipFile(file) as members:
                return {
                    info.filename.removesuffix(".npy"): _member(members, info, file, path, memory)
                    for info in members.infolist()
                }
        file.seek(0)
        return {UNNAMED: _flat(file, file, str(path), 0, path.stat().st_size)}
    except _ERRORS as error:
        raise _unreadable(path, error) from error


def _member(
    members: zipfile.ZipFile, info: zipfile.ZipInfo, file: BinaryIO, path: Path, memory: int
) -> StoredValues | None:
    label = f"{info.filename.removesuffix('.npy')} in {path}"
    if info.compress_type not in _METHODS:
        raise ValueError(f"{label} is compressed by method {info.compress_type}")
    if info.flag_bits & 1:
        raise ValueError(f"{label} is encrypted")
    if info.compress_type == zipfile.ZIP_STORED:
        # A local header of 30 bytes, whose last numbers are the lengths of the name and of a further field.
        file.seek(info.header_offset + 26)
        name, more = struct.unpack("<HH", file.read(4))
        begins = info.header_offset + 30 + name + more
        file.seek(begins)
        return _flat(file, file, label, begins, info.file_size)
    with members.open(info) as packed:
        declared = _flat(packed, file, label, 0, info.file_size)
    if declared is None:
        return None
    read = partial(_unpacked, path, info.filename, declared, memory)
    return WholeArray(declared.shape, declared.dtype, read)


def _unpacked(path: Path, member: str, declared: FlatArray, memory: int) -> np.ndarray:
    """The values of a compressed array."""
    needed = math.prod(declared.shape) * declared.dtype.itemsize
    if needed > memory:
        raise BadInput(
            f"{declared.label} is compressed and must be read whole",
            expected=f"at most {size_in_words(memory)}, the memory that is allowed",
            found=size_in_words(needed),
            hint="raise compute.memory, or save it with np.savez, which does not compress",
        )
    try:
        with zipfile.ZipFile(path) as members, members.open(member) as packed:
            packed.read(declared.offset)
            values = np.frombuffer(packed.read(needed), declared.dtype)
        return values.reshape(declared.shape, order="F" if declared.in_columns else "C")
    except _ERRORS as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BadInput:
    reason = (str(error) or repr(error))[:160]
    return BadInput(f"{path} cannot be read", expected="arrays of numbers as .npz or .npy", found=reason)


def _flat(head: IO[bytes], file: BinaryIO, label: str, begins: int, size: int) -> FlatArray | None:
    """The array whose header `head` is at; it begins at byte `begins` of `file` and has `size` bytes."""
    version = np.lib.format.read_magic(head)
    if version not in _HEADERS:
        raise ValueError(f"an array of format {version}")
    shape, in_columns, dtype = _HEADERS[version](head)
    if dtype.hasobject:
        return None
    after = head.tell()
    held = begins + size - after if head is file else size - after
    _check_held(label, math.prod(shape) * dtype.itemsize, held)
    return FlatArray(file, label, after, tuple(shape), dtype, in_columns)
