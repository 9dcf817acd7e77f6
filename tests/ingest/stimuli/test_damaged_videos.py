"""Damaged videos are refused, with the same message each time; intact ones keep their frames."""

from __future__ import annotations

import random
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_videos import frames_repaired_in_silence, write_texture

from alignhouse.ingest.stimuli.containers import CutShort, check_container
from alignhouse.ingest.stimuli.decoding import check_video, hides_its_frame
from alignhouse.ingest.stimuli.videos import Stimulus, inspect, read_frames, read_inspected_frames
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import sha256_of

LARGE: dict[str, Any] = {"size": (240, 192), "frames": 5}
FAST_VP9 = {"cpu-used": "8", "deadline": "realtime"}
FRAGMENTS: dict[str, Any] = {"muxer": {"movflags": "frag_keyframe+empty_moov"}, "encoder": {"g": "3"}}
CHANGED_BYTES = 5
B_FRAMES = {"bf": "3", "g": "8"}


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
        "fragments.mp4": FRAGMENTS,
    }.get(name, {})
    path = write_texture(tmp_path / name, **kind)
    content = path.read_bytes()
    check_container(path)
    # Every place in the container's own data, and some in the frames.
    ends = {*range(64, 400, 7), *range(400, len(content), 41), len(content) - 1}
    for end in sorted(ends - ends_between_fragments(content)):
        path.write_bytes(content[:end])
        said = refusal(path)
        assert said is not None, end
        if end > 1000 and name != "fragments.mp4":
            assert re.search("is cut short: expected .* (bytes|frames), found", said), said


def ends_between_fragments(content: bytes) -> set[int]:
    """Lengths at which an MP4 file is complete with fewer fragments, also with 7 more bytes."""
    found: set[int] = set()
    place = 0
    while content[4:8] == b"ftyp" and place < len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        if kind in (b"moof", b"mfra"):
            found.update(range(place, place + 8))
        place += size
    return found


def test_a_file_of_fragments_is_complete_only_where_a_fragment_ends(tmp_path):
    path = write_texture(tmp_path / "fragments.mp4", **FRAGMENTS)
    content = path.read_bytes()
    between = ends_between_fragments(content)
    first = min(between)
    refused = set()
    # Some ends in the frames, and each around the ends of fragments.
    ends = {
        *range(first, len(content), 41),
        *between,
        *(end + 8 for end in between),
        *(end - 8 for end in between),
    }
    for end in ends:
        path.write_bytes(content[:end])
        if refusal(path) is not None:
            refused.add(end)
    # Without any fragment, the file has no frame.
    assert ends - refused == between - set(range(first, first + 8))
    head = struct.unpack_from(">I", content, first)[0]
    path.write_bytes(content[: first + head])
    with pytest.raises(CutShort, match="it ends before the samples of its last fragment"):
        check_container(path)


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
