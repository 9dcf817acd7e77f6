"""The zip of the stimulus set: only videos are unpacked, whole and checked."""

from __future__ import annotations

import random
import shutil
import stat
import struct
import sys
import zipfile
import zlib
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path

import pytest

from alignhouse.ingest.datasets.bmd.stimulus_set import unpack_stimuli
from alignhouse.ingest.datasets.bmd.videos import find_videos
from alignhouse.ingest.stimuli.videos import inspect
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.progress import Silent

PASSWORD = "look, a duck"


@dataclass
class Member:
    """A member for `write_zip`; `password` encrypts it, and all other fields may be false."""

    name: str
    data: bytes
    deflate: bool = True
    password: str | None = None
    declared: int | None = None
    method: int | None = None
    mode: int = 0


def crc_step(crc: int, byte: int) -> int:
    """The zip CRC over one more byte, without the inversions that zlib makes around it."""
    return zlib.crc32(bytes([byte]), crc ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


def zip_crypto(password: str, data: bytes, crc: int) -> bytes:
    """The traditional encryption of zips, section 6.1 of PKWARE's APPNOTE."""
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = crc_step(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = crc_step(keys[2], keys[1] >> 24)

    for byte in password.encode():
        update(byte)
    locked = bytearray()
    for byte in bytes(range(11)) + bytes([crc >> 24]) + data:
        half = (keys[2] | 2) & 0xFFFF
        locked.append(byte ^ ((half * (half ^ 1)) >> 8 & 0xFF))
        update(byte)
    return bytes(locked)


def write_zip(path: Path, *members: Member) -> Path:
    """Write a zip byte by byte, because Python's zipfile writes no ZipCrypto and no inconsistent zips."""
    body, directory = bytearray(), bytearray()
    for member in members:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(member.data) + packer.flush() if member.deflate else member.data
        crc = zlib.crc32(member.data)
        if member.password:
            packed = zip_crypto(member.password, packed, crc)
        method = (8 if member.deflate else 0) if member.method is None else member.method
        size = len(member.data) if member.declared is None else member.declared
        name = member.name.encode()
        shared = struct.pack(
            "<HHHHHLLLHH",
            20,
            1 if member.password else 0,
            method,
            0,
            0x21,
            crc,
            len(packed),
            size,
            len(name),
            0,
        )
        tail = struct.pack("<HHHLL", 0, 0, 0, member.mode << 16, len(body))
        directory += b"PK\1\2" + struct.pack("<H", 3 << 8 | 20) + shared + tail + name
        body += b"PK\3\4" + shared + name + packed
    count = len(members)
    end = struct.pack("<HHHHLLH", 0, 0, count, count, len(directory), len(body), 0)
    path.write_bytes(body + directory + b"PK\5\6" + end)
    return path


def content(name: str, size: int = 5000) -> bytes:
    return random.Random(name).randbytes(size // 2) + bytes(size - size // 2)


def videos(*names: str, folder: str = "stimulus_set/mp4_h264", **options: object) -> list[Member]:
    return [Member(f"{folder}/{name}.mp4", content(name), **options) for name in names]  # type: ignore[arg-type]


def write_aes(path: Path, *members: Member, version: int = 2) -> Path:
    import pyzipper

    encryption = {"force_wz_aes_version": version}
    with pyzipper.AESZipFile(
        path, "w", pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES, encryption_kwargs=encryption
    ) as archive:
        archive.setpassword(PASSWORD.encode())
        for member in members:
            archive.writestr(member.name, member.data)
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Watched(Silent):
    """Progress that records calls; it raises an interrupt at the video `stop_at`."""

    def __init__(self, stop_at: str | None = None) -> None:
        self.stop_at, self.stages, self.jobs, self.done = stop_at, [], [], 0

    def stage(self, title: str, todo: int, done_before: int) -> None:
        self.stages.append((todo, done_before))

    def job(self, label: str) -> None:
        if label == self.stop_at:
            raise KeyboardInterrupt
        self.jobs.append(label)

    def job_done(self) -> None:
        self.done += 1


def unpack(path: Path, to: Path, password: str | None = None, **options: object) -> dict[str, bytes]:
    assert unpack_stimuli(path, to, password=password, **options) == to  # type: ignore[arg-type]
    return files(to)


def test_only_the_h264_copies_are_unpacked_where_there_are_some(tmp_path):
    path = write_zip(
        tmp_path / "set.zip",
        *videos("0002", "1001", "0001"),
        *videos("0003", folder="stimulus_set/stimuli/train"),
        Member("stimulus_set/mp4_h264/", b""),
        Member("stimulus_set/mp4_h264/notes.txt", b"x"),
        Member("stimulus_set/mp4_h264/1103.mp4", b"x"),
        Member("stimulus_set/mp4_h264/0004.mp4.part", b"x"),
        Member("__MACOSX/stimulus_set/mp4_h264/._0005.mp4", b"x"),
        Member("stimulus_set/frames/0001/0001.jpg", b"x"),
        Member("stimulus_set/frames_middle/0001_45.jpg", b"x"),
    )
    found = unpack(path, tmp_path / "to")
    assert found == {f"mp4_h264/{name}.mp4": content(name) for name in ("0001", "0002", "1001")}
    assert [each.name for each in find_videos(tmp_path / "to", "train")] == ["0001", "0002"]


@pytest.mark.parametrize("above", ["", "top/", "a/b/stimuli/", "stimuli/"])
def test_without_h264_copies_the_train_and_test_folders_are_unpacked_without_the_localizer(tmp_path, above):
    path = write_zip(
        tmp_path / "set.zip",
        *videos("0001", folder=f"{above}train"),
        *videos("1002", folder=f"{above}test"),
        *videos("0007", folder=f"{above}localizer"),
        *videos("0008", folder="a/b/c/train"),
    )
    assert unpack(path, tmp_path / "to") == {
        "train/0001.mp4": content("0001"),
        "test/1002.mp4": content("1002"),
    }
    assert [each.name for each in find_videos(tmp_path / "to", "test")] == ["1002"]


@pytest.mark.parametrize("deflate", [True, False])
def test_zips_of_the_traditional_encryption_open_with_their_password(tmp_path, deflate):
    locked = videos("0001", "1001", password=PASSWORD, deflate=deflate)
    path = write_zip(tmp_path / "set.zip", *locked)
    with zipfile.ZipFile(path) as archive:  # the test's own encryption is the one that Python knows
        assert archive.read(locked[0].name, PASSWORD.encode()) == content("0001")
    assert unpack(path, tmp_path / "to", PASSWORD) == {
        f"mp4_h264/{name}.mp4": content(name) for name in ("0001", "1001")
    }


@pytest.mark.parametrize("version", [1, 2])
def test_zips_of_aes_encryption_open_with_their_password(tmp_path, version):
    path = write_aes(tmp_path / "set.zip", *videos("0001", "1001"), version=version)
    expected = {f"mp4_h264/{name}.mp4": content(name) for name in ("0001", "1001")}
    assert unpack(path, tmp_path / "to", PASSWORD) == expected
    again = Watched()
    assert unpack(path, tmp_path / "to", PASSWORD, progress=again) == expected
    assert again.stages == [(0, 2)]


@pytest.mark.parametrize("kind", ["ZipCrypto", "AES"])
@pytest.mark.parametrize(
    ("password", "message"),
    [
        (None, "set.zip is encrypted: expected its password .*terms of use"),
        ("", "set.zip is encrypted: expected its password"),
        ("a guess", "0001.mp4 in .*set.zip does not unpack: .*check the password"),
    ],
)
def test_a_missing_or_wrong_password_is_reported(tmp_path, kind, password, message):
    path = tmp_path / "set.zip"
    if kind == "AES":
        write_aes(path, *videos("0001"))
    else:
        write_zip(path, *videos("0001", password=PASSWORD))
    with pytest.raises(BadInput, match=message):
        unpack(path, tmp_path / "to", password)
    assert files(tmp_path) == {"set.zip": path.read_bytes()}


def test_a_wrong_password_that_passes_the_check_byte_still_writes_nothing(tmp_path):
    path = write_zip(tmp_path / "set.zip", *videos("0001", password=PASSWORD))
    with zipfile.ZipFile(path) as archive:

        def passes(guess: str) -> bool:
            try:
                archive.open(archive.infolist()[0], pwd=guess.encode()).close()
            except RuntimeError:
                return False
            return True

        guess = next(str(number) for number in range(100_000) if passes(str(number)))
    with pytest.raises(BadInput, match="check the password; if it is right, fetch the zip again"):
        unpack(path, tmp_path / "to", guess)
    assert files(tmp_path / "to") == {}


def test_a_zip_that_is_not_encrypted_needs_no_password_and_minds_none(tmp_path):
    path = write_zip(tmp_path / "set.zip", *videos("0001"))
    assert unpack(path, tmp_path / "to", PASSWORD) == {"mp4_h264/0001.mp4": content("0001")}


def test_without_the_package_for_aes_the_hint_says_how_to_get_it(tmp_path, monkeypatch):
    path = write_aes(tmp_path / "set.zip", *videos("0001"))
    monkeypatch.setitem(sys.modules, "pyzipper", None)
    with pytest.raises(BadInput, match=r"encrypted with AES: .*pip install 'alignhouse\[download\]'"):
        unpack(path, tmp_path / "to", PASSWORD)


def test_a_stopped_call_continues_where_it_stopped(tmp_path):
    path = write_zip(tmp_path / "set.zip", *videos("0001", "0002", "0003", password=PASSWORD))
    with pytest.raises(KeyboardInterrupt):
        unpack(path, tmp_path / "to", PASSWORD, progress=Watched(stop_at="0002.mp4"))
    assert list(files(tmp_path / "to")) == ["mp4_h264/0001.mp4"]
    kept = (tmp_path / "to/mp4_h264/0001.mp4").stat()
    watched = Watched()
    assert len(unpack(path, tmp_path / "to", PASSWORD, progress=watched)) == 3
    assert (watched.stages, watched.jobs, watched.done) == ([(2, 1)], ["0002.mp4", "0003.mp4"], 2)
    after = (tmp_path / "to/mp4_h264/0001.mp4").stat()
    assert (after.st_ino, after.st_mtime_ns) == (kept.st_ino, kept.st_mtime_ns)


@pytest.mark.parametrize("kind", ["plain", "AES"])
def test_a_file_that_is_there_with_other_content_is_replaced(tmp_path, kind):
    path = tmp_path / "set.zip"
    write_aes(path, *videos("0001", "0002")) if kind == "AES" else write_zip(path, *videos("0001", "0002"))
    folder = tmp_path / "to/mp4_h264"
    folder.mkdir(parents=True)
    (folder / "0001.mp4").write_bytes(b"\1" + content("0001")[1:])
    (folder / "0002.mp4").write_bytes(content("0002")[:-1])
    assert unpack(path, tmp_path / "to", PASSWORD) == {
        f"mp4_h264/{name}.mp4": content(name) for name in ("0001", "0002")
    }


def test_paths_in_the_zip_lead_nowhere_else(tmp_path):
    path = write_zip(
        tmp_path / "set.zip",
        *videos("0001", folder="../../mp4_h264"),
        *videos("0002", folder="/etc/mp4_h264"),
        Member("mp4_h264/../0003.mp4", b"x"),
        Member("../0004.mp4", b"x"),
    )
    unpack(path, tmp_path / "deep/to")
    assert list(files(tmp_path)) == ["deep/to/mp4_h264/0001.mp4", "deep/to/mp4_h264/0002.mp4", "set.zip"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([Member("mp4_h264/0001.mp4", b"/etc/passwd", mode=stat.S_IFLNK | 0o777)], "found a symbolic link"),
        ([Member("mp4_h264/0001.mp4", b"", mode=stat.S_IFIFO | 0o666)], "expected a plain file"),
        (videos("0001", folder="a/mp4_h264") + videos("0001", folder="b/mp4_h264"), "two members for"),
        (videos("0001") * 2, "two members for mp4_h264/0001.mp4: expected one"),
        (videos("1001", folder="stimuli/train"), "wrong split: expected test, found train"),
        (videos("0001", method=12), "found method 12 .*another program"),
        ([Member("frames/0001/0001.jpg", b"x")], "holds no videos .*found 1 members, the first frames"),
        ([], "holds no videos .*found 0 members"),
    ],
)
def test_ambiguous_zip_members_are_refused(tmp_path, members, message):
    path = write_zip(tmp_path / "set.zip", *members)
    with pytest.raises(BadInput, match=message):
        unpack(path, tmp_path / "to")
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("deflate", [True, False])
@pytest.mark.parametrize("size", [5000, 3 << 20])
def test_a_member_that_holds_more_or_less_than_it_declares_is_refused(tmp_path, deflate, size):
    data = content("0001", size)
    for declared, found in ((size - 1, "more"), (10, "more"), (0, "more"), (size + 1, f"{size:,}")):
        member = Member("mp4_h264/0001.mp4", data, deflate=deflate, declared=declared)
        path = write_zip(tmp_path / "set.zip", member)
        with pytest.raises(BadInput, match=f"expected {declared:,} bytes, as it declares, found {found}"):
            unpack(path, tmp_path / "to")
        assert files(tmp_path / "to") == {}
    path = write_zip(tmp_path / "set.zip", Member("mp4_h264/0001.mp4", data, deflate=deflate))
    assert unpack(path, tmp_path / "to") == {"mp4_h264/0001.mp4": data}


def test_a_damaged_zip_gives_whole_videos_or_an_error_that_names_it(tmp_path):
    chance = random.Random(0)
    whole = write_zip(tmp_path / "whole.zip", *videos("0001"), *videos("0002", password=PASSWORD))
    original = whole.read_bytes()
    expected = {f"mp4_h264/{name}.mp4": content(name) for name in ("0001", "0002")}
    errors = []
    for trial in range(300):
        # Put half of the damage into the directory at the end, where every byte matters.
        start = len(original) - 150 if trial % 2 else 0
        data = bytearray(original)
        data[chance.randrange(start, len(data))] ^= chance.randrange(1, 256)
        path = tmp_path / "bad.zip"
        path.write_bytes(data)
        shutil.rmtree(tmp_path / "to", ignore_errors=True)
        try:
            unpack(path, tmp_path / "to", PASSWORD)
        except BadInput as error:
            errors.append(str(error))
        assert files(tmp_path / "to").items() <= expected.items()
    assert len(errors) > 150
    assert all("bad.zip" in error or "too little space" in error for error in errors)


@pytest.mark.parametrize("version", [1, 2])
def test_a_damaged_zip_of_aes_encryption_is_refused(tmp_path, version):
    path = write_aes(tmp_path / "set.zip", *videos("0001"), version=version)
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"0001\.mp4 in .* does not unpack"):
        unpack(path, tmp_path / "to", PASSWORD)
    assert files(tmp_path / "to") == {}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no zip"),
        (b"<!DOCTYPE html><html>terms of use</html>", "is no zip: .*a page may have been saved"),
        ("cut", "is cut short or damaged: .*fetch it again"),
        (None, "there is no file"),
    ],
)
def test_a_file_that_is_not_a_zip_is_described_in_the_error(tmp_path, data, message):
    path = tmp_path / "set.zip"
    if data == "cut":
        path.write_bytes(write_zip(path, *videos("0001")).read_bytes()[:-60])
    elif data is not None:
        path.write_bytes(data)
    with pytest.raises(BadInput, match=message):
        unpack(path, tmp_path / "to")


