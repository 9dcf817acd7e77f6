"""Do the lengths that a pickle declares fit in its file?

The unpickler trusts declared lengths: it allocates first and meets the end of the file later, and it sizes
its memo by the largest number it is told. This walk over the opcodes (the data itself is skipped, not read)
turns a cut file into a clear error, and a file of a few bytes cannot claim gigabytes.
"""

from __future__ import annotations

import mmap
import pickletools
import struct
from pathlib import Path

from warehouse.errors import BadInput

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


def check_lengths(path: Path) -> None:
    """Walk the opcodes of the pickle in `path` to its end, without building anything.

    Raises BadInput where the file is empty or cut short, is no pickle, or numbers more memo entries than it
    has instructions.
    """
    size = path.stat().st_size
    if size == 0:
        raise BadInput(f"{path} is empty", expected="a pickled dict of arrays", hint="fetch the file again")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _walk(data, path)


def _walk(data: mmap.mmap, path: Path) -> None:
    position, size, instructions = 0, len(data), 0
    while True:
        if position >= size:
            raise _cut_short(path, size + 1, size)
        code = data[position]
        instructions += 1
        position += 1
        if code in _FIXED:
            argument, position = position, position + _FIXED[code]
            if position > size:
                raise _cut_short(path, position, size)
            if code == _STOP:
                return
            if code == _FRAME:
                frame_end = position + int.from_bytes(data[argument:position], "little")
                if frame_end > size:
                    raise _cut_short(path, frame_end, size)
            elif code == _LONG_BINPUT:
                _check_memo(int.from_bytes(data[argument:position], "little"), instructions, path)
        elif code in _COUNTED:
            count = _COUNTED[code]
            if position + count.size > size:
                raise _cut_short(path, position + count.size, size)
            (length,) = count.unpack_from(data, position)
            if length < 0:
                raise _not_a_pickle(path, f"a negative length at byte {position}")
            position += count.size + length
            if position > size:
                raise _cut_short(path, position, size)
        elif code in _LINES:
            start = position
            for _ in range(_LINES[code]):
                position = data.find(b"\n", position) + 1
                if position == 0:
                    raise _cut_short(path, size + 1, size)
            if code == _PUT:
                _check_memo(_decimal(data[start : position - 1], path), instructions, path)
        else:
            raise _not_a_pickle(path, f"the unknown instruction {code:#04x} at byte {position - 1}")


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
