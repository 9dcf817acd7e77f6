"""Turns the frames that PyAV decodes into RGB, as a player shows them; and says where decord shows others.

A file may say by a display matrix that its frames are to be turned or mirrored (ISO/IEC 14496-12, 8.3.2). It
is applied here. Frames are neither deinterlaced nor stretched to square pixels.

Colours are converted by libav's swscale. The common formats take its quick conversion, as in most programs
and in decord: frames are equal to decord's, bit by bit. It repeats each sample of colour, and is off by a few
levels. Other formats take its accurate conversion, at most one level from the formula in ITU-R BT.601.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.stimuli.decoding import StrictVideo, display_matrix_of
from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    import av

Picture = NDArray[np.uint8]

# Videos of these codecs and formats are compared with decord in the tests: their frames are equal. Those of
# 4:2:0 are equal only if the height is even.
_CODECS = (
    *("ffv1", "h264", "hevc", "mjpeg", "mpeg2video", "mpeg4"),
    *("rawvideo", "vp8", "vp9"),
)
_HALF_HEIGHT_OF_COLOURS = ("yuv420p", "yuvj420p")
_AS_DECORD = (
    *_HALF_HEIGHT_OF_COLOURS,
    *("yuv422p", "yuvj422p", "yuv444p", "yuvj444p"),
    *("bgr0", "bgr24", "gbrp", "gray", "rgb24"),
)
MOST_FRAMES = 500  # 20 s; decoding long videos for one picture would take minutes
_MATRIX = struct.Struct("=9i")


class Pictures:
    """The frames of one video as RGB. Not to be shared between threads."""

    def __init__(self, path: Path, video: StrictVideo) -> None:
        import av

        self._path, self._video = path, video
        self._reformatter = av.video.reformatter.VideoReformatter()
        self._noted = ""

    @property
    def unlike_decord(self) -> str:
        """Why decord may show other frames than those noted so far; "" if they are equal."""
        return self._noted or ("frames cut out by an edit list" if self._video.is_cut else "")

    def note(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Height and width of a frame as it is shown. Every frame must be noted for `unlike_decord`."""
        turns = self._orientation(frame)[0]
        self._noted = self._noted or self._unlike_decord(frame)
        return (frame.width, frame.height) if turns else (frame.height, frame.width)

    def read(self, frame: av.VideoFrame) -> Picture:
        """A frame as it is shown, (height, width, 3) uint8.

        Raises
        ------
        BadInput : its colours cannot be converted, or its display matrix is neither turn nor mirror.
        """
        import av
        from av.video.reformatter import Interpolation

        quick = Interpolation.BILINEAR
        accurate = quick | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
        flags = quick if _is_converted_as_by_decord(frame) else accurate
        try:
            converted = self._reformatter.reformat(frame, format="rgb24", interpolation=flags, threads=1)
        except av.FFmpegError as error:
            raise BadInput(
                f"{self._path}: its colours cannot be converted to RGB",
                expected="a pixel format and colour space that libav converts",
                found=f"{frame.format.name}: {error.strerror}",
                hint="convert the video, for example to H.264 with yuv420p",
            ) from error
        picture: Picture = np.asarray(converted.to_ndarray(), np.uint8)
        turns, mirrors_x, mirrors_y = self._orientation(frame)
        picture = picture.transpose(1, 0, 2) if turns else picture
        picture = picture[:, ::-1] if mirrors_x else picture
        return np.ascontiguousarray(picture[::-1] if mirrors_y else picture)

    def _orientation(self, frame: av.VideoFrame) -> tuple[bool, bool, bool]:
        """Whether to transpose a frame, then to mirror it left to right, then upside down."""
        matrix = display_matrix_of(frame) or self._video.display_matrix
        if matrix is None:
            return False, False, False
        # A pixel (x, y) is shown at (a x + c y, b x + d y), moved into the picture.
        a, b, _, c, d, _, _, _, _ = _MATRIX.unpack(matrix)
        if a and d and not (b or c):
            return False, a < 0, d < 0
        if b and c and not (a or d):
            return True, c < 0, b < 0
        raise BadInput(
            f"{self._path}: its frames are to be shown turned or skewed",
            expected="quarter turns or mirroring",
            found=f"the display matrix {a} {b} / {c} {d}",
            hint="convert the video so that it needs no display matrix",
        )

    def _unlike_decord(self, frame: av.VideoFrame) -> str:
        if display_matrix_of(frame) or self._video.display_matrix:
            return "turned or mirrored by a display matrix"
        if frame.interlaced_frame:
            return "interlaced"
        if self._video.codec not in _CODECS:
            return f"the codec {self._video.codec}"
        if not _is_converted_as_by_decord(frame):
            return f"colours as {frame.format.name}, {frame.width} x {frame.height}"
        return ""


def _is_converted_as_by_decord(frame: av.VideoFrame) -> bool:
    name = frame.format.name
    return name in _AS_DECORD and not (name in _HALF_HEIGHT_OF_COLOURS and frame.height % 2)


def read_pictures(path: Path) -> Picture:
    """All frames of a video, (frames, height, width, 3) uint8 RGB, decoded strictly by PyAV.

    Raises
    ------
    BadInput : see `StrictVideo.frames` and `Pictures.read`; or the frames change their size.
    """
    video = StrictVideo(path)
    pictures = Pictures(path, video)
    frames = [pictures.read(frame) for frame in video.frames()]
    require_one_size(path, {frame.shape[:2] for frame in frames})
    return np.stack(frames)


def read_middle_picture(path: Path, most: int = MOST_FRAMES) -> Picture:
    """The middle one of a video's first `most` frames, (height, width, 3) uint8 RGB.

    Raises
    ------
    BadInput : see `StrictVideo.frames` and `Pictures.read`; faults behind these frames are not noticed.
    """
    n_frames = sum(1 for _ in islice(StrictVideo(path).frames(), most))
    video = StrictVideo(path)
    frame = next(islice(video.frames(), n_frames // 2, None))
    return Pictures(path, video).read(frame)


def require_one_size(path: Path, sizes: Collection[tuple[int, ...]]) -> tuple[int, int]:
    """The height and width that all frames have.

    Raises
    ------
    BadInput : the frames have several sizes.
    """
    if len(sizes) > 1:
        raise BadInput(f"{path} changes its size", expected="one size", found=sorted(sizes))
    [(height, width)] = sizes
    return height, width
