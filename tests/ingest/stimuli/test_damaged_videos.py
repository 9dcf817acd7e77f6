"""Damaged videos are refused, with the same message each time; intact ones keep their frames."""

from __future__ import annotations

import random
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_videos import decord_frames, frames_repaired_in_silence, write_texture

from alignhouse.ingest.stimuli.containers import CutShort, check_container
from alignhouse.ingest.stimuli.decoding import check_video, hides_its_frame
from alignhouse.ingest.stimuli.videos import Stimulus, inspect, read_frames, read_inspected_frames
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import sha256_of

LARGE: dict[str, Any] = {"size": (240, 192), "frames": 5}
FAST_VP9 = {"cpu-used": "8", "deadline": "realtime"}
CHANGED_BYTES = 5
ONE = 1 << 16
B_FRAMES = {"bf": "3", "g": "8"}
ALTERNATE = {"auto-alt-ref": "1", "lag-in-frames": "16"}


def refusal(path: Path) -> str | None:
    try:
        check_video(path)
    except BadInput as error:
        return str(error)
    return None


def damaged_copies(path: Path, count: int) -> list[bytes]:
    """Copies of a file: every fifth is cut short, five random bytes of the others are changed."""
    content, copies = path.read_bytes(), []
    for seed in range(count):
        chance = random.Random(f"{path.name} {seed}")
        changed = bytearray(content)
        if seed % 5 == 4:
            del changed[chance.randrange(1, len(changed)) :]
        else:
            for place in chance.sample(range(len(changed)), CHANGED_BYTES):
                changed[place] ^= chance.randrange(1, 256)
        copies.append(bytes(changed))
    return copies


@pytest.mark.parametrize(
    ("name", "codec", "encoder", "count", "may_pass"),
    [
        ("a.mp4", "libx264", {"crf": "18"}, 50, 0),
        ("cavlc.mp4", "libx264", {"coder": "0", "bf": "2"}, 20, 0),
        ("a.mkv", "libx264", {"crf": "18"}, 40, 0),
        ("a.webm", "libvpx-vp9", FAST_VP9, 50, 0),
        ("h264.avi", "libx264", {"crf": "18"}, 20, 0),
        # Codes of this codec have no redundancy: some damage gives another valid video.
        ("mpeg4.avi", "mpeg4", {"qscale": "3"}, 20, 2),
    ],
)
def test_damaged_videos_are_refused_with_the_same_message_twice(
    tmp_path, name, codec, encoder, count, may_pass
):
    clean = write_texture(tmp_path / name, codec, encoder=encoder, **LARGE)
    shown = frames_repaired_in_silence(clean)
    assert refusal(clean) is None
    damaged = tmp_path / f"damaged{clean.suffix}"
    passed, seen = [], 0
    for number, content in enumerate(damaged_copies(clean, count)):
        damaged.write_bytes(content)
        said = refusal(damaged)
        assert refusal(damaged) == said
        repaired = frames_repaired_in_silence(damaged)
        seen += repaired is not None and repaired != shown
        if said is None and repaired != shown:
            passed.append(number)
        if number % 5 == 4:
            assert said is not None
        if said is not None:
            assert str(damaged) in said
            assert "\n" not in said
    # Otherwise nothing would have been concealed, and the test would show nothing.
    assert seen > count / 3
    assert len(passed) <= may_pass


KINDS: dict[str, dict[str, Any]] = {
    "plain.mp4": {},
    "b_frames.mp4": {"encoder": B_FRAMES, "frames": 20},
    "open_gop.mp4": {"encoder": {"x264-params": "open-gop=1:keyint=8:bframes=3"}, "frames": 20},
    "b_frames.mkv": {"encoder": B_FRAMES, "frames": 20},
    "quicktime.mov": {},
    "fragments.mp4": {"muxer": {"movflags": "frag_keyframe+empty_moov"}, "encoder": {"g": "3"}},
    "one_frame.mp4": {"frames": 1},
    "interlaced.mp4": {"encoder": {"x264-params": "interlaced=1"}},
    "variable.mp4": {"ticks": [0, 10, 14, 40, 41, 70]},
    "variable.mkv": {"ticks": [0, 10, 14, 40, 41, 70], "encoder": {"bf": "2"}},
    "odd.mp4": {"size": (63, 47), "pixels": "yuv444p"},
    "odd.webm": {"codec": "libvpx-vp9", "encoder": FAST_VP9, "size": (63, 47)},
    "ten_bits.mp4": {"pixels": "yuv420p10le"},
    "ten_bits.mkv": {"pixels": "yuv422p10le"},
    "full_range.mp4": {"color_range": 2},
    "bt709.mp4": {"colorspace": 1, "color_range": 2},
    "bt2020.mp4": {"colorspace": 9, "pixels": "yuv420p10le"},
    "vp8.webm": {"codec": "libvpx", "encoder": ALTERNATE, "frames": 30},
    "vp9.webm": {"codec": "libvpx-vp9", "encoder": FAST_VP9},
    "hevc.mp4": {"codec": "libx265", "encoder": {"x265-params": "log-level=none"}},
    "mpeg4.avi": {"codec": "mpeg4", "encoder": {"bf": "2"}},
    "h264.avi": {"encoder": {"bf": "2"}},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "ffv1.mkv": {"codec": "ffv1"},
    "prores.mov": {"codec": "prores_ks", "pixels": "yuv422p10le"},
}


