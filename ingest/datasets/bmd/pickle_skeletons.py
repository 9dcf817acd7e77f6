"""A pickle without its long payloads: a program of a few kilobytes, and where in the file the bytes lie.

The unpickler trusts declared lengths: it allocates first and meets the end of the file later, and it sizes
its memo by the largest number it is told. This walk over the opcodes skips the data itself. It turns a cut
file into a clear error, keeps a file of a few bytes from claiming gigabytes, and leaves arrays on the disk,
to be read in parts.
"""

from __future__ import annotations

import mmap
import pickletools
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from alignhouse.warehouse.errors import BadInput

# A payload below this stays in the skeleton: a name, a short array.
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
# BINSTRING (Python 2), BINBYTES, BINBYTES8, BYTEARRAY8: bytes as they are, which may stay in the file.
_RAW = frozenset(b"TB\x8e\x96")
_REFERENCE = struct.Struct("<cic")


@dataclass(frozen=True)
class Payload:
    """Bytes of the file: where they begin, and how many they are."""

    offset: int
    length: int


@dataclass(frozen=True)
class Skeleton:
    """A pickle program in which the persistent id k stands for payload k; the file's own ids are None."""

    program: bytes
    payloads: tuple[Payload, ...]


def read_skeleton(file: BinaryIO, path: Path, most_bytes: int) -> Skeleton:
    """The skeleton of the pickle in `file`, open for reading; nothing is built and no payload is read.

    Raises BadInput where the file is empty or cut short, is no pickle, numbers more memo entries than it has
    instructions, or has more than `most_bytes` beside its payloads.
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
                    # A frame counts bytes, which a skeleton has fewer of; frames may be left out.
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
        """Skip a count and what it counts; gives where the next instruction is."""
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
        """Keep all up to `start`, and put `by` in the place of what lies between `start` and `after`."""
        self._kept += start - self._copied + len(by)
        if self._kept > self._most:
            raise BadInput(
                f"{self._path} does not fit into the memory that is allowed",
                expected=f"at most {self._most:,} bytes beside arrays that can be read in parts",
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
    # Picklers number their memo 0, 1, 2, ... (1, 2, ... in Python 2).
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
