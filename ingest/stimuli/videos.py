"""Stimuli on disk: which there are, and what is in them once decoded.

Videos are decoded with decord, photographs with Pillow; a photograph is a stimulus of one frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from alignhouse.ingest.stimuli.names import match_stimuli, natural_key
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import sha256_of

if TYPE_CHECKING:
    from decord import VideoReader

__all__ = [
    "Stimulus",
    "StimulusInfo",
    "find_stimuli",
    "inspect",
    "match_stimuli",
    "numbered_split",
    "numbered_videos",
    "read_frames",
]

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
SPLITS = ("train", "test", "all")
_H264 = "mp4_h264"
# BOLD Moments: videos 0001-1000 are the training split, 1001-1102 the test split.
_LAST_TRAINING_VIDEO = 1000
_LAST_VIDEO = 1102
_EIGHT_BIT_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")

Media = Literal["video", "image"]


@dataclass(frozen=True)
class Stimulus:
    """One stimulus: its identifier is the file's name without suffix ("1001", "image_01")."""

    name: str
    split: str
    path: Path
    media: Media


@dataclass(frozen=True)
class StimulusInfo:
    """What decoding showed.

    frames : how many decode. fps : frames a second, None for an image. width, height : pixels.
    sha256, bytes : of the file.
    """

    frames: int
    fps: float | None
    width: int
    height: int
    sha256: str
    bytes: int


def find_stimuli(folder: Path, split: str) -> list[Stimulus]:
    """The stimuli of a split, in natural order of their names.

    Parameters
    ----------
    folder : the BOLD Moments stimulus set (mp4_h264/, else train/ and test/, in it or in its stimuli/), or a
        flat folder of videos or of images. A flat folder whose names are all numbers of BOLD Moments videos,
        some above 1000, is parted by number, as mp4_h264/ is; any other is taken to be the split asked for.
    split : "train", "test" or "all".

    Raises BadInput where the folder is missing, mixes videos and images, or has no stimulus of the split, and
    where two files share an identifier.
    """
    if split not in SPLITS:
        raise BadInput("unknown split of stimuli", expected=", ".join(SPLITS), found=split)
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}", expected="stimuli")
    stimuli = [each for each in _listing(folder, split) if split in ("all", each.split)]
    if not stimuli:
        raise BadInput(
            f"no stimuli of split {split} in {folder}", expected="videos (mp4, ...) or images (jpg, png)"
        )
    stimuli.sort(key=lambda stimulus: natural_key(stimulus.name))
    _refuse_duplicates(stimuli)
    if len({stimulus.media for stimulus in stimuli}) > 1:
        first = {stimulus.media: stimulus.path.name for stimulus in reversed(stimuli)}
        raise BadInput(
            f"{folder} mixes videos and images",
            expected="one kind",
            found=f"{first['video']} and {first['image']}",
        )
    return stimuli


def inspect(stimulus: Stimulus) -> StimulusInfo:
    """Decode all of a stimulus and describe it.

    Raises BadInput, naming the file, where it does not decode, has no frames, or decodes to fewer frames than
    its header says. (Matroska and WebM headers do not say.)
    """
    path = stimulus.path
    fps: float | None = None
    if stimulus.media == "image":
        height, width, _ = _read_image(path).shape
        frames = 1
    else:
        frames, height, width, fps = _decode_all(path)
    return StimulusInfo(frames, fps, width, height, sha256_of(path), path.stat().st_size)


def read_frames(path: Path) -> np.ndarray:
    """All frames of a video or image, (T, H, W, 3) uint8, RGB. Raises BadInput where it does not decode."""
    path = Path(path)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return _read_image(path)[None]
    reader = _open_video(path)
    return np.stack([_frame(reader, i, path) for i in range(len(reader))])


def numbered_split(name: str) -> str | None:
    """The split ("train", "test") of a BOLD Moments video, "0001" to "1102"; None for any other name."""
    if len(name) != 4 or not (name.isascii() and name.isdigit()) or not 1 <= int(name) <= _LAST_VIDEO:
        return None
    return "train" if int(name) <= _LAST_TRAINING_VIDEO else "test"


def numbered_videos(split: str) -> list[str]:
    """The names of the BOLD Moments videos of a split ("train", "test" or "all"), in their order.

    Raises BadInput for another split.
    """
    if split not in SPLITS:
        raise BadInput("unknown split of stimuli", expected=", ".join(SPLITS), found=split)
    names = [f"{number:04d}" for number in range(1, _LAST_VIDEO + 1)]
    return [name for name in names if split in ("all", numbered_split(name))]


