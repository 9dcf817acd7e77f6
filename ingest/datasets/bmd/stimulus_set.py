"""Unpacks the zip of the BOLD Moments videos, and checks that all videos are there.

The zip is available under terms of use and has a password. Its content is not trusted: only members with the
name of a video are read, their size and checksum are checked, and no path is taken from the zip.
"""

from __future__ import annotations

import contextlib
import copy
import re
import stat
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignhouse.ingest.datasets.bmd.videos import missing_videos, split_of_video, videos_of_split
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import replacing, require_free_space
from alignhouse.warehouse.progress import Progress, Silent

_H264_MEMBER = re.compile(r"(?:.*/)?(mp4_h264)/([0-9]{4})\.mp4", re.DOTALL)
# train/ and test/ may be in a folder stimuli/ at any depth, at the top of the zip, or one level below.
_SPLIT_MEMBER = re.compile(r"(?:(?:.*/)?stimuli/|[^/]+/)?(train|test)/([0-9]{4})\.mp4", re.DOTALL)
# For other compressions (bzip2, LZMA), Python unpacks a chunk into unlimited memory.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# WinZip's AES encryption, https://www.winzip.com/en/support/aes-encryption/, is method 99. Its second version
# has an authentication code instead of the CRC.
_AES_METHOD = 99
_AES_WITHOUT_CRC = 2
_ENCRYPTED = 0x1
_CHUNK = 1 << 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError)
# Videos are compressed already: a zip of them is hardly smaller. A small zip may be of made-up videos.
_UNPACKED_BYTES, _UNPACKED_RATIO = 2**26, 20
_ELSE = "unpack the zip with another program and name the folder"


def unpack_stimuli(
    zip_path: Path, to: Path, *, password: str | None, progress: Progress | None = None
) -> Path:
    """Unpack the videos of the stimulus set, and nothing else, into a folder that `find_videos` reads.

    Unpacks the H.264 copies (mp4_h264/) if the zip has them, else train/ and test/. A video is written whole
    or not at all. Existing equal videos are kept, so an interrupted call can be repeated.

    Parameters
    ----------
    zip_path : the zip. to : the folder to unpack into; created if missing.
    password : from the terms of use; None for a zip that is not encrypted.
    progress : counts the videos.

    Returns `to`.

    Raises
    ------
    BadInput : the zip is missing or damaged, has no videos, or has two members with the same name; a member
        is not a plain file or contradicts its header; the password is missing or wrong; the disk is too full.
    """
    zip_path, to = Path(zip_path), Path(to)
    progress = progress or Silent()
    if to.exists() and not to.is_dir():
        raise BadInput(f"cannot unpack into {to}", expected="a folder", found="a file")
    with _open(zip_path) as (archive, damage):
        zip_file = _Zip(
            zip_path, archive, damage, password.encode(errors="surrogateescape") if password else None
        )
        members = _videos(zip_path, archive.infolist())
        todo = {
            place: member for place, member in members.items() if not _is_there(to / place, zip_file, member)
        }
        if not password and any(member.flag_bits & _ENCRYPTED for member in todo.values()):
            raise _no_password(zip_path)
        _refuse_bombs(zip_path, sum(member.file_size for member in members.values()))
        require_free_space(
            to,
            sum(member.file_size for member in todo.values()),
            "for the videos",
            "free some, or unpack elsewhere",
        )
        progress.stage("Unpacking videos", len(todo), len(members) - len(todo))
        for place, member in todo.items():
            progress.job(place.name)
            with replacing(to / place) as temporary, temporary.open("wb") as file:
                for chunk in zip_file.chunks(member):
                    file.write(chunk)
            progress.job_done()
    return to


def require_videos(names: Iterable[str], split: str = "all", most: int = 4) -> None:
    """Raise BadInput with the first missing names unless all videos of a split are present.

    Parameters
    ----------
    names, split : as for `missing_videos`.
    most : how many missing videos to list.
    """
    missing = missing_videos(names, split)
    if missing:
        expected = videos_of_split(split)
        more = f" and {len(missing) - most:,} more" if len(missing) > most else ""
        raise BadInput(
            f"{len(missing):,} of the {len(expected):,} videos of BOLD Moments are missing (split {split})",
            expected=f"{expected[0]} to {expected[-1]}",
            found=f"all but {', '.join(missing[:most])}{more}",
            hint="unpack the stimulus set's zip again",
        )


