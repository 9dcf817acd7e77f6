"""Checks the structure of video files: nothing is cut off, and the checksums that a file has are right.

Decoders skip what they cannot parse, so they report neither a missing end nor a wrong checksum. Sources:
ISO/IEC 14496-12 (mp4, mov), RFC 8794 and RFC 9559 (EBML, Matroska and WebM), the RIFF specification (avi).
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from alignhouse.warehouse.errors import BadInput

HINT = "fetch or convert it again"
_EBML = b"\x1a\x45\xdf\xa3"
_HEADER, _VOID, _CRC32 = 0x1A45DFA3, 0xEC, 0xBF
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
# The elements that RFC 9559 allows in a segment, and in a cluster.
_IN_SEGMENT = {
    0x114D9B74: "SeekHead",
    0x1549A966: "Info",
    0x1654AE6B: "Tracks",
    _CLUSTER: "Cluster",
    0x1C53BB6B: "Cues",
    0x1941A469: "Attachments",
    0x1043A770: "Chapters",
    0x1254C367: "Tags",
    _VOID: "Void",
    _CRC32: "CRC-32",
}
_IN_CLUSTER = {0xE7, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF, 0x5854, _VOID, _CRC32}
# The top-level boxes of ISO/IEC 14496-12 and of QuickTime files.
_BOXES = frozenset(b"ftyp styp moov mdat moof mfra sidx free skip wide pnot meta uuid udta emsg".split())
# A size or a checksum takes a few bytes at the start of an element.
_HEAD_BYTES = 12


class CutShort(BadInput):
    """A file has fewer bytes than it declares."""


@dataclass(frozen=True)
class _Element:
    """A part of a file. start, end : of its content in bytes; end is None if the file does not say it."""

    kind: int
    start: int
    end: int | None


def check_container(path: Path) -> None:
    """Check that a file has all the bytes that it declares, and the content of its checksums.

    Files of a container that is not known here are accepted.

    Raises
    ------
    CutShort : the file is cut short.
    BadInput : an element of it is damaged, or a checksum differs.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        first = file.read(_HEAD_BYTES)
        if first[:4] == _EBML:
            _check_matroska(file, size, path)
        elif first[:4] == b"RIFF":
            _check_riff(file, size, path)
        elif first[4:8] in _BOXES:
            _check_boxes(file, size, path)


def _check_boxes(file: BinaryIO, size: int, path: Path) -> None:
    """The top-level boxes of an mp4 or mov file."""
    place, needs_data = 0, False
    while place + 8 <= size:
        length, kind, longer = _box_head(file, place)
        # A fragment is a box 'moof', which lists samples, and a box 'mdat' with them.
        needs_data = kind == b"moof" or (needs_data and kind != b"mdat")
        if kind not in _BOXES or length == 0:
            return  # Some programs append other data; a box without a size extends to the end.
        name = kind.decode("ascii")
        if length < (16 if longer else 8):
            raise _damaged(path, f"a box {name!r} of {length} bytes at byte {place:,}")
        if place + length > size:
            raise _cut(path, place + length, size, f"in the box {name!r}")
        place += length
    if needs_data:
        raise _cut(path, place + 8, size, "before the samples of its last fragment")


def _box_head(file: BinaryIO, place: int) -> tuple[int, bytes, bool]:
    file.seek(place)
    length, kind = struct.unpack(">I4s", file.read(8))
    if length != 1:
        return length, kind, False
    return int.from_bytes(file.read(8), "big"), kind, True


def _check_riff(file: BinaryIO, size: int, path: Path) -> None:
    """The RIFF chunks of an avi file; long files have several."""
    place = 0
    while place + 8 <= size:
        file.seek(place)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind != b"RIFF":
            return  # Some programs append other data.
        if place + 8 + length > size:
            raise _cut(path, place + 8 + length, size, "in a RIFF chunk")
        place += 8 + length + length % 2


def _check_matroska(file: BinaryIO, size: int, path: Path) -> None:
    """The elements of an mkv or webm file, with their CRC-32 where they have one."""
    for top in _elements(file, 0, size, path):
        if top.kind in (_HEADER, _VOID):
            continue
        if top.kind != _SEGMENT:
            raise _damaged(path, f"no segment at byte {top.start:,}")
        if top.end is not None and top.end > size:
            raise _cut(path, top.end, size, "in the segment")
        for each in _elements(file, top.start, size if top.end is None else top.end, path):
            if each.kind not in _IN_SEGMENT:
                raise _damaged(path, f"an unknown element before byte {each.start:,}")
            if each.end is None:
                return  # A live recording: only its decoder finds where this cluster ends.
            if each.end > size:
                raise _cut(path, each.end, size, f"in the element {_IN_SEGMENT[each.kind]}")
            _check_sum(file, each, path)
            if each.kind == _CLUSTER:
                _check_cluster(file, each, path)
        return
    raise _damaged(path, "no segment")


def _check_sum(file: BinaryIO, element: _Element, path: Path) -> None:
    assert element.end is not None
    file.seek(element.start)
    content = file.read(element.end - element.start)
    # A checksum is the first child: its kind, its size (4), and its value.
    if content[:2] != bytes([_CRC32, 0x84]):
        return
    if zlib.crc32(content[6:]) != int.from_bytes(content[2:6], "little"):
        raise _damaged(path, f"another checksum of the element {_IN_SEGMENT[element.kind]}")


def _check_cluster(file: BinaryIO, cluster: _Element, path: Path) -> None:
    assert cluster.end is not None
    for each in _elements(file, cluster.start, cluster.end, path):
        if each.kind not in _IN_CLUSTER or each.end is None or each.end > cluster.end:
            raise _damaged(path, f"a damaged block before byte {each.start:,}")


def _elements(file: BinaryIO, start: int, end: int, path: Path) -> Iterator[_Element]:
    """The EBML elements between two bytes."""
    while start < end:
        file.seek(start)
        head = file.read(_HEAD_BYTES)
        kind_length = _vint_length(head)
        size_length = _vint_length(head[kind_length:]) if kind_length else 0
        if not 1 <= kind_length <= 4 or not size_length or len(head) < kind_length + size_length:
            raise _damaged(path, f"no element at byte {start:,}")
        kind = int.from_bytes(head[:kind_length], "big")
        # The size is what follows the first one bit; all ones mean that it is unknown.
        value = int.from_bytes(head[kind_length : kind_length + size_length], "big")
        unknown = (1 << (7 * size_length)) - 1
        length = value & unknown
        content = start + kind_length + size_length
        yield _Element(kind, content, None if length == unknown else content + length)
        start = end if length == unknown else content + length


def _vint_length(head: bytes) -> int:
    """Bytes of a variable-length integer: one more than the zero bits that it starts with; 0 for none."""
    return 9 - head[0].bit_length() if head and head[0] else 0


def _cut(path: Path, expected: int, found: int, where: str) -> CutShort:
    return CutShort(
        f"{path} is cut short", expected=f"{expected:,} bytes", found=f"{found:,}, it ends {where}", hint=HINT
    )


def _damaged(path: Path, found: str) -> BadInput:
    return BadInput(f"{path} does not decode", expected="a video", found=found, hint=HINT)
