"""Decodes videos with PyAV, strictly: a damaged one is refused instead of repaired.

libav repairs damage in silence: it guesses lost parts from other frames. Here its decoder must stop at any
error, in one thread, so that the same file gives the same message each time. This is the only module that
opens videos with PyAV.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from alignhouse.ingest.stimuli.containers import HINT, CutShort, check_container
from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

# Also the checks that cost little and accept every clean file of the tests; see libav's `err_detect`.
_STRICT = {"err_detect": "explode+crccheck+bitstream+buffer+careful"}
# The size up to which libav takes an MPEG-4 packet for one that repeats the frame before it.
_NOT_CODED_BYTES = 19
# libav's own decoders of these codecs accept almost any data; Google's notice when they run out of it.
_STRICTER = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# Decoders that missed less than one in a hundred files with five changed bytes. Others missed more (mpeg4
# 0-6, libvpx 14, hevc 51, mjpeg 36 of a hundred), or were not tried.
_NOTICES_DAMAGE = ("h264", "libvpx-vp9", "libdav1d", "av1", "ffv1", "png")


class StrictVideo:
    """One strict pass over a video. Every packet must decode without an error.

    The frames must be as many as the container declares. Packets may show no frame where an edit list cuts it
    out, or where the codec hides it.

    Attributes
    ----------
    codec : its name, once the pass has begun. decoder : libav's name of the decoder.
    fps : frames per second; None if the file declares none.
    is_cut : whether an edit list cuts frames out; complete after the pass.
    display_matrix : see `pictures`; None if the file has none, or if each frame holds its own.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._packets = self._hidden = self._frames = 0
        # Presentation times of the packets that may show a frame.
        self._times: list[int | None] = []
        # Time and reason of the first error.
        self._damage: tuple[int | None, str] | None = None
        self.codec = self.decoder = ""
        self.fps: float | None = None
        self.is_cut = False
        self.display_matrix: bytes | None = None

    @property
    def blind_codec(self) -> str | None:
        """The codec, if its decoder is known to miss more than one in a hundred damaged files, or is unknown.

        Damaged means that five bytes were changed.
        """
        return None if self.decoder in _NOTICES_DAMAGE else self.codec

    def frames(self) -> Iterator[av.VideoFrame]:
        """The frames in the order of presentation; keeps one in memory.

        Raises
        ------
        BadInput : the file is damaged, cut short, or no video; the message names the first damaged frame.
            Most faults are raised after the last intact frame.
        """
        import av

        if not self._path.is_file():
            raise BadInput(f"there is no file {self._path}", expected="a video")
        fault: BadInput | None = None
        try:
            check_container(self._path)
        except BadInput as found:
            fault = found
        try:
            # Titles and comments need not be UTF-8.
            with av.open(str(self._path), options=_STRICT, metadata_errors="replace") as container:
                stream = container.streams.best("video")
                if not isinstance(stream, av.VideoStream) or stream.codec_context is None:
                    raise fault or does_not_decode(self._path, "no video in the file, or of an unknown codec")
                yield from self._decoded(container, stream)
                self._refuse_faults(stream.frames, fault)
        except av.FFmpegError as error:
            raise fault or does_not_decode(self._path) from error

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
        decoder = self._strict_decoder(stream)
        self.codec, self.decoder = stream.codec_context.name, decoder.name
        self.fps = None if stream.average_rate is None else float(stream.average_rate)
        for packet in container.demux(stream):
            if packet.size:
                self._packets += 1
                self.is_cut |= packet.is_discard
                if not packet.is_discard:
                    self._times.append(packet.pts)
                    self._hidden += hides_its_frame(self.codec, bytes(packet))
            # After an error, the rest is read only to tell the place of the frame among all.
            if self._damage is None:
                yield from self._decoded_packet(decoder, packet)

    def _strict_decoder(self, stream: VideoStream) -> av.VideoCodecContext:
        import av

        decoder = stream.codec_context
        stricter = _STRICTER.get(decoder.name)
        if stricter in av.codecs_available:
            # libav gives the matrix of the file to the frames of its own decoder only.
            self.display_matrix = _matrix_of_first_frame(self._path)
            decoder = av.VideoCodecContext.create(stricter, "r")
        # The options of the container do not reach the decoder.
        decoder.options = _STRICT
        decoder.thread_type, decoder.thread_count = "NONE", 1
        return decoder

    def _decoded_packet(self, decoder: av.VideoCodecContext, packet: av.Packet) -> Iterator[av.VideoFrame]:
        import av

        if packet.is_corrupt:
            self._damage = packet.pts, "its packet is incomplete"
            return
        try:
            for frame in decoder.decode(packet if packet.size else None):
                self._frames += 1
                if frame.is_corrupt:
                    self._damage = frame.pts, "parts of it are lost"
                    return
                yield frame
        except av.FFmpegError as error:
            self._damage = packet.pts, error.strerror

    def _refuse_faults(self, declared: int, fault: BadInput | None) -> None:
        """Raise BadInput for what was wrong. declared : number of frames. fault : of the container."""
        n = len(self._times)
        if self._packets < declared:
            raise BadInput(
                f"{self._path} is cut short",
                expected=f"{declared} frames",
                found=f"{self._packets}",
                hint=HINT,
            )
        if isinstance(fault, CutShort):
            raise fault
        if self._damage is not None:
            time, reason = self._damage
            earlier = n if time is None else sum(each < time for each in self._times if each is not None)
            raise does_not_decode(self._path, f"frame {min(earlier + 1, n)} of {n} is damaged: {reason}")
        if fault is not None:
            raise fault
        if n == 0 or self._frames == 0:
            raise BadInput(f"{self._path} has no frames", expected="a video")
        if self._frames < n - self._hidden:
            raise does_not_decode(self._path, f"{self._frames} frames in {n} packets")