@dataclass(frozen=True)
class _Zip:
    """An open zip. `damage` lists the exceptions that its reader raises for damaged content."""

    path: Path
    archive: Any
    damage: tuple[type[Exception], ...]
    password: bytes | None

    def chunks(self, member: Any) -> Iterator[bytes]:
        """Yield the content of a member in pieces; CRC and size are checked at the end."""
        encrypted = bool(member.flag_bits & _ENCRYPTED)
        if encrypted and self.password is None:
            raise _no_password(self.path)
        # Python's reader stops at the declared size. Continue reading, to detect a larger member.
        uncut = copy.copy(member)
        uncut.file_size = sys.maxsize
        left = member.file_size
        failed = f"{member.filename} in {self.path} does not unpack"
        try:
            with self.archive.open(uncut, pwd=self.password if encrypted else None) as source:
                while chunk := source.read(min(_CHUNK, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        break
                    yield chunk
        except NotImplementedError as error:
            raise BadInput(failed, found=str(error), hint=_ELSE) from error
        except self.damage as error:
            # The password check accepts a wrong password for one in 256 (ZipCrypto) or 65,536 (AES) members.
            # Such a member then looks damaged.
            hint = "check the password; if it is right, " if encrypted else ""
            raise BadInput(
                failed,
                expected="a whole zip and the password of its terms of use" if encrypted else "a whole zip",
                found=str(error) or type(error).__name__,
                hint=f"{hint}fetch the zip again",
            ) from error
        if left:
            raise BadInput(
                failed,
                expected=f"{member.file_size:,} bytes, as it declares",
                found="more" if left < 0 else f"{member.file_size - left:,}",
                hint="fetch the zip again",
            )


@contextlib.contextmanager
def _open(path: Path) -> Iterator[tuple[Any, tuple[type[Exception], ...]]]:
    if not path.is_file():
        raise BadInput(f"there is no file {path}", expected="the zip of the stimulus set")
    damage: tuple[type[Exception], ...] = _DAMAGE
    with contextlib.ExitStack() as stack:
        try:
            archive: Any = stack.enter_context(zipfile.ZipFile(path))
            if any(member.compress_type == _AES_METHOD for member in archive.infolist()):
                pyzipper = _pyzipper(path)
                damage = (*_DAMAGE, pyzipper.BadZipFile)
                archive = stack.enter_context(pyzipper.AESZipFile(path))
        except damage as error:
            with path.open("rb") as file:
                begins_well = file.read(2) == b"PK"
            raise BadInput(
                f"{path} is " + ("cut short or damaged" if begins_well else "no zip"),
                expected="the zip of the stimulus set",
                found=str(error),
                hint="fetch it again" if begins_well else "a page may have been saved in its place",
            ) from error
        yield archive, damage


def _pyzipper(path: Path) -> Any:
    try:
        import pyzipper
    except ModuleNotFoundError as error:
        raise BadInput(
            f"{path} is encrypted with AES",
            expected="the package pyzipper",
            hint="pip install 'alignhouse[download]'",
        ) from error
    return pyzipper


def _videos(path: Path, members: Iterable[Any]) -> dict[Path, Any]:
    """Path to unpack to -> member, sorted by path."""
    members = list(members)
    for pattern in (_H264_MEMBER, _SPLIT_MEMBER):
        found: dict[Path, Any] = {}
        for member in members:
            match = pattern.fullmatch(member.filename)
            if match is None or split_of_video(match[2]) is None:
                continue
            place = Path(match[1], f"{match[2]}.mp4")
            _refuse_oddities(path, member, match[1], match[2])
            other = found.setdefault(place, member)
            if other is not member:
                raise BadInput(
                    f"{path} has two members for {place}",
                    expected="one",
                    found=f"{other.filename} and {member.filename}",
                    hint="fetch the zip again",
                )
        if found:
            return dict(sorted(found.items()))
    raise BadInput(
        f"{path} holds no videos of the stimulus set",
        expected="mp4_h264/0001.mp4, ... or stimuli/train/0001.mp4, ...",
        found=f"{len(members):,} members"
        + "".join(f", the first {member.filename}" for member in members[:1]),
        hint="is this the zip of the stimulus set?",
    )


def _refuse_oddities(path: Path, member: Any, folder: str, name: str) -> None:
    if folder in ("train", "test") and folder != split_of_video(name):
        raise BadInput(
            f"{member.filename} in {path} is in the wrong split", expected=split_of_video(name), found=folder
        )
    # The upper half of the attributes is the Unix file mode, 0 in zips made on other systems.
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        found = "a symbolic link" if kind == stat.S_IFLNK else "none"
        raise BadInput(f"{member.filename} in {path}", expected="a plain file", found=found)
    if member.compress_type not in _METHODS:
        raise BadInput(
            f"{member.filename} in {path} does not unpack",
            expected="a member stored or deflated",
            found=f"method {member.compress_type}",
            hint=_ELSE,
        )


def _is_there(path: Path, zip_file: _Zip, member: Any) -> bool:
    if not path.is_file() or path.stat().st_size != member.file_size:
        return False
    without_crc = getattr(member, "wz_aes_version", None) == _AES_WITHOUT_CRC
    expected = _crc(zip_file.chunks(member)) if without_crc else member.CRC
    with path.open("rb") as file:
        return _crc(iter(lambda: file.read(_CHUNK), b"")) == expected


def _crc(chunks: Iterable[bytes]) -> int:
    crc = 0
    for chunk in chunks:
        crc = zlib.crc32(chunk, crc)
    return crc


def _refuse_bombs(path: Path, declared: int) -> None:
    """Refuse members that declare far more than the zip holds; a member that lies is stopped at its size."""
    size = path.stat().st_size
    allowed = max(_UNPACKED_BYTES, _UNPACKED_RATIO * size)
    if declared > allowed:
        raise BadInput(
            f"{path} unpacks to far more than videos do",
            expected=f"at most {allowed:,} bytes from {size:,}",
            found=f"{declared:,}",
            hint="is this the zip of the stimulus set?",
        )


def _no_password(path: Path) -> BadInput:
    return BadInput(
        f"{path} is encrypted",
        expected="its password",
        hint="it comes with the stimulus set's terms of use",
    )
