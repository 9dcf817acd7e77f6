"""Reads numpy arrays from pickled dicts without running any code of the file.

A pickle is a program that names functions and calls them. This reader replaces every name with a placeholder.
The names that numpy writes for an array become records of its shape, its dtype and the position of its bytes.
After reading the file, arrays are built from the records whose three parts agree. All other names become one
inert object, which returns itself for every operation. Nothing is imported, and nothing is called.
Long payloads stay on disk (`pickle_skeletons`), so an array can be read in parts.

Time and memory are bounded for any file: by the number of instructions, and by the bytes of its arrays, which
together are no larger than the file.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from alignhouse.ingest.datasets.bmd.inert_unpickler import Inert, InertUnpickler
from alignhouse.ingest.datasets.bmd.pickle_skeletons import Payload, read_skeleton
from alignhouse.ingest.datasets.bmd.stored_arrays import StoredArray
from alignhouse.warehouse.errors import BadInput, near_names

MOST_BYTES = 2**30
_PLAIN_DTYPE = re.compile(r"[biufc][0-9]{1,2}|[SU][1-9][0-9]{0,5}")
_LONGEST_NAME = 100  # characters of a name in an error message
_MOST_DIMENSIONS, _LONGEST = 64, 2**63 - 1  # numpy's own limits


@contextmanager
def open_arrays(
    path: Path, names: Sequence[str] | None = None, *, most_bytes: int = MOST_BYTES
) -> Iterator[dict[str, StoredArray]]:
    """Open the arrays in the pickled dict `path`, by key; they can be read until the block ends.

    Arrays have the dtype, byte order and memory order of the file. Pickle protocols 0 to 5 are read, as numpy
    1 and 2 write them; arrays may be of numbers, booleans or fixed-width strings. Other content is ignored.

    Parameters
    ----------
    names : the keys to read, in this order; None for every array whose key is a string.
    most_bytes : limit of the data in memory. Payloads that protocols 3 to 5 or Python 2 wrote stay on disk
        and do not count.

    Raises
    ------
    BadInput : the file is missing, truncated, not a pickle or not a dict with text keys, has too many
        instructions, or lacks a name; a selected value is not an array, or is an array of objects or
        structured records; arrays share their bytes.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"there is no file {path}", expected="a pickled dict of arrays")
    with path.open("rb", buffering=0) as file:
        content = _load(file, path, most_bytes)
        if names is None:
            wanted = [key for key, value in content.items() if _is_named_array(key, value)]
        else:
            wanted = list(names)
        _refuse_shared_bytes(content, wanted, path)
        yield {name: _array(content, name, file, path) for name in wanted}


def _is_named_array(key: object, value: object) -> bool:
    return isinstance(key, str) and isinstance(value, _PickledArray)


def _refuse_shared_bytes(content: dict[Any, Any], names: Sequence[str], path: Path) -> None:
    """Refuse arrays that claim more bytes than the file has; a small file could fill the memory with them."""
    values = {id(value): value for value in map(content.get, names) if isinstance(value, _PickledArray)}
    claimed, size = sum(each.claimed_bytes() for each in values.values()), path.stat().st_size
    if claimed > size:
        raise BadInput(
            f"{path} is damaged",
            expected=f"arrays of at most {size:,} bytes, the size of the file",
            found=f"{claimed:,}, because arrays share them",
        )


def _array(content: dict[Any, Any], name: str, file: BinaryIO, path: Path) -> StoredArray:
    if name not in content:
        known = [_short(key) for key in content]
        raise BadInput(
            f"{path} has no array {name}", hint=near_names(name, known) if known else "it has no names"
        )
    value = content[name]
    if not isinstance(value, _PickledArray):
        kind = "an unknown object" if value is Inert else f"a {type(value).__name__}"
        raise BadInput(f"{_short(name)} in {path} is no array", expected="a numpy array", found=kind)
    return value.stored(file, path, f"{_short(name)} in {path}")


def _short(name: str) -> str:
    """A name for an error message; a hostile file may have names of any length."""
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."


def _load(file: BinaryIO, path: Path, most_bytes: int) -> dict[Any, Any]:
    skeleton = read_skeleton(file, path, most_bytes)
    unpickler = InertUnpickler(io.BytesIO(skeleton.program), skeleton.payloads, _STAND_INS)
    try:
        content = unpickler.load()
    except MemoryError:
        raise
    except Exception as error:  # A damaged pickle can raise any error; the documentation has no list.
        raise BadInput(
            f"{path} cannot be read as a pickle",
            expected="a dict of arrays",
            found=(str(error) or repr(error))[:120],
        ) from error
    if type(content) is not dict:
        kind = "an unknown object" if content is Inert else f"a {_kind(content)}"
        raise BadInput(f"{path} holds no dict", expected="a pickled dict of arrays", found=kind)
    if unpickler.dropped(content):
        raise BadInput(f"{path} has a key that is no text", expected="a pickled dict of arrays by name")
    return content


def _kind(value: object) -> str:
    return "single array" if isinstance(value, _PickledArray) else type(value).__name__


