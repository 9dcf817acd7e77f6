"""The demo's clips: the plan of their content, the rendering of frames, and the encoding as H.264."""

from __future__ import annotations

import csv
import io
import os
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.demo.backgrounds import BACKGROUNDS, background
from alignhouse.demo.objects import PAINTERS
from alignhouse.demo.shapes import Pen
from alignhouse.warehouse.errors import BadInput

SIDE = 268
"""Height and width in pixels, as in the BOLD Moments data set."""

FRAMES_AT = {24: 8, 30: 10}
"""Frame rate -> number of frames: every clip lasts a third of a second (the real ones last three seconds)."""

FIRST_TEST, LAST_TEST, LAST_TRAIN = 1001, 1102, 1000
"""Numbers of the test videos, and of the last training video, in the real data set."""

CATEGORIES_FILE = Path(__file__).with_name("categories.csv")

Frames = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Category:
    """An object category: its name and its properties as numbers."""

    name: str
    properties: tuple[float, ...]


@dataclass(frozen=True)
class Clip:
    """The content of one clip. Direction in degrees (0 right, 90 down), speed in pixels per second."""

    identifier: str
    split: str
    category: str
    frame_rate: int
    frames: int
    background: str
    direction: float
    speed: float
    size: float
    x: float
    y: float


def random_stream(seed: int, *names: str) -> np.random.Generator:
    """A generator that depends only on the seed and the names, not on earlier draws."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def load_categories(path: Path = CATEGORIES_FILE) -> tuple[Category, ...]:
    """The categories of a CSV file with columns category, any number of properties, description.

    Raises BadInput if a property is not a number, or if there is no painter for a category.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    categories = []
    for row in rows:
        name = row.pop("category")
        row.pop("description")
        if name not in PAINTERS:
            raise BadInput(f"category {name!r} in {path.name}", expected=", ".join(PAINTERS), found=name)
        try:
            categories.append(Category(name, tuple(float(value) for value in row.values())))
        except ValueError as error:
            raise BadInput(
                f"category {name!r} in {path.name}", expected="numbers", found=str(error)
            ) from error
    return tuple(categories)


def plan_clips(seed: int, test: int, train: int, categories: Iterable[Category]) -> tuple[Clip, ...]:
    """The clips of both splits, in the order of their identifiers: training videos first.

    Categories, backgrounds and frame rates are balanced within a split and independent of each other.
    Raises BadInput if the real data set has fewer identifiers.
    """
    most_test = LAST_TEST - FIRST_TEST + 1
    for name, count, most in (("test", test, most_test), ("train", train, LAST_TRAIN)):
        if not 2 <= count <= most:
            raise BadInput(f"number of {name} clips of the demo data", expected=f"2 to {most}", found=count)
    names = [category.name for category in categories]
    return (*_plan_split(seed, "train", 1, train, names), *_plan_split(seed, "test", FIRST_TEST, test, names))


def _plan_split(seed: int, split: str, first: int, count: int, categories: list[str]) -> list[Clip]:
    rng = random_stream(seed, "plan", split)

    def shuffled(values: list[Any]) -> list[Any]:
        return [values[i] for i in rng.permutation(np.arange(count) % len(values))]

    kinds, scenes, rates = shuffled(categories), shuffled(list(BACKGROUNDS)), shuffled(list(FRAMES_AT))
    clips = []
    for i in range(count):
        x, y = rng.uniform(0.36, 0.64, size=2) * SIDE
        clips.append(
            Clip(
                identifier=f"{first + i:04d}",
                split=split,
                category=kinds[i],
                frame_rate=rates[i],
                frames=FRAMES_AT[rates[i]],
                background=scenes[i],
                direction=round(float(rng.uniform(0, 360)), 1),
                speed=round(float(rng.uniform(20, 260)), 1),
                size=round(float(rng.uniform(0.65, 1.35)), 3),
                x=round(float(x), 1),
                y=round(float(y), 1),
            )
        )
    return clips


def clips_table(clips: Iterable[Clip]) -> str:
    """The clips as the text of a CSV file with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Clip)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(clip) for clip in clips)
    return text.getvalue()


def render(clip: Clip, seed: int) -> Frames:
    """The frames of a clip: (frames, SIDE, SIDE, 3) uint8 RGB."""
    rng = random_stream(seed, "clip", clip.identifier)
    camera = rng.uniform(-60, 60, size=2)
    scene = background(clip.background, rng, SIDE, (float(camera[0]), float(camera[1])))
    paint = PAINTERS[clip.category](rng)
    direction = np.deg2rad(clip.direction)
    tilt, spin = rng.uniform(-0.15, 0.15), rng.uniform(-0.6, 0.6)
    lamp, grain = rng.uniform(-0.25, 0.25, size=2), rng.uniform(0.005, 0.02)
    middle = (clip.frames - 1) / clip.frame_rate / 2
    lighting = _lighting(float(lamp[0]), float(lamp[1]))
    frames = np.empty((clip.frames, SIDE, SIDE, 3), np.uint8)
    for i in range(clip.frames):
        time = i / clip.frame_rate
        frame = scene(time)
        shift = clip.speed * (time - middle)
        pen = Pen(
            frame,
            x=clip.x + shift * float(np.cos(direction)),
            y=clip.y + shift * float(np.sin(direction)),
            scale=clip.size * SIDE * 0.3,
            angle=tilt + spin * (time - middle),
            mirror=1 if np.cos(direction) >= 0 else -1,
        )
        paint(pen, time)
        seen = frame * lighting + grain * rng.standard_normal((SIDE, SIDE, 1), dtype=np.float32)
        frames[i] = np.clip(255 * seen + 0.5, 0, 255).astype(np.uint8)
    return frames


def _lighting(across: float, down: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    return np.asarray(1 + across * x + down * y - 0.12 * (x**2 + y**2), dtype=np.float32)[..., None]


def write_clip(frames: Frames, frame_rate: int, path: Path) -> None:
    """Encode frames (n, height, width, 3) uint8 RGB as H.264, yuv420p, in MP4; equal frames give equal bytes.

    The file is written under a temporary name and moved into place when it is complete.
    """
    import av

    partial = path.with_name(path.name + ".part")
    # One thread, and no encoder name or date in the container, so that the bytes depend only on the frames.
    with av.open(str(partial), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=frame_rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast", "threads": "1", "bf": "0", "flags": "+bitexact"}
        for i, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    os.replace(partial, path)


def read_clip(path: Path) -> Frames:
    """All frames of a video file: (n, height, width, 3) uint8 RGB."""
    import av

    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