def check_video(path: Path) -> None:
    """Decode a whole video strictly; keeps one frame in memory.

    Raises
    ------
    BadInput : see `StrictVideo.frames`.
    """
    for _ in StrictVideo(path).frames():
        pass


def display_matrix_of(frame: av.VideoFrame) -> bytes | None:
    """The display matrix that a frame holds, 9 integers of 32 bits; None if it has none."""
    found = frame.side_data.get("DISPLAYMATRIX")
    return None if found is None else bytes(found)


def _matrix_of_first_frame(path: Path) -> bytes | None:
    import av

    try:
        with av.open(str(path), metadata_errors="replace") as container:
            frame = next(container.decode(video=0), None)
    except av.FFmpegError:
        return None  # The strict pass names the damage.
    return None if frame is None else display_matrix_of(frame)


def does_not_decode(path: Path, found: str = "a damaged file, or not a video") -> BadInput:
    """The error for a video that is damaged, or of an unknown format."""
    return BadInput(f"{path} does not decode", expected="a video", found=found, hint=HINT)


def hides_its_frame(codec: str, packet: bytes) -> bool:
    """Whether a packet may rightly give no frame when it is decoded.

    VP8 and VP9 (RFC 6386, 9.1; VP9 bitstream specification, 6.2) have frames that only serve as a reference.
    MPEG-4 (ISO/IEC 14496-2) has small ones that say "not coded".
    """
    first = packet[0]
    if codec == "vp8":
        return not first & 0x10
    if codec == "vp9":
        is_superframe = packet[-1] & 0xE0 == 0xC0
        profile_bits = 4 + (first & 0x30 == 0x30)
        shows_existing = first >> (7 - profile_bits) & 1
        shown = first >> (5 - profile_bits) & 1
        return not (is_superframe or shows_existing or shown)
    return codec == "mpeg4" and len(packet) <= _NOT_CODED_BYTES
