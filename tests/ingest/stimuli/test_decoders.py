"""PyAV and decord show the same frames of ordinary videos; elsewhere PyAV shows what the file says."""

from __future__ import annotations

import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_videos import decord_frames, write_texture

from alignhouse.ingest.stimuli.decord_reader import open_by_decord, read_by_decord
from alignhouse.ingest.stimuli.videos import Stimulus, StimulusInfo, find_stimuli, inspect, read_frames
from alignhouse.warehouse.errors import BadInput

ONE = 1 << 16
B_FRAMES = {"bf": "3", "g": "8"}
FAST_VP9 = {"cpu-used": "8", "deadline": "realtime"}
QUIET_HEVC = {"codec": "libx265", "encoder": {"x265-params": "log-level=none"}}
ALTERNATE = {"auto-alt-ref": "1", "lag-in-frames": "16"}

EQUAL: dict[str, dict[str, Any]] = {
    "plain.mp4": {},
    "b_frames.mp4": {"encoder": B_FRAMES, "frames": 20},
    "open_gop.mp4": {"encoder": {"x264-params": "open-gop=1:keyint=8:bframes=3"}, "frames": 20},
    "b_frames.mkv": {"encoder": B_FRAMES, "frames": 20},
    "quicktime.mov": {},
    "fragments.mp4": {"muxer": {"movflags": "frag_keyframe+empty_moov"}, "encoder": {"g": "3"}},
    "one_frame.mp4": {"frames": 1},
    "variable.mp4": {"ticks": [0, 10, 14, 40, 41, 70]},
    "variable.mkv": {"ticks": [0, 10, 14, 40, 41, 70], "encoder": {"bf": "2"}},
    "odd.mp4": {"size": (63, 47), "pixels": "yuv444p"},
    "full_range.mp4": {"color_range": 2},
    "bt709.mp4": {"colorspace": 1, "color_range": 2},
    "vp8.webm": {"codec": "libvpx", "encoder": ALTERNATE, "frames": 30},
    "vp9.webm": {"codec": "libvpx-vp9", "encoder": FAST_VP9},
    "mpeg4.avi": {"codec": "mpeg4", "encoder": {"bf": "2"}},
    "h264.avi": {"encoder": {"bf": "2"}},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "ffv1.mkv": {"codec": "ffv1"},
    "hevc.mp4": QUIET_HEVC,
    "hevc_422.mp4": {**QUIET_HEVC, "pixels": "yuv422p"},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "narrow.mp4": {"size": (10, 34)},
    "odd_width.mkv": {"codec": "ffv1", "size": (63, 48)},
    "mjpeg_422.avi": {"codec": "mjpeg", "pixels": "yuvj422p"},
    "grey.mkv": {"codec": "ffv1", "pixels": "gray"},
    "rgb.mkv": {"codec": "ffv1", "pixels": "bgr0"},
    "rgb.mp4": {"codec": "libx264rgb", "pixels": "rgb24"},
    "raw.avi": {"codec": "rawvideo", "pixels": "bgr24"},
    "bt709.mkv": {"colorspace": 1},
}
DIFFERENT: dict[str, tuple[str, dict[str, Any]]] = {
    "interlaced.mp4": ("interlaced", {"encoder": {"x264-params": "interlaced=1"}}),
    "odd.webm": ("yuv420p, 63 x 47", {"codec": "libvpx-vp9", "encoder": FAST_VP9, "size": (63, 47)}),
    "ten_bits.mp4": ("yuv420p10le", {"pixels": "yuv420p10le"}),
    "ten_bits.mkv": ("yuv422p10le", {"pixels": "yuv422p10le"}),
    "bt2020.mp4": ("yuv420p10le", {"colorspace": 9, "pixels": "yuv420p10le"}),
    "prores.mov": ("codec prores", {"codec": "prores_ks", "pixels": "yuv422p10le"}),
}


def info_of(path: Path) -> StimulusInfo:
    return inspect(Stimulus(path.stem, "test", path, "video"))


@pytest.mark.parametrize("name", EQUAL)
def test_frames_of_ordinary_videos_are_equal(tmp_path: Path, name: str) -> None:
    path = write_texture(tmp_path / name, **EQUAL[name])
    frames = read_frames(path)
    np.testing.assert_array_equal(frames, read_by_decord(path))
    np.testing.assert_array_equal(read_frames(path, "decord"), frames)
    info = info_of(path)
    assert info.unlike_decord == ""
    assert (info.frames, info.height, info.width, 3) == frames.shape
    assert len(frames) == EQUAL[name].get("frames", 6)
    assert info.fps == open_by_decord(path).get_avg_fps()


@pytest.mark.parametrize("name", DIFFERENT)
def test_videos_whose_frames_differ_are_named_with_the_reason(tmp_path: Path, name: str) -> None:
    reason, kind = DIFFERENT[name]
    path = write_texture(tmp_path / name, **kind)
    info, frames, other = info_of(path), read_frames(path), read_frames(path, "decord")
    assert reason in info.unlike_decord
    assert (info.frames, info.height, info.width, 3) == frames.shape == other.shape
    assert not np.array_equal(frames, other)


