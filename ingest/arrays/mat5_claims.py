"""Checks that arrays of a v5 MATLAB file declare no more values than they have bytes for.

scipy allocates memory for all cells and structs that a file declares before it reads them. So a damaged or
hostile file can use up all memory. This module walks over the elements without building any objects
(MathWorks, "MAT-File Format", chapter 1).
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from alignhouse.warehouse.errors import BadInput

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE = range(1, 6)
_LAST_NUMERIC = 15  # later classes are function handles and undocumented ones
_COMPLEX = 0x800
# Valid types of stored names and values. For other types, scipy reads past the end of its own tables.
_NUMBERS, _TEXT = frozenset((1, 2, 3, 4, 5, 6, 7, 9, 12, 13)), frozenset((1, 2, 4, 16, 17, 18))
_DEEPEST = 16  # RDMs are at depth 2: an array in a struct


@dataclass(frozen=True)
class _File:
    path: Path
    order: str

    def wrong(self, found: str) -> BadInput:
        return BadInput(f"{self.path} cannot be read", expected="a whole MATLAB file", found=found)


def check_claims(path: Path, most_bytes: int) -> None:
    """Raise BadInput if an array declares more values than its bytes can hold.

    Parameters
    ----------
    most_bytes : limit of the file's size, and of the total size of its decompressed variables.
    """
    _check_total(path, path.stat().st_size, most_bytes)
    data = path.read_bytes()
    file = _File(path, "<" if data[126:128] == b"IM" else ">")
    at, total = _HEADER_BYTES, 0
    while at < len(data):
        kind, start, stop, _ = _element(file, memoryview(data), at)
        element = memoryview(data)[at:stop]
        if kind == _COMPRESSED:
            reader = zlib.decompressobj()
            element = memoryview(reader.decompress(data[start:stop], most_bytes - total + 1))
            total += len(element)
            _check_total(path, total, most_bytes)
            if not reader.eof:
                raise file.wrong("a compressed variable that ends early")
        kind, start, inner, _ = _element(file, element, 0)
        if kind != _MATRIX:
            raise file.wrong(f"an element of type {kind} in place of an array")
        _check_array(file, element[start:inner], 0)
        at = stop


def _check_total(path: Path, needed: int, most_bytes: int) -> None:
    if needed > most_bytes:
        raise BadInput(
            f"{path} is too large to read",
            expected=f"at most {most_bytes:,} bytes",
            found=f"{needed:,} or more",
        )


def _element(file: _File, data: memoryview, at: int) -> tuple[int, int, int, int]:
    """The element at `at`: type, start and stop of its data, start of the next element (8-byte aligned)."""
    if at + 8 > len(data):
        raise file.wrong("an element that ends early")
    kind, length = struct.unpack_from(f"{file.order}II", data, at)
    if kind >> 16:  # a small element: the length is in the upper half of the type, the data in the tag
        kind, length, start = kind & 0xFFFF, kind >> 16, at + 4
        following = at + 8
    else:
        start = at + 8
        following = start + length + -length % 8
    if start + length > len(data) or start + length > following:
        raise file.wrong("an element that ends early")
    return kind, start, start + length, following


def _check_array(file: _File, body: memoryview, depth: int) -> None:
    """Check an array with the element data `body`, and the arrays inside it."""
    if not len(body):
        return  # a cell without value
    _, start, stop, at = _element(file, body, 0)
    if stop - start < 4:
        raise file.wrong("an array without a class")
    flags = struct.unpack_from(f"{file.order}I", body, start)[0]
    kind = flags & 0xFF
    if kind == _OBJECT or not 0 < kind <= _LAST_NUMERIC:
        if depth:
            raise BadInput(f"{file.path} holds an object or function handle in a struct or cell")
        return  # refused with its name when the variables are listed
    _, start, stop, at = _element(file, body, at)
    shape = struct.unpack_from(f"{file.order}{(stop - start) // 4}i", body, start)
    if kind != _SPARSE and (min(shape, default=-1) < 0 or math.prod(shape) > len(body)):
        raise file.wrong(f"an array of shape {shape} in {len(body):,} bytes")
    stored_as, _, _, at = _element(file, body, at)
    if stored_as not in _TEXT:
        raise file.wrong(f"a name of type {stored_as}")
    if kind not in (_CELL, _STRUCT):
        _check_values(file, body, at, kind, bool(flags & _COMPLEX))
        return
    if depth == _DEEPEST:
        raise file.wrong(f"structs and cells more than {_DEEPEST} deep")
    if kind == _STRUCT:
        _, _, _, at = _element(file, body, at)  # the length of the names of fields
        _, _, _, at = _element(file, body, at)  # those names
    while at < len(body):
        child, start, stop, at = _element(file, body, at)
        if child != _MATRIX:
            raise file.wrong(f"an element of type {child} in place of an array")
        _check_array(file, body[start:stop], depth + 1)


def _check_values(file: _File, body: memoryview, at: int, kind: int, is_complex: bool) -> None:
    """Check that all elements with values exist; otherwise scipy would read those of the next array."""
    wanted = (3 if kind == _SPARSE else 1) + is_complex
    for _ in range(wanted):
        stored_as, start, stop, at = _element(file, body, at)
        # Empty text may have any type, and scipy ignores it.
        if stored_as not in (_TEXT if kind == _CHAR else _NUMBERS) and (kind != _CHAR or stop > start):
            raise file.wrong(f"values of type {stored_as}")
    if at < len(body):
        raise file.wrong("an array that goes on after its values")
