"""Short videos with moving texture, and decoders that tests compare with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.ingest.stimuli.decord_reader import load_decord

RATE = 24


def moving_texture(frames: int, width: int, height: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Frames (height, width, 3) uint8 of coloured squares that move, with noise."""
    random = np.random.default_rng(seed)
    squares = random.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3))
    texture = squares.repeat(8, axis=0).repeat(8, axis=1)
    for frame in range(frames):
        moved = np.roll(texture, (2 * frame, 3 * frame), axis=(0, 1))[:height, :width]
        yield np.clip(moved + random.normal(0, 6, moved.shape), 0, 255).astype(np.uint8)


def write_texture(
    path: Path,
    codec: str = "libx264",
    *,
    frames: int = 6,
    size: tuple[int, int] = (64, 48),
    pixels: str = "yuv420p",
    encoder: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    ticks: list[int] | None = None,
    seed: int = 0,
    pictures: Sequence[np.ndarray] | None = None,
    metadata: dict[str, str] | None = None,
    **properties: Any,
) -> Path:
    """A video of `moving_texture`, or of `pictures`; `size` is width, height.

    Parameters
    ----------
    ticks : presentation time of each frame in tenths of a frame; None for a constant rate.
    properties : of the encoder, such as `colorspace` and `color_range`.
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=muxer or {}) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=Fraction(RATE), options=encoder or {})
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        for name, value in properties.items():
            setattr(stream.codec_context, name, value)
        if ticks is not None:
            stream.codec_context.time_base = Fraction(1, 10 * RATE)
        for index, picture in enumerate(pictures or moving_texture(frames, *size, seed)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            for name, value in properties.items():
                setattr(frame, name, value)
            if ticks is not None:
                frame.pts, frame.time_base = ticks[index], Fraction(1, 10 * RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def decord_frames(path: Path) -> np.ndarray:
    """The frames that decord gives in one batch, (frames, height, width, 3) uint8."""
    reader = load_decord().VideoReader(str(path), num_threads=1)
    return reader.get_batch(range(len(reader))).asnumpy()


def frames_repaired_in_silence(path: Path) -> list[tuple[object, ...]] | None:
    """What libav shows of a video if it may repair it: format, rotation and planes of each frame.

    None if it shows nothing.
    """
    import av

    shown: list[tuple[object, ...]] = []
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    continue
                shown += [_described(frame) for frame in frames]
    except (av.FFmpegError, IndexError, AttributeError):
        return None
    return shown


def _described(frame: Any) -> tuple[object, ...]:
    planes = tuple(bytes(plane) for plane in frame.planes)
    return (frame.format.name, frame.width, frame.height, frame.rotation, frame.colorspace, planes)
