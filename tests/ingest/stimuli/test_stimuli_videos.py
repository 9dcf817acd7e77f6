"""Stimuli on disk are found, decoded, and matched with those of the brain data."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from alignhouse.ingest.stimuli.names import match_stimuli, natural_key
from alignhouse.ingest.stimuli.videos import Stimulus, find_stimuli, inspect, read_frames
from alignhouse.warehouse.errors import BadInput


def write_video(
    path: Path, frames: int = 6, fps: int = 12, size: tuple[int, int] = (48, 32), **options: str
) -> Path:
    """A video with one colour per frame, in H.264 (or MJPEG for .avi); `size` is width, height."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options) as container:
        codec, pixels = ("mjpeg", "yuvj420p") if path.suffix == ".avi" else ("libx264", "yuv420p")
        stream = container.add_stream(codec, rate=Fraction(fps))
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        for colours in plain_colours(frames):
            image = np.broadcast_to(colours, (size[1], size[0], 3)).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def plain_colours(frames: int) -> list[np.ndarray]:
    return [np.array([30 + 200 * (i % 2), 60, 20 * i % 240], dtype=np.uint8) for i in range(frames)]


def write_image(path: Path, mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Path:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, 0 if mode != "RGB" else (200, 100, 50)).save(path)
    return path


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def video(path: Path) -> Stimulus:
    return Stimulus(path.stem, "test", path, "video")


def names_of(folder: Path, split: str) -> list[str]:
    return [stimulus.name for stimulus in find_stimuli(folder, split)]


@pytest.mark.parametrize("splits", [("train", "test"), ("shared", "own")])
def test_folders_named_after_splits_hold_their_stimuli(tmp_path, splits):
    first, second = splits
    touch(tmp_path, f"{first}/b.mp4", f"{first}/a.mp4", f"{second}/c.mp4", "localizer/x.mp4", "y.mp4")
    assert [each.name for each in find_stimuli(tmp_path, first, splits)] == ["a", "b"]
    assert [(each.name, each.split) for each in find_stimuli(tmp_path, "all", splits)] == [
        ("a", first),
        ("b", first),
        ("c", second),
    ]


def test_all_files_of_a_flat_folder_belong_to_the_selected_split_in_natural_order(tmp_path):
    touch(tmp_path, "clip_10.MP4", "clip_2.mp4", "clip_1.avi", "._clip_1.mp4", "README.md")
    for split in ("test", "train", "all"):
        found = find_stimuli(tmp_path, split)
        assert [stimulus.name for stimulus in found] == ["clip_1", "clip_2", "clip_10"]
        assert {stimulus.split for stimulus in found} == {split}


def test_images_are_stimuli_of_one_frame(tmp_path):
    touch(tmp_path, "image_2.jpg", "image_10.png", "image_1.JPEG")
    found = find_stimuli(tmp_path, "test")
    assert [stimulus.name for stimulus in found] == ["image_1", "image_2", "image_10"]
    assert {stimulus.media for stimulus in found} == {"image"}


@pytest.mark.parametrize(
    ("files", "split", "message"),
    [
        (["a.mp4", "a.avi"], "test", "two stimuli are called a: .*a.avi and .*a.mp4"),
        (["train/0001.mp4", "test/0001.mp4"], "all", "two stimuli are called 0001"),
        (["a.mp4", "b.jpg"], "test", "mixes videos and images: .*a.mp4 and b.jpg"),
        (["notes.txt"], "test", "no stimuli of split test"),
        (["train/0001.mp4"], "test", "no stimuli of split test"),
        (["a.mp4"], "validation", "expected train, test, all, found validation"),
    ],
)
def test_ambiguous_folders_are_refused(tmp_path, files, split, message):
    touch(tmp_path, *files)
    with pytest.raises(BadInput, match=message):
        find_stimuli(tmp_path, split)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"no folder .*nowhere"):
        find_stimuli(tmp_path / "nowhere", "test")


@pytest.mark.parametrize(("fps", "frames"), [(24, 7), (30, 9)])
def test_a_video_is_described_by_what_decodes(tmp_path, fps, frames):
    path = write_video(tmp_path / "1001.mp4", frames, fps)
    info = inspect(video(path))
    assert (info.frames, info.fps, info.width, info.height) == (frames, fps, 48, 32)
    assert info.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert info.bytes == path.stat().st_size


def test_frames_come_in_order_as_rgb(tmp_path):
    frames = read_frames(write_video(tmp_path / "a.mp4", 5))
    assert frames.shape == (5, 32, 48, 3)
    assert frames.dtype == np.uint8
    np.testing.assert_allclose(frames.mean(axis=(1, 2)), plain_colours(5), atol=6)


@pytest.mark.parametrize("width", [8, 10, 16, 48, 62, 64, 100])
def test_videos_of_any_width_give_the_pixels_that_another_decoder_gives(tmp_path, width):
    import av

    path = write_video(tmp_path / "a.mp4", 4, size=(width, 34))
    with av.open(str(path)) as container:
        expected = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    np.testing.assert_allclose(read_frames(path).astype(int), expected, atol=1)
    assert inspect(video(path)).width == width


def test_an_image_is_one_rgb_frame_without_a_rate(tmp_path):
    path = write_image(tmp_path / "a.png")
    info = inspect(Stimulus("a", "test", path, "image"))
    assert (info.frames, info.fps, info.width, info.height) == (1, None, 40, 30)
    frames = read_frames(path)
    assert frames.shape == (1, 30, 40, 3)
    assert (frames == [200, 100, 50]).all()
    assert read_frames(write_image(tmp_path / "grey.jpg", "L")).shape == (1, 30, 40, 3)