def test_too_little_space_is_reported_before_anything_is_written(tmp_path, monkeypatch):
    path = write_zip(tmp_path / "set.zip", *videos("0001", "0002"))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 0, 9_999))
    with pytest.raises(BadInput, match="too little space .*expected 10,000 bytes free, found 9,999"):
        unpack(path, tmp_path / "new/to")
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 0, 10_000))
    assert len(unpack(path, tmp_path / "new/to")) == 2


def test_a_small_zip_that_unpacks_to_gigabytes_is_refused_before_the_disk_fills(tmp_path):
    zeros = bytes(2**26)
    # The first zip says what it unpacks to, the second hides it, the third lies about every member.
    for declared, message in (
        (None, "far more than videos do"),
        (10, "expected 10 bytes"),
        (2**32 - 1, "far more"),
    ):
        members = [Member(f"train/{name}.mp4", zeros, declared=declared) for name in ("0001", "0002")]
        path = write_zip(tmp_path / "bomb.zip", *members)
        assert path.stat().st_size < 200_000
        with pytest.raises(BadInput, match=message):
            unpack_stimuli(path, tmp_path / "videos", password=None)
        assert not any(each.is_file() for each in (tmp_path / "videos").rglob("*"))


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    path = write_zip(tmp_path / "set.zip", *videos("0001"))
    with pytest.raises(BadInput, match=r"cannot unpack into .*set\.zip: expected a folder"):
        unpack(path, path)


def test_real_clips_come_out_as_they_went_in(tmp_path, test_data):
    clips = find_videos(test_data / "more_clips/short102", "test")
    members = [Member(f"set/mp4_h264/{each.path.name}", each.path.read_bytes()) for each in clips[:6]]
    unpack_stimuli(write_aes(tmp_path / "set.zip", *members), tmp_path / "to", password=PASSWORD)
    found = find_videos(tmp_path / "to", "test")
    assert [inspect(each) for each in found] == [inspect(each) for each in clips[:6]]