def test_decord_reads_as_it_does_in_the_published_code(tmp_path: Path) -> None:
    path = write_texture(tmp_path / "a.mp4", pixels="yuv420p10le")
    np.testing.assert_array_equal(read_frames(path, "decord"), decord_frames(path))


def test_a_codec_that_is_newer_than_decord_is_read_by_pyav_alone(tmp_path: Path) -> None:
    path = write_texture(tmp_path / "new.mp4", "libsvtav1")
    assert read_frames(path).shape == (6, 48, 64, 3)
    assert "codec" in info_of(path).unlike_decord
    with pytest.raises(BadInput, match=r"new\.mp4 does not decode with decord.*decoder = \"av\"") as caught:
        read_frames(path, "decord")
    assert "\n" not in str(caught.value)


def test_all_frames_of_the_real_clips_are_equal(test_data: Path) -> None:
    clips = find_stimuli(test_data / "paper_parity/clips", "test")
    assert len(clips) == 24
    for clip in [*clips, *find_stimuli(test_data / "clips", "test")[:1]]:
        assert inspect(clip).unlike_decord == ""
        np.testing.assert_array_equal(read_frames(clip.path), read_by_decord(clip.path))


@pytest.mark.slow
def test_all_frames_of_all_real_clips_are_equal(test_data: Path) -> None:
    clips = [path for path in sorted(test_data.rglob("*.mp4")) if "clips" in str(path.parent)]
    assert len(clips) >= 75
    for clip in clips:
        assert info_of(clip).unlike_decord == ""
        np.testing.assert_array_equal(read_frames(clip), read_by_decord(clip))


def smooth(frames: int, width: int, height: int) -> list[np.ndarray]:
    y, x = np.mgrid[:height, :width]
    waves = [
        (
            127 + 110 * np.sin(x / 17 + each),
            127 + 110 * np.cos(y / 13),
            127 + 110 * np.sin((x + y) / 23 - each),
        )
        for each in range(frames)
    ]
    return [np.stack(wave, axis=-1).round().astype(np.uint8) for wave in waves]


def by_the_formula(path: Path, red: float, blue: float) -> np.ndarray:
    """RGB of 10-bit limited-range 4:2:0 frames by ITU-R BT.601 or BT.2020, with colours at the left."""
    import av

    shown = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            luma, *chroma = (
                np.frombuffer(plane, "<u2").reshape(plane.height, -1)[:, : plane.width] / 4
                for plane in frame.planes
            )
            rows = np.clip(np.arange(frame.height) / 2 - 0.25, 0, frame.height / 2 - 1)
            columns = np.clip(np.arange(frame.width) / 2, 0, frame.width / 2 - 1)
            grey = (luma - 16) / 219
            b, r = ((enlarged(each, rows, columns) - 128) / 224 for each in chroma)
            r, b = grey + 2 * (1 - red) * r, grey + 2 * (1 - blue) * b
            g = (grey - red * r - blue * b) / (1 - red - blue)
            shown.append(255 * np.clip(np.stack([r, g, b], axis=-1), 0, 1))
    return np.stack(shown)


