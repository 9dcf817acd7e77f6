"""A pickle without its long payloads: a short pickle program, and the positions of the payloads in the file.

Python's unpickler trusts declared lengths. It allocates memory before it reads the data, and the largest memo
index sets the size of its memo. This module walks over the opcodes and skips the data. So a truncated file
gives a clear error, and a small file cannot allocate gigabytes. Arrays stay on disk and can be read in parts.
"""

from __future__ import annotations

import mmap
import pickletools
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from alignhouse.warehouse.errors import BadInput

# Real files have some hundreds. Half a million take at most a second and 200 MB.
MOST_INSTRUCTIONS = 500_000
# Smaller payloads stay in the skeleton: names and short arrays.
LONG = 4096

_LINES = {
    op.code.encode("latin-1")[0]: 1 for op in pickletools.opcodes if op.arg is not None and op.arg.n == -1
}
_LINES[ord("c")] = _LINES[ord("i")] = 2  # GLOBAL, INST: the module's line, then the name's
_FIXED = {
    op.code.encode("latin-1")[0]: 0 if op.arg is None else op.arg.n
    for op in pickletools.opcodes
    if op.arg is None or op.arg.n >= 0
}
# pickletools: -2 a one-byte count, -3 four bytes signed, -4 four bytes, -5 eight bytes.
_COUNT_FORMATS = {
    -2: struct.Struct("<B"),
    -3: struct.Struct("<i"),
    -4: struct.Struct("<I"),
    -5: struct.Struct("<Q"),
}
_COUNTED = {
    op.code.encode("latin-1")[0]: _COUNT_FORMATS[op.arg.n]
    for op in pickletools.opcodes
    if op.arg is not None and op.arg.n in _COUNT_FORMATS
}
_STOP, _FRAME, _PUT, _LONG_BINPUT = b"."[0], b"\x95"[0], b"p"[0], b"r"[0]
_PERSID, _BINPERSID = b"P"[0], b"Q"[0]
# BINSTRING (Python 2), BINBYTES, BINBYTES8, BYTEARRAY8: unencoded bytes, which may stay in the file.
_RAW = frozenset(b"TB\x8e\x96")
_REFERENCE = struct.Struct("<cic")


@dataclass(frozen=True)
class Payload:
    """A range of bytes in the file: its start and its length."""

    offset: int
    length: int

    def __setstate__(self, state: object) -> None:
        """Ignore the state; otherwise a pickle could set other positions."""


@dataclass(frozen=True)
class Skeleton:
    """A pickle program where persistent id k refers to payload k; the file's own ids become None."""

    program: bytes
    payloads: tuple[Payload, ...]


def read_skeleton(file: BinaryIO, path: Path, most_bytes: int) -> Skeleton:
    """The skeleton of the pickle in `file`, open for reading; builds no objects and reads no payloads.

    Raises BadInput if the file is empty, truncated or not a pickle, if a memo index exceeds the number of
    instructions, if there are too many instructions, or if the file without payloads is larger than
    `most_bytes`.
    """
    if file.seek(0, 2) == 0:
        raise BadInput(f"{path} is empty", expected="a pickled dict of arrays", hint="fetch the file again")
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _Walk(data, path, most_bytes).skeleton()


class _Walk:
    def __init__(self, data: mmap.mmap, path: Path, most_bytes: int) -> None:
        self._data, self._path, self._most = data, path, most_bytes
        self._pieces: list[bytes] = []
        self._kept = 0
        self._copied = 0
        self._payloads: list[Payload] = []

    def skeleton(self) -> Skeleton:
        data, path, size = self._data, self._path, len(self._data)
        position = instructions = 0
        while True:
            if position >= size:
                raise _cut_short(path, size + 1, size)
            start = position
            code = data[start]
            instructions += 1
            position += 1
            if instructions > MOST_INSTRUCTIONS:
                raise BadInput(
                    f"{path} is too complicated",
                    expected=f"a pickled dict of arrays, with at most {MOST_INSTRUCTIONS:,} instructions",
                    found="more",
                    hint="pickle the arrays alone, without lists and other objects",
                )
            if code in _FIXED:
                argument, position = position, position + _FIXED[code]
                if position > size:
                    raise _cut_short(path, position, size)
                if code == _STOP:
                    self._replace(position, position, b"")
                    return Skeleton(b"".join(self._pieces), tuple(self._payloads))
                if code == _FRAME:
                    frame_end = position + int.from_bytes(data[argument:position], "little")
                    if frame_end > size:
                        raise _cut_short(path, frame_end, size)
                    # Omit frames: they declare numbers of bytes, which would be wrong for the skeleton.
                    self._replace(start, position, b"")
                elif code == _BINPERSID:
                    self._replace(start, position, b"0N")
                elif code == _LONG_BINPUT:
                    _check_memo(int.from_bytes(data[argument:position], "little"), instructions, path)
            elif code in _COUNTED:
                position = self._counted(code, position, size)
            elif code in _LINES:
                argument = position
                for _ in range(_LINES[code]):
                    position = data.find(b"\n", position) + 1
                    if position == 0:
                        raise _cut_short(path, size + 1, size)
                if code == _PUT:
                    _check_memo(_decimal(data[argument : position - 1], path), instructions, path)
                elif code == _PERSID:
                    self._replace(start, position, b"N")
            else:
                raise _not_a_pickle(path, f"the unknown instruction {code:#04x} at byte {start}")

    def _counted(self, code: int, argument: int, size: int) -> int:
        """Skip a length and its data; returns the position of the next instruction."""
        count = _COUNTED[code]
        first = argument + count.size
        if first > size:
            raise _cut_short(self._path, first, size)
        (length,) = count.unpack_from(self._data, argument)
        if length < 0:
            raise _not_a_pickle(self._path, f"a negative length at byte {argument}")
        after = first + length
        if after > size:
            raise _cut_short(self._path, after, size)
        if code in _RAW and length >= LONG:
            self._replace(argument - 1, after, _REFERENCE.pack(b"J", len(self._payloads), b"Q"))
            self._payloads.append(Payload(first, length))
        return int(after)

    def _replace(self, start: int, after: int, by: bytes) -> None:
        """Copy everything up to `start`, and replace the bytes from `start` to `after` with `by`."""
        self._kept += start - self._copied + len(by)
        if self._kept > self._most:
            raise BadInput(
                f"{self._path} does not fit into the memory that is allowed",
                expected=f"at most {self._most:,} bytes, without arrays that can be read in parts",
                found=f"{self._kept:,}",
                hint="allow more memory, or pickle the file again with protocol 4",
            )
        self._pieces += [self._data[self._copied : start], by]
        self._copied = after


def _decimal(line: bytes, path: Path) -> int:
    if not line.strip().isdigit() or len(line) > 20:
        raise _not_a_pickle(path, f"the memo number {line[:20]!r}")
    return int(line)


def _check_memo(number: int, instructions: int, path: Path) -> None:
    # Picklers use the memo indices 0, 1, 2, ... (1, 2, ... in Python 2).
    if number > instructions:
        raise _not_a_pickle(path, f"memo entry {number} after {instructions} instructions")


def _cut_short(path: Path, expected: int, found: int) -> BadInput:
    return BadInput(
        f"{path} is cut short",
        expected=f"at least {expected:,} bytes",
        found=f"{found:,}",
        hint="fetch the file again",
    )


def _not_a_pickle(path: Path, found: str) -> BadInput:
    return BadInput(f"{path} is not a pickle", expected="a pickled dict of arrays", found=found)