class _PickledText:
    """Bytes as protocols 0 to 2 write them: `_codecs.encode(text, "latin1")`; `bytes()` if empty."""

    # A hostile pickle can create the object without calling __init__; the same holds for the classes below.
    _args: tuple[Any, ...] = ("",)
    _encoded: bytes | None = None

    def __init__(self, *args: Any) -> None:
        self._args = args

    def __setstate__(self, state: object) -> None:
        """Ignore the state; otherwise the unpickler would set attributes, even of this class."""

    def __len__(self) -> int:
        return len(self._args[0]) if self._args and isinstance(self._args[0], str) else 0

    def encode(self) -> bytes | None:
        if self._encoded is None:
            if self._args == ():
                self._encoded = b""
            elif (
                len(self._args) == 2
                and isinstance(self._args[0], str)
                and self._args[1] in ("latin1", "latin-1")
            ):
                self._encoded = _latin1(self._args[0])
        return self._encoded


class _PickledDtype:
    """numpy.dtype(name, align, copy) and its state (version, byte order, ...)."""

    _name: Any = None
    _byte_order: Any = "|"

    def __init__(self, *args: Any) -> None:
        self._name = args[0] if args else None

    def __setstate__(self, state: Any) -> None:
        self._byte_order = state[1]

    @property
    def name(self) -> str:
        return self._name[:20] if isinstance(self._name, str) else "of an unknown kind"

    def dtype(self) -> np.dtype | None:
        if not isinstance(self._name, str) or not _PLAIN_DTYPE.fullmatch(self._name):
            return None
        if self._byte_order not in ("<", ">", "=", "|"):
            return None
        try:
            return np.dtype(self._byte_order + self._name)
        except TypeError:  # This kind has no dtype of this width, or this machine does not support it.
            return None


class _PickledArray:
    """The arguments that an array's pickle passes to numpy's `_reconstruct` and `__setstate__`."""

    _shape: Any = None
    _dtype: Any = None
    _order: Any = "C"
    _raw: Any = None
    _axes: Any = None

    def __init__(self, *args: object) -> None:
        """Ignore the arguments; the state follows."""

    def claimed_bytes(self) -> int:
        """The number of bytes that the array refers to, before they are decoded."""
        if isinstance(self._raw, Payload):
            return self._raw.length
        return len(self._raw) if isinstance(self._raw, str | bytes | bytearray | _PickledText) else 0

    def __setstate__(self, state: Any) -> None:
        _version, self._shape, self._dtype, fortran, self._raw = state
        self._order = "F" if fortran else "C"

    def stored(self, file: BinaryIO, path: Path, label: str) -> StoredArray:
        """The array; raises BadInput, with `label`, if shape, dtype and bytes do not agree."""
        dtype = self._dtype.dtype() if isinstance(self._dtype, _PickledDtype) else None
        if dtype is None:
            kind = self._dtype.name if isinstance(self._dtype, _PickledDtype) else "of an unknown kind"
            found = "Python objects" if kind.startswith("O") else f"dtype {kind}"
            raise BadInput(f"array {label} cannot be read safely", expected="numbers", found=found)
        shape = self._shape
        if not _is_shape(shape, dtype.itemsize):
            raise BadInput(f"array {label} is damaged", expected="a shape", found="something else")
        # Decoded once, even if the file has the array under many names.
        self._raw = raw = _as_bytes(self._raw)
        expected = math.prod(shape) * dtype.itemsize
        length = None if raw is None else raw.length if isinstance(raw, Payload) else len(raw)
        if raw is None or length != expected:
            raise BadInput(
                f"array {label} is damaged",
                expected=f"{expected:,} bytes for shape {shape}",
                found="none" if length is None else f"{length:,}",
            )
        axes = self._axes if self._order == "K" else None
        if axes is not None and not _is_order_of_axes(axes, len(shape)):
            raise BadInput(f"array {label} is damaged", expected="an order of axes", found="something else")
        return StoredArray(file, path, raw, shape, dtype, "F" if self._order == "F" else "C", axes)


class _PickledBuffer(_PickledArray):
    """numpy's `_frombuffer(buffer, dtype, shape, order, axis_order)`: how protocol 5 writes an array."""

    def __init__(self, *args: object) -> None:
        self._raw, self._dtype, self._shape, self._order, self._axes = (*args, None)[:5]


def _is_shape(shape: object, itemsize: int) -> bool:
    """Whether numpy accepts the shape; it multiplies lengths without zeros, even for an empty array."""
    return (
        isinstance(shape, tuple)
        and len(shape) <= _MOST_DIMENSIONS
        and all(type(length) is int and 0 <= length <= _LONGEST for length in shape)
        and math.prod(length for length in shape if length) * itemsize <= _LONGEST
    )


def _is_order_of_axes(axes: object, dimensions: int) -> bool:
    # Only plain integers: a hostile file may hold any type, and True equals 1.
    return (
        isinstance(axes, tuple)
        and all(type(axis) is int for axis in axes)
        and sorted(axes) == list(range(dimensions))
    )


def _as_bytes(raw: object) -> Payload | bytes | bytearray | None:
    if isinstance(raw, _PickledText):
        return raw.encode()
    if isinstance(raw, str):  # Python 2
        return _latin1(raw)
    return raw if isinstance(raw, Payload | bytes | bytearray) else None


def _latin1(text: str) -> bytes | None:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return None


_STAND_INS: dict[tuple[str, str], type] = {
    ("numpy", "dtype"): _PickledDtype,
    ("numpy.core.multiarray", "_reconstruct"): _PickledArray,
    ("numpy._core.multiarray", "_reconstruct"): _PickledArray,
    ("numpy.core.numeric", "_frombuffer"): _PickledBuffer,
    ("numpy._core.numeric", "_frombuffer"): _PickledBuffer,
    ("_codecs", "encode"): _PickledText,
    ("builtins", "bytes"): _PickledText,
    ("__builtin__", "bytes"): _PickledText,
}