def _listing(folder: Path, split: str) -> list[Stimulus]:
    roots = [folder, folder / "stimuli"]
    for root in roots:
        files = _media_files(root / _H264)
        if files:
            return [Stimulus(path.stem, _split_by_number(path), path, media) for path, media in files]
    for root in roots:
        of_splits = [
            Stimulus(path.stem, name, path, media)
            for name in ("train", "test")
            for path, media in _media_files(root / name)
        ]
        if of_splits:
            return of_splits
    for root in roots:
        files = _media_files(root)
        splits = {numbered_split(path.stem) for path, _ in files}
        by_number = None not in splits and "test" in splits
        if files:
            return [
                Stimulus(path.stem, _split_by_number(path) if by_number else split, path, media)
                for path, media in files
            ]
    return []


def _media_files(folder: Path) -> list[tuple[Path, Media]]:
    if not folder.is_dir():
        return []
    files: list[tuple[Path, Media]] = []
    for path in folder.iterdir():
        suffix = path.suffix.lower()
        if path.name.startswith(".") or not path.is_file():
            continue
        if suffix in VIDEO_SUFFIXES:
            files.append((path, "video"))
        elif suffix in IMAGE_SUFFIXES:
            files.append((path, "image"))
    return files


def _split_by_number(path: Path) -> str:
    split = numbered_split(path.stem)
    if split is None:
        raise BadInput(
            f"{path} is no video of the stimulus set", expected=f"a name from 0001 to {_LAST_VIDEO}"
        )
    return split


def _refuse_duplicates(stimuli: list[Stimulus]) -> None:
    seen: dict[str, Stimulus] = {}
    for stimulus in stimuli:
        other = seen.setdefault(stimulus.name, stimulus)
        if other is not stimulus:
            raise BadInput(
                f"two stimuli are called {stimulus.name}",
                expected="one file each",
                found=" and ".join(sorted((str(other.path), str(stimulus.path)))),
            )


def _decode_all(path: Path) -> tuple[int, int, int, float]:
    """Frames, height, width and frames a second of a video, keeping one frame at a time."""
    reader = _open_video(path)
    declared = _frames_in_header(path)
    if len(reader) < declared:
        raise BadInput(
            f"{path} is cut short",
            expected=f"{declared} frames",
            found=f"{len(reader)}",
            hint="fetch the file again",
        )
    shapes = {_frame(reader, i, path).shape[:2] for i in range(len(reader))}
    if len(shapes) > 1:
        raise BadInput(f"{path} changes its size", expected="one size", found=sorted(shapes))
    height, width = shapes.pop()
    fps = float(reader.get_avg_fps())
    if not (math.isfinite(fps) and fps > 0):
        raise BadInput(f"{path} does not say its frame rate", expected="frames a second", found=fps)
    return len(reader), height, width, fps


def _open_video(path: Path) -> VideoReader:
    import decord

    if not path.is_file():
        raise BadInput(f"there is no file {path}", expected="a video")
    try:
        reader = decord.VideoReader(str(path), num_threads=1)
    except RuntimeError as error:
        raise _does_not_decode(path) from error
    except decord.DECORDError as error:
        raise _does_not_decode(path) from error
    if len(reader) == 0:
        raise BadInput(f"{path} has no frames", expected="a video")
    return reader


def _frame(reader: VideoReader, index: int, path: Path) -> np.ndarray:
    import decord

    try:
        frame = reader[index].asnumpy()
    except (RuntimeError, decord.DECORDError) as error:
        raise _does_not_decode(path, f"it stops at frame {index + 1} of {len(reader)}") from error
    height, width, _ = frame.shape
    # Of some narrow videos (8, 16 or 48 pixels wide) decord takes the padding of a row for more channels.
    return frame.reshape(height, -1)[:, : 3 * width].reshape(height, width, 3)


def _frames_in_header(path: Path) -> int:
    """The count of frames that the container declares, 0 where it declares none.

    decord counts the frames that are there.
    """
    import av

    try:
        with av.open(str(path)) as container:
            return container.streams.video[0].frames
    except (av.FFmpegError, IndexError) as error:
        raise _does_not_decode(path) from error


def _does_not_decode(path: Path, found: str = "a damaged file, or no video") -> BadInput:
    # decord's own message is a trace of its C++ sources.
    return BadInput(
        f"{path} does not decode", expected="a video", found=found, hint="fetch or convert it again"
    )


def _read_image(path: Path) -> np.ndarray:
    from PIL import Image

    if not path.is_file():
        raise BadInput(f"there is no file {path}", expected="an image")
    try:
        with Image.open(path) as image:
            if image.mode not in _EIGHT_BIT_MODES:
                raise BadInput(
                    f"{path} has no 8-bit colours", expected="RGB or grey", found=f"mode {image.mode}"
                )
            return np.asarray(image.convert("RGB"))
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:  # Pillow's, for damaged files
        raise BadInput(
            f"{path} does not decode", expected="an image", found=str(error)[:120], hint="fetch it again"
        ) from error