def enlarged(plane: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    at = np.arange(plane.shape[1])
    wide = np.stack([np.interp(columns, at, row) for row in plane])
    return np.stack([np.interp(rows, np.arange(len(wide)), column) for column in wide.T], axis=1)


@pytest.mark.parametrize(
    ("colorspace", "red", "blue"), [(5, 0.299, 0.114), (1, 0.2126, 0.0722), (9, 0.2627, 0.0593)]
)
def test_ten_bits_are_converted_by_the_formula(
    tmp_path: Path, colorspace: int, red: float, blue: float
) -> None:
    path = write_texture(
        tmp_path / "a.mp4",
        pixels="yuv420p10le",
        encoder={"crf": "10"},
        pictures=smooth(3, 64, 48),
        colorspace=colorspace,
        color_range=1,
    )
    expected = by_the_formula(path, red, blue)
    assert np.abs(read_frames(path) - expected).max() <= 1
    assert np.abs(read_frames(path, "decord") - expected).max() > 4


def with_matrix(path: Path, matrix: tuple[int, ...]) -> Path:
    """Write the display matrix of the first track of an mp4 file, whose header has version 0."""
    content = bytearray(path.read_bytes())
    start = content.find(b"tkhd") + 4 + 4 + 20 + 16
    content[start : start + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(content)
    return path


def shown_by(frames: np.ndarray, a: int, b: int, c: int, d: int) -> np.ndarray:
    """Every pixel (x, y) moved to (a x + c y, b x + d y), and the picture back to the origin."""
    height, width = frames.shape[1:3]
    y, x = np.mgrid[:height, :width]
    to_x, to_y = a * x + c * y, b * x + d * y
    to_x, to_y = to_x - to_x.min(), to_y - to_y.min()
    shown = np.empty((len(frames), to_y.max() + 1, to_x.max() + 1, 3), np.uint8)
    shown[:, to_y, to_x] = frames
    return shown


ORIENTATIONS = {
    "right": (0, 1, -1, 0),
    "half": (-1, 0, 0, -1),
    "left": (0, -1, 1, 0),
    "upside_down": (1, 0, 0, -1),
    "mirrored": (-1, 0, 0, 1),
    "transposed": (0, 1, 1, 0),
    "right_and_mirrored": (0, -1, -1, 0),
}


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_frames_are_turned_and_mirrored_as_the_file_says(tmp_path: Path, name: str) -> None:
    size = width, height = 98, 66
    a, b, c, d = ORIENTATIONS[name]
    # Encoded once: at an odd width of chroma, libav does not always encode the same frames to the same bytes.
    path = write_texture(tmp_path / f"{name}.mp4", size=size)
    plain = read_frames(path)
    matrix = (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, width * ONE, height * ONE, 1 << 30)
    path = with_matrix(path, matrix)
    frames, info = read_frames(path), info_of(path)
    np.testing.assert_array_equal(frames, shown_by(plain, a, b, c, d))
    assert (info.height, info.width) == frames.shape[1:3]
    assert "display matrix" in info.unlike_decord
    # decord applies only rotations, and takes a mirrored video for one that is turned by half.
    is_rotation = a * d - b * c == 1
    assert np.array_equal(frames, read_frames(path, "decord")) == is_rotation


def test_a_matrix_is_applied_though_another_decoder_than_libavs_own_decodes(tmp_path: Path) -> None:
    kind: dict[str, Any] = {"codec": "libvpx-vp9", "encoder": FAST_VP9}
    plain = read_frames(write_texture(tmp_path / "a.mp4", **kind))
    path = with_matrix(
        write_texture(tmp_path / "b.mp4", **kind), (-ONE, 0, 0, 0, ONE, 0, 64 * ONE, 0, 1 << 30)
    )
    np.testing.assert_array_equal(read_frames(path), plain[:, :, ::-1])
    assert "display matrix" in info_of(path).unlike_decord


def test_a_matrix_that_is_no_quarter_turn_is_refused(tmp_path: Path) -> None:
    path = with_matrix(write_texture(tmp_path / "skewed.mp4"), (ONE, ONE // 2, 0, 0, ONE, 0, 0, 0, 1 << 30))
    for read in (read_frames, info_of):
        with pytest.raises(BadInput, match=r"skewed\.mp4: its frames are .*expected quarter turns"):
            read(path)


def test_frames_that_an_edit_list_cuts_out_are_not_shown(tmp_path: Path) -> None:
    path = write_texture(tmp_path / "a.mp4", encoder=B_FRAMES, frames=20)
    whole = read_frames(path)
    content = bytearray(path.read_bytes())
    start = content.find(b"elst") + 12
    [duration] = struct.unpack(">I", content[start : start + 4])
    content[start : start + 4] = struct.pack(">I", duration // 2)
    path.write_bytes(content)
    frames = read_frames(path)
    np.testing.assert_array_equal(frames, whole[: len(frames)])
    assert 8 <= len(frames) <= 12
    info = info_of(path)
    assert info.frames == len(frames)
    assert "edit list" in info.unlike_decord
    # decord repeats the last frame instead.
    assert len(read_frames(path, "decord")) == len(whole)


def test_frames_of_several_sizes_are_refused(tmp_path: Path) -> None:
    import av

    path = tmp_path / "both.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for time, (width, height) in enumerate([(64, 48), (96, 64)]):
            encoder = av.VideoCodecContext.create("mjpeg", "w")
            encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
            encoder.time_base = Fraction(1, 24)
            for packet in encoder.encode(av.VideoFrame(width, height, "yuvj420p")):
                packet.stream, packet.pts, packet.dts = stream, time, time
                container.mux(packet)
    for read in (read_frames, info_of):
        with pytest.raises(BadInput, match=r"both\.avi changes its size: .*\(48, 64\), \(64, 96\)"):
            read(path)


@pytest.mark.parametrize(
    ("loading", "works"),
    [
        ("from alignhouse.ingest.stimuli.decord_reader import load_decord; load_decord()", True),
        # decord's old libvpx refuses an encoder of a new libav.
        ("import decord", False),
    ],
)
def test_decord_leaves_pyav_its_own_codecs(loading: str, works: bool) -> None:
    code = (
        f"{loading}\n"
        "import fractions, av\n"
        "encoder = av.VideoCodecContext.create('libvpx', 'w')\n"
        "encoder.width, encoder.height, encoder.pix_fmt = 64, 48, 'yuv420p'\n"
        "encoder.time_base = fractions.Fraction(1, 24)\n"
        "encoder.open()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode == 0) == works, done.stderr
