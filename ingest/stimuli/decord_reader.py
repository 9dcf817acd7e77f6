"""Frames from decord, the reader of the published code. It has wheels for few platforms.

It works around three of its faults. It offers its old codecs to all libraries that are loaded later, and PyAV
would call them. Some narrow videos come with the padding of their rows. Its errors have many lines, and name
files of its source.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    from decord import VideoReader


def read_by_decord(path: Path) -> np.ndarray:
    """All frames of a video, (frames, height, width, 3) uint8 RGB. Damage is repaired in silence.

    Raises
    ------
    BadInput : the file is missing, or decord cannot read it.
    """
    reader = open_by_decord(path)
    return np.stack([_frame(reader, i, path) for i in range(len(reader))])


def open_by_decord(path: Path) -> VideoReader:
    """decord's reader of a video, which has at least one frame.

    Raises
    ------
    BadInput : the file is missing, or decord cannot read it.
    """
    decord = load_decord()
    if not path.is_file():
        raise BadInput(f"there is no file {path}", expected="a video")
    try:
        reader = decord.VideoReader(str(path), num_threads=1)
    except (RuntimeError, decord.DECORDError) as error:
        raise _not_by_decord(path, "a codec that is newer than decord, or damage") from error
    if len(reader) == 0:
        raise BadInput(f"{path} has no frames", expected="a video")
    return reader


def load_decord() -> ModuleType:
    """The package decord.

    Raises
    ------
    ModuleNotFoundError : it is not installed.
    """
    # Loaded first, PyAV keeps its own codecs.
    importlib.import_module("av")
    return importlib.import_module("decord")


def _frame(reader: VideoReader, index: int, path: Path) -> np.ndarray:
    try:
        frame = reader[index].asnumpy()
    except (RuntimeError, load_decord().DECORDError) as error:
        raise _not_by_decord(path, f"it stops at frame {index + 1} of {len(reader)}") from error
    height, width, _ = frame.shape
    # For some narrow videos (8, 16 or 48 pixels wide), decord returns row padding as extra channels.
    return frame.reshape(height, -1)[:, : 3 * width].reshape(height, width, 3)


def _not_by_decord(path: Path, found: str) -> BadInput:
    return BadInput(
        f"{path} does not decode with decord",
        expected="a video that decord reads",
        found=found,
        hint='convert it to H.264, or set extraction = { decoder = "av" } in a protocol of your own',
    )
