"""Finds and decodes stimuli on disk, for any data set.

Frames of videos come from PyAV, decoded strictly (see `decoding`), or from decord, which repairs damage in
silence; so decord reads only what was decoded strictly before. Images are decoded with Pillow; an image is a
stimulus of one frame.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from alignhouse.ingest.stimuli.decoding import StrictVideo, check_video
from alignhouse.ingest.stimuli.decord_reader import read_by_decord
from alignhouse.ingest.stimuli.names import natural_key
from alignhouse.ingest.stimuli.pictures import Pictures, read_pictures, require_one_size
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import sha256_of

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
MEDIA_SUFFIXES = VIDEO_SUFFIXES + IMAGE_SUFFIXES
ALL = "all"
"""The name that selects all splits in a study."""
_EIGHT_BIT_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")

Media = Literal["video", "image"]
Decoder = Literal["av", "decord"]
"""What reads videos: PyAV, or decord, which the published code used."""


@dataclass(frozen=True)
class Stimulus:
    """One stimulus; its identifier is the file name without suffix ("1001", "image_01")."""

    name: str
    split: str
    path: Path
    media: Media


@dataclass(frozen=True)
class StimulusInfo:
    """The properties of a decoded stimulus.

    frames : number of frames. fps : frames per second, None for an image. width, height : pixels.
    sha256, bytes : hash and size of the file. blind_codec : the codec of the video if its decoder misses many
    kinds of damage, else None; see `decoding.StrictVideo`. unlike_decord : why decord may show other frames
    than PyAV, "" if they are equal; see `pictures`.
    """

    frames: int
    fps: float | None
    width: int
    height: int
    sha256: str
    bytes: int
    blind_codec: str | None = None
    unlike_decord: str = ""


def stimulus_of(text: str, suffixes: Collection[str] = MEDIA_SUFFIXES) -> str:
    """The name of a stimulus: of a file with one of these suffixes, its name without folder and suffix."""
    path = PurePosixPath(text.replace("\\", "/"))
    return path.stem if path.suffix.lower() in suffixes else text


def find_stimuli(folder: Path, split: str, splits: Sequence[str] = ("train", "test")) -> list[Stimulus]:
    """The stimuli of a split, in natural order of their names.

    Parameters
    ----------
    folder : has a folder for each split, or is flat; all stimuli of a flat folder belong to `split`.
    split : one of `splits`, or "all".

    Raises
    ------
    BadInput : see `select_stimuli`; also an unknown split or a missing folder.
    """
    check_split(split, splits)
    listing = find_in_split_folders(folder, splits) or [
        Stimulus(path.stem, split, path, media) for path, media in media_files(folder)
    ]
    return select_stimuli(listing, folder, split)


def check_split(split: str, splits: Sequence[str]) -> None:
    """Raise BadInput unless `split` is one of `splits` or "all"."""
    if split not in (*splits, ALL):
        raise BadInput("unknown split of stimuli", expected=", ".join([*splits, ALL]), found=split)


def find_in_split_folders(root: Path, splits: Sequence[str]) -> list[Stimulus]:
    """Every stimulus in the folders of `root` that are named after splits; [] if there are none."""
    return [
        Stimulus(path.stem, split, path, media)
        for split in splits
        for path, media in media_files(root / split)
    ]


def media_files(folder: Path) -> list[tuple[Path, Media]]:
    """The unsorted videos and images directly in a folder; [] if the folder does not exist."""
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


def stimuli_with_splits(folder: Path, split: str, splits: Mapping[str, str]) -> list[Stimulus]:
    """The stimuli of a split directly in a folder.

    Parameters
    ----------
    splits : stimulus -> its split; stimuli that it lacks are of `split`.

    Raises
    ------
    BadInput : see `select_stimuli`.
    """
    listing = [
        Stimulus(path.stem, splits.get(path.stem, split), path, media) for path, media in media_files(folder)
    ]
    return select_stimuli(listing, folder, split)


def select_stimuli(listing: Sequence[Stimulus], folder: Path, split: str) -> list[Stimulus]:
    """Select the stimuli of a split from the `listing` of `folder`, in natural order of their names.

    Raises
    ------
    BadInput : the folder is missing, mixes videos and images, has no stimulus of the split, or has two files
        with the same name.
    """
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}", expected="stimuli")
    stimuli = sorted(
        (each for each in listing if split in (ALL, each.split)), key=lambda each: natural_key(each.name)
    )
    if not stimuli:
        raise BadInput(
            f"no stimuli of split {split} in {folder}", expected="videos (mp4, ...) or images (jpg, png)"
        )
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
    """Decode a whole stimulus strictly and return its properties; keeps one frame in memory.

    Raises
    ------
    BadInput : the file is damaged, has no frames, or has fewer frames or bytes than it declares; or its
        frames cannot be shown, see `pictures.Pictures.read`.
    """
    path = stimulus.path
    if stimulus.media == "image":
        height, width, _ = _read_image(path).shape
        return StimulusInfo(1, None, width, height, sha256_of(path), path.stat().st_size)
    video = StrictVideo(path)
    pictures = Pictures(path, video)
    frames, sizes = 0, set()
    for frame in video.frames():
        if not frames:
            pictures.read(frame)
        sizes.add(pictures.note(frame))
        frames += 1
    height, width = require_one_size(path, sizes)
    if video.fps is None or not (math.isfinite(video.fps) and video.fps > 0):
        raise BadInput(f"{path} declares no frame rate", expected="frames per second", found=video.fps)
    return StimulusInfo(
        frames,
        video.fps,
        width,
        height,
        sha256_of(path),
        path.stat().st_size,
        video.blind_codec,
        pictures.unlike_decord,
    )


def read_frames(path: Path, decoder: Decoder = "av") -> np.ndarray:
    """All frames of a video or image, (T, H, W, 3) uint8, RGB.

    Raises
    ------
    BadInput : the file is damaged.
    """
    path = Path(path)
    if decoder == "decord" and not is_image(path):
        check_video(path)
    return _read_frames(path, decoder)


def read_inspected_frames(path: Path, sha256: str, decoder: Decoder = "av") -> np.ndarray:
    """Like `read_frames`, for a file that `inspect` has accepted: decord needs no strict decoding before.

    Parameters
    ----------
    sha256 : of the file that was inspected.

    Raises
    ------
    BadInput : the file is not the one that was inspected.
    """
    if not path.is_file():
        raise BadInput(f"there is no file {path}", expected="the stimulus that was inspected")
    found = sha256_of(path)
    if found != sha256:
        raise changed(path, sha256, found)
    return _read_frames(path, decoder)


def changed(path: Path, expected: str, found: str) -> BadInput:
    """The error for a file with another hash than it had when this run or its inspection began."""
    return BadInput(
        f"{path} has changed",
        expected=f"sha256 {expected[:12]}, as when it was inspected",
        found=found[:12],
        hint="restore the file, or run again to inspect the new one",
    )


def is_image(path: Path) -> bool:
    """Whether a stimulus is an image, by its suffix."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def _read_frames(path: Path, decoder: Decoder) -> np.ndarray:
    if is_image(path):
        return _read_image(path)[None]
    return read_by_decord(path) if decoder == "decord" else read_pictures(path)


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
    ) as error:  # Pillow raises any of these errors for damaged files.
        raise BadInput(
            f"{path} does not decode", expected="an image", found=str(error)[:120], hint="fetch it again"
        ) from error