def damaged(tmp_path: Path, kind: str) -> Path:
    if kind == "a cut avi":
        path = write_video(tmp_path / "bad.avi", 20)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return path
    path = write_video(tmp_path / "bad.mp4", 60, movflags="faststart")
    data = path.read_bytes()
    start = data.find(b"mdat")
    assert data.find(b"moov") < start
    changed = {
        "empty": b"",
        "text": b"hello world" * 100,
        "cut in the header": data[:200],
        "cut in the frames": data[: start + 100],
        "frames overwritten": data[: start + 4] + b"\xaa" * (len(data) - start - 4),
        "a page in its place": b"<!DOCTYPE html><html>not found</html>",
    }
    path.write_bytes(changed[kind])
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "empty",
        "text",
        "cut in the header",
        "cut in the frames",
        "frames overwritten",
        "a page in its place",
        "a cut avi",
    ],
)
def test_a_damaged_video_is_refused_in_one_line_that_names_it(tmp_path, kind):
    path = damaged(tmp_path, kind)
    with pytest.raises(BadInput) as caught:
        inspect(video(path))
    line = str(caught.value)
    assert str(path) in line
    assert "does not decode" in line or "is cut short" in line
    assert "\n" not in line
    assert ".cc:" not in line


def test_a_truncated_video_reports_how_many_frames_are_left(tmp_path):
    with pytest.raises(BadInput, match=r"bad\.avi is cut short: expected 20 frames, found \d+ "):
        inspect(video(damaged(tmp_path, "a cut avi")))


def test_a_file_without_pictures_is_refused(tmp_path):
    import av

    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    for read in (lambda: inspect(video(path)), lambda: read_frames(path)):
        with pytest.raises(BadInput, match=r"sound\.mp4 does not decode"):
            read()


def test_a_missing_file_is_refused_by_name(tmp_path):
    for name in ("a.mp4", "a.jpg"):
        with pytest.raises(BadInput, match=f"no file .*{name}"):
            read_frames(tmp_path / name)


@pytest.mark.parametrize("kind", ["empty", "cut", "text", "16 bits"])
def test_a_damaged_image_is_refused_by_name(tmp_path, kind):
    path = write_image(tmp_path / "bad.png", "I;16" if kind == "16 bits" else "RGB", (200, 200))
    data = path.read_bytes()
    if kind != "16 bits":
        path.write_bytes({"empty": b"", "cut": data[: len(data) // 2], "text": b"hello"}[kind])
    with pytest.raises(BadInput, match=r"bad\.png (does not decode|has no 8-bit)"):
        inspect(Stimulus("bad", "test", path, "image"))


def test_equal_names_match_in_any_order():
    match_stimuli(["b", "a"], ["a", "b"])


@pytest.mark.parametrize(
    ("found", "expected", "message"),
    [
        (["1001", "1003"], ["1001", "1002"], "expected 2 names, found 2: missing 1002; unexpected 1003"),
        (
            ["a"],
            [f"v{i}" for i in range(1, 12)],
            "expected 11 names, found 1: missing v1, v2, v3, v4 and 7 more; unexpected a",
        ),
        ([], ["a"], "found 0: missing a"),
        (["a", "a"], ["a", "b"], "found: a more than once"),
    ],
)
def test_names_that_differ_are_counted_and_shown(found, expected, message):
    with pytest.raises(BadInput, match=message):
        match_stimuli(found, expected)


def test_natural_order_counts_numbers_and_tells_all_names_apart():
    names = ["v10", "v2", "v02", "a", "10", "9", "1001", "v2b"]
    assert sorted(names, key=natural_key) == ["9", "10", "1001", "a", "v02", "v2", "v2b", "v10"]
    assert len({natural_key(name) for name in names}) == len(names)


def test_importing_the_readers_loads_no_decoder():
    code = (
        "import sys, alignhouse.ingest.stimuli.videos, alignhouse.ingest.datasets.bmd.layout;"
        "import alignhouse.ingest.betas.brain_rdms, alignhouse.ingest.datasets.rdms.files;"
        "print(sorted({'torch', 'decord', 'av', 'PIL', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_real_clips_decode_to_what_other_decoders_count(test_data):
    import av

    found = find_stimuli(test_data / "paper_parity/clips", "test")
    assert [stimulus.name for stimulus in found] == [f"{i}" for i in range(1001, 1025)]
    for stimulus in [*found[:3], *find_stimuli(test_data / "clips", "test")]:
        info = inspect(stimulus)
        with av.open(str(stimulus.path)) as container:
            stream = container.streams.video[0]
            decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
            assert info.fps == pytest.approx(float(stream.average_rate))
        assert (info.frames, info.height, info.width, 3) == (len(decoded), *decoded[0].shape)
        if stimulus.name.isdigit():
            difference = np.abs(read_frames(stimulus.path).astype(int) - np.stack(decoded))
            assert difference.mean() < 1


def test_clips_of_several_rates_decode_whole(test_data):
    for folder, counts in (("full24", {90, 72, 45}), ("frames24", {24})):
        found = find_stimuli(test_data / "more_clips" / folder, "test")
        assert len(found) == 24
        infos = [inspect(stimulus) for stimulus in found]
        assert {info.frames for info in infos} == counts
        assert {(info.width, info.height) for info in infos} == {(268, 268)}


def test_the_78_photographs_are_in_the_order_of_their_conditions(test_data):
    found = find_stimuli(test_data / "cichy78/stimuli", "test")
    assert [stimulus.name for stimulus in found] == [f"image_{i:02d}" for i in range(1, 79)]
    match_stimuli([stimulus.name for stimulus in found], [f"image_{i:02d}" for i in range(78, 0, -1)])
    for stimulus in found:
        info = inspect(stimulus)
        assert (info.frames, info.fps) == (1, None)
