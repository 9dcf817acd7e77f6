"""Decodes videos strictly, so that a damaged one is refused instead of repaired.

libav repairs damage in silence: it guesses lost parts from other frames. Here its decoder must stop at any
error, in one thread, so that the same file gives the same message each time.
"""

from __future__ import annotations

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


def check_video(path: Path) -> str | None:
    """Decode a whole video strictly; keeps one frame in memory.

    Every packet must decode without an error, and the frames must be as many as the container declares.
    Packets may show no frame where an edit list cuts it out, or where the codec hides it.

    Returns
    -------
    The name of the codec if its decoder is known to miss more than one in a hundred files in which five bytes
    were changed, or is unknown; else None.

    Raises
    ------
    BadInput : the file is damaged, cut short, or no video; the message names the first damaged frame.
    """
    import av

    if not path.is_file():
        raise BadInput(f"there is no file {path}", expected="a video")
    fault: BadInput | None = None
    try:
        check_container(path)
    except BadInput as found:
        fault = found
    try:
        # Titles and comments need not be UTF-8.
        with av.open(str(path), options=_STRICT, metadata_errors="replace") as container:
            stream = container.streams.best("video")
            if not isinstance(stream, av.VideoStream) or stream.codec_context is None:
                raise fault or does_not_decode(path, "no video in the file, or of an unknown codec")
            decoder = _strict_decoder(stream)
            _Decoding(path, decoder).run(container, stream, fault)
            return None if decoder.name in _NOTICES_DAMAGE else stream.codec_context.name
    except av.FFmpegError as error:
        raise fault or does_not_decode(path) from error


def does_not_decode(path: Path, found: str = "a damaged file, or not a video") -> BadInput:
    """The error for a video that is damaged, or of an unknown format."""
    return BadInput(f"{path} does not decode", expected="a video", found=found, hint=HINT)


def _strict_decoder(stream: VideoStream) -> av.VideoCodecContext:
    import av

    decoder = stream.codec_context
    stricter = _STRICTER.get(decoder.name)
    if stricter in av.codecs_available:
        decoder = av.VideoCodecContext.create(stricter, "r")
    # The options of the container do not reach the decoder.
    decoder.options = _STRICT
    decoder.thread_type, decoder.thread_count = "NONE", 1
    return decoder


class _Decoding:
    """One pass over the packets of a video.

    packets : that have content. times : presentation times of those that may show a frame. hidden : how many
    of these show none. frames : that were decoded. damage : time and reason of the first error.
    """

    def __init__(self, path: Path, decoder: av.VideoCodecContext) -> None:
        self._path, self._decoder = path, decoder
        self._packets = self._hidden = self._frames = 0
        self._times: list[int | None] = []
        self._damage: tuple[int | None, str] | None = None

    def run(self, container: InputContainer, stream: VideoStream, fault: BadInput | None) -> None:
        """Decode all packets, and raise BadInput for damage. fault : of the container, if it has one."""
        for packet in container.demux(stream):
            self._count(packet, stream.codec_context.name)
            # After an error, the rest is read only to tell the place of the frame among all.
            if self._damage is None:
                self._decode(packet)
        n = len(self._times)
        if self._packets < stream.frames:
            raise BadInput(
                f"{self._path} is cut short",
                expected=f"{stream.frames} frames",
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
        if n == 0:
            raise BadInput(f"{self._path} has no frames", expected="a video")
        if self._frames < n - self._hidden:
            raise does_not_decode(self._path, f"{self._frames} frames in {n} packets")

    def _count(self, packet: av.Packet, codec: str) -> None:
        if packet.size:
            self._packets += 1
            if not packet.is_discard:
                self._times.append(packet.pts)
                self._hidden += hides_its_frame(codec, bytes(packet))

    def _decode(self, packet: av.Packet) -> None:
        import av

        if packet.is_corrupt:
            self._damage = packet.pts, "its packet is incomplete"
            return
        try:
            for frame in self._decoder.decode(packet if packet.size else None):
                self._frames += 1
                if frame.is_corrupt:
                    self._damage = frame.pts, "parts of it are lost"
                    return
        except av.FFmpegError as error:
            self._damage = packet.pts, error.strerror


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
