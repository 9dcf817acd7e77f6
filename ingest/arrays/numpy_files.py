"""Reads .npz and .npy files; nothing is unpickled."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from alignhouse.ingest.arrays.limits import MOST_BYTES, check_size, unpacked_bytes
from alignhouse.warehouse.errors import BadInput

UNNAMED = "arr_0"  # numpy's name for an array that was saved without one
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the only ones that numpy writes
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
    # RuntimeError: an encrypted zip. OverflowError: a shape too large for numpy.
    except (
        ValueError,
        EOFError,
        KeyError,
        NotImplementedError,
        MemoryError,
        OSError,
        OverflowError,
        RecursionError,
        RuntimeError,
        tokenize.TokenError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
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
