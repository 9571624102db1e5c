"""What FFmpeg is asked for: a clip opened, its frames decoded or noted as unreadable at their place, and their turn."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias, cast

import av
import numpy as np
from av.container.input import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2
from dim_trt.video.ahead import NO_THREADS

U8: TypeAlias = NDArray[np.uint8]

STANDARD_INPUT = "-"
INDEX_LAST = (
    "an MP4 or MOV whose index is at the end cannot be read from a pipe: name the file, or put the index first with "
    "ffmpeg -i FILE -c copy -movflags faststart"
)
FAILED_READS = 16  # in a row, after which what follows is given up


@dataclass(frozen=True)
class RawFrames:
    """How the bytes of a pipe are to be taken: frames after another without a header."""

    size: tuple[int, int]  # height, width
    pixel_format: str  # FFmpeg's name, such as bgr24
    rate: Fraction  # frames a second


class Decoded(NamedTuple):
    """A frame, or what stands for one that cannot be read."""

    frame: VideoFrame | None
    pts: int | None
    failure: str = ""


class Turn(NamedTuple):
    """To upright: transpose first, then mirror."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def apply(self, picture: U8) -> U8:
        turned = cv2.transpose(picture) if self.transpose else picture
        if self.flip_x or self.flip_y:
            turned = cv2.flip(turned, -1 if self.flip_x and self.flip_y else int(self.flip_x))
        return np.asarray(turned, np.uint8)


def open_clip(source: str, raw: RawFrames | None, name: str) -> InputContainer:
    options = {}
    if raw:
        height, width = raw.size
        options = {"video_size": f"{width}x{height}", "pixel_format": raw.pixel_format, "framerate": str(raw.rate)}
    try:
        place = "pipe:0" if source == STANDARD_INPUT else f"file:{source}"
        return av.open(place, format="rawvideo" if raw else None, options=options)
    except (av.FFmpegError, ValueError) as failure:
        raise InvalidInput(f"video: cannot read {name}: {reason(failure)}") from failure


class Decoder:
    """Every frame of a stream in order, unreadable ones at their place; to be gone through once.

    packets: how many were found so far.
    """

    def __init__(self, container: InputContainer, stream: VideoStream):
        self._container, self._stream, self.packets = container, stream, 0
        # Not "FRAME": with several frames under way FFmpeg tells neither where it failed nor, at the end, that it did.
        stream.thread_type = "SLICE"

    def __iter__(self) -> Iterator[Decoded]:
        waiting: set[int] = set()  # times of packets whose frames have not come yet
        failures: list[str] = []
        for packet in readable_packets(self._container, [self._stream], failures.append):
            self.packets += packet is not None and bool(packet.size)
            if packet is not None and packet.pts is not None:
                waiting.add(packet.pts)
            try:
                frames = self._stream.decode(packet)
            except EOFError:  # flushed already
                frames = []
            except av.FFmpegError as failure:
                frames = []
                if packet is not None and packet.pts is None and packet.size:  # nothing to find its place by
                    yield Decoded(None, None, reason(failure))
                else:
                    failures.append(reason(failure))
            for frame in frames:
                missing = sorted(pts for pts in waiting if frame.pts is not None and pts < frame.pts)
                waiting.difference_update(missing, [frame.pts or 0])
                for pts in missing[: len(failures)]:
                    yield Decoded(None, pts, failures.pop(0))
                yield Decoded(frame, frame.pts, "it is damaged" if frame.is_corrupt else "")
        places = [*sorted(waiting), *[None for _ in failures]]
        yield from (Decoded(None, place, what) for place, what in zip(places, failures, strict=False))


def readable_packets(
    container: InputContainer, streams: Sequence[Stream], note: Callable[[str], object]
) -> Iterator[Packet[Any] | None]:
    """The streams' packets, at last an empty one of each to flush its decoder, or None; reads that fail are noted."""
    in_a_row = 0
    while in_a_row < FAILED_READS:
        try:
            for packet in container.demux(*streams):
                in_a_row = 0
                yield packet
            return
        except av.FFmpegError as failure:
            if not in_a_row:
                note(reason(failure))
            in_a_row += 1
    yield None


def reason(failure: Exception) -> str:
    """What FFmpeg says, without its numbers."""
    if isinstance(failure, BlockingIOError) and failure.errno == errno.EAGAIN:
        return NO_THREADS
    return getattr(failure, "strerror", None) or str(failure)


def turn_of(frame: VideoFrame) -> Turn:
    """What the frame's display matrix says, as a turn by quarters and mirroring; anything else counts as none."""
    side_data = cast(Mapping[str, bytes], frame.side_data)
    if "DISPLAYMATRIX" not in side_data:
        return Turn()
    matrix = np.frombuffer(bytes(side_data["DISPLAYMATRIX"]), np.int32)  # x' = a x + c y, y' = b x + d y
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    if a and d and not b and not c:
        return Turn(False, a < 0, d < 0)
    if b and c and not a and not d:
        return Turn(True, c < 0, b < 0)
    return Turn()