@pytest.mark.parametrize("name", KINDS)
def test_an_intact_video_of_any_kind_is_accepted_with_the_frames_that_decord_gives(tmp_path, name):
    path = write_texture(tmp_path / name, **KINDS[name])
    frames = read_frames(path)
    np.testing.assert_array_equal(frames, decord_frames(path))
    info = inspect(Stimulus(path.stem, "test", path, "video"))
    assert (info.frames, info.height, info.width, 3) == frames.shape
    assert len(frames) == KINDS[name].get("frames", 6)


def with_matrix(path: Path, matrix: tuple[int, ...]) -> Path:
    """Write the display matrix of the first track of an mp4 file, whose header has version 0."""
    content = bytearray(path.read_bytes())
    start = content.find(b"tkhd") + 4 + 4 + 20 + 16
    content[start : start + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(content)
    return path


def test_rotated_and_flipped_videos_keep_their_frames(tmp_path):
    size = width, height = 96, 64
    plain = read_frames(write_texture(tmp_path / "a.mp4", size=size))
    turned = {
        "right": ((0, ONE, 0, -ONE, 0, 0, height * ONE, 0, 1 << 30), np.rot90(plain, -1, axes=(1, 2))),
        "half": ((-ONE, 0, 0, 0, -ONE, 0, width * ONE, height * ONE, 1 << 30), plain[:, ::-1, ::-1]),
        "left": ((0, -ONE, 0, ONE, 0, 0, 0, width * ONE, 1 << 30), np.rot90(plain, 1, axes=(1, 2))),
        # decord applies only rotations, and takes a mirrored video for one that is turned by half.
        "upside_down": ((ONE, 0, 0, 0, -ONE, 0, 0, height * ONE, 1 << 30), plain),
        "mirrored": ((-ONE, 0, 0, 0, ONE, 0, width * ONE, 0, 1 << 30), plain[:, ::-1, ::-1]),
    }
    for name, (matrix, expected) in turned.items():
        path = with_matrix(write_texture(tmp_path / f"{name}.mp4", size=size), matrix)
        frames = read_frames(path)
        np.testing.assert_array_equal(frames, decord_frames(path))
        assert frames.shape == expected.shape
        # Chroma is enlarged after the rotation, so colours differ a little.
        assert np.abs(frames.astype(int) - expected).mean() < 8


def test_frames_that_an_edit_list_cuts_out_are_no_damage(tmp_path):
    path = write_texture(tmp_path / "a.mp4", encoder=B_FRAMES, frames=20)
    content = bytearray(path.read_bytes())
    start = content.find(b"elst") + 12
    [duration] = struct.unpack(">I", content[start : start + 4])
    content[start : start + 4] = struct.pack(">I", duration // 2)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_frames(path), decord_frames(path))


def test_titles_in_any_encoding_are_accepted(tmp_path):
    path = write_texture(tmp_path / "a.mp4", metadata={"title": "Gabelstapler"})
    content = path.read_bytes()
    assert content.count(b"Gabelstapler") == 1
    path.write_bytes(content.replace(b"Gabelstapler", b"Gabelstaple\xe9"))
    assert refusal(path) is None


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_the_damaged_frame_is_named_in_the_order_of_presentation(tmp_path, name):
    import av

    path = write_texture(tmp_path / name, encoder=B_FRAMES, frames=16)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    times = sorted(packet.pts for packet in packets)
    assert [packet.pts for packet in packets] != times
    content = path.read_bytes()
    for packet in (packets[0], packets[2], packets[-1]):
        start = content.find(bytes(packet))
        damaged = bytearray(content)
        damaged[start + 6 : start + packet.size] = bytes(packet.size - 6)
        path.write_bytes(damaged)
        place = times.index(packet.pts) + 1
        assert f"{path} does not decode: expected a video, found frame {place} of 16 is damaged" in str(
            refusal(path)
        )


def test_a_packet_without_a_frame_is_refused_though_it_has_no_error(tmp_path):
    import av

    path = write_texture(tmp_path / "a.avi", "mpeg4", frames=6)
    with av.open(str(path)) as container:
        packet = [bytes(each) for each in container.demux(video=0) if each.size][3]
    # After the start code: type (2 bits), seconds (1), a marker, time (5 bits at 24 frames per second), a
    # marker, and "coded". A frame that is not coded shows nothing, without an error.
    coded = 0x80 >> (10 - 8)
    assert packet[:4] == b"\0\0\1\xb6"
    assert packet[5] & coded
    content = path.read_bytes()
    assert content.count(packet) == 1
    path.write_bytes(content.replace(packet, packet[:5] + bytes([packet[5] ^ coded]) + packet[6:]))
    with pytest.raises(BadInput, match="found 5 frames in 6 packets"):
        check_video(path)


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.avi", "fragments.mp4"])
def test_a_file_is_cut_short_wherever_it_ends(tmp_path, name):
    kind: dict[str, Any] = {
        "a.webm": {"codec": "libvpx-vp9", "encoder": FAST_VP9},
        "a.avi": {"codec": "mpeg4"},
        "fragments.mp4": KINDS["fragments.mp4"],
    }.get(name, {})
    path = write_texture(tmp_path / name, **kind)
    content = path.read_bytes()
    check_container(path)
    # Every place in the container's own data, and some in the frames. Fragments are complete files when they
    # end between two of them.
    ends = [*range(64, 400, 7), *range(400, len(content), 41), len(content) - 1]
    for end in ends:
        path.write_bytes(content[:end])
        said = refusal(path)
        assert said is not None, end
        if end > 1000 and name != "fragments.mp4":
            assert re.search("is cut short: expected .* (bytes|frames), found", said), said


def test_a_wrong_checksum_of_matroska_is_refused_though_the_frames_decode(tmp_path):
    path = write_texture(tmp_path / "a.mkv", metadata={"title": "Gabelstapler"})
    content = path.read_bytes()
    assert content.count(b"Gabelstapler") == 1
    path.write_bytes(content.replace(b"Gabelstapler", b"Gabelstapleq"))
    with pytest.raises(BadInput, match="found another checksum of the element Info"):
        check_video(path)


def test_bytes_after_the_last_box_are_accepted(tmp_path):
    for name in ("a.mp4", "a.avi", "a.mkv"):
        path = write_texture(tmp_path / name)
        path.write_bytes(path.read_bytes() + b"\0" * 100)
        check_container(path)
    path = write_texture(tmp_path / "b.mp4")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CutShort, match=r"b\.mp4 is cut short: expected [\d,]+ bytes, found [\d,]+, it ends"):
        check_container(path)


def test_hidden_frames_of_vp8_vp9_and_mpeg4_are_known():
    assert hides_its_frame("vp8", b"\x00\x00")
    assert not hides_its_frame("vp8", b"\x10\x00")
    assert hides_its_frame("vp9", b"\x80\x00")
    assert not hides_its_frame("vp9", b"\x82\x00")
    assert not hides_its_frame("vp9", b"\x88\x00")
    assert not hides_its_frame("vp9", b"\x80\xc0")
    assert hides_its_frame("vp9", b"\xb0\x00")
    assert not hides_its_frame("vp9", b"\xb1\x00")
    assert hides_its_frame("mpeg4", b"\x00\x00\x01\xb6\x51\x7f")
    assert not hides_its_frame("mpeg4", bytes(20))
    assert not hides_its_frame("h264", b"\x00")


def test_a_video_that_was_replaced_after_its_inspection_is_refused(tmp_path):
    path = write_texture(tmp_path / "a.mp4")
    digest = inspect(Stimulus("a", "test", path, "video")).sha256
    np.testing.assert_array_equal(read_inspected_frames(path, digest), read_frames(path))
    # An intact video: only its hash can tell.
    write_texture(path, seed=1)
    with pytest.raises(
        BadInput, match=rf"a\.mp4 has changed: expected sha256 {digest[:12]}, .*found"
    ) as caught:
        read_inspected_frames(path, digest)
    assert sha256_of(path)[:12] in str(caught.value)
    path.unlink()
    with pytest.raises(BadInput, match=r"no file .*a\.mp4"):
        read_inspected_frames(path, digest)
