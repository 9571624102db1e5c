"""The pictures of a clip: any file FFmpeg reads, or raw frames from a pipe; upright, with their exact times."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.tracking.sources import Frame
from dim_trt.video.colors import ColorTags, tags_of, to_bgr
from dim_trt.video.completeness import expected_frames
from dim_trt.video.decoding import INDEX_LAST, STANDARD_INPUT, Decoder, RawFrames, open_clip, reason, turn_of
from dim_trt.video.extras import left_out

Unreadable: TypeAlias = Literal["stop", "skip", "repeat"]
U8: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True)
class Clip:
    """What all pictures of a clip have in common.

    size: (height, width) as it is looked at, that is after turning.
    time_base: seconds that a tick of `ClipFrame.pts` takes.
    pixel_aspect: width of a pixel by its height.
    origin: in ticks, the earliest start of the file's pictures and sound, which is taken away from all times.
    frame_count: as the file says or its duration suggests; None if there is nothing to go by.
    """

    size: tuple[int, int]
    time_base: Fraction
    rate: Fraction
    colors: ColorTags
    pixel_aspect: Fraction
    origin: int
    frame_count: int | None


@dataclass(frozen=True)
class ClipFrame:
    """A frame with its time, from the clip's origin, in ticks of its time base."""

    frame: Frame
    pts: int
    duration: int


class Reader(Protocol):
    """What gives the pictures of a clip, once. `remarks`: sentences about what was read so far, for warnings."""

    clip: Clip
    remarks: list[str]

    def pictures(self, start: int = 0) -> Generator[ClipFrame, None, None]: ...

    def close(self) -> None: ...


class VideoReader(Reader):
    """Reads one clip once, from its beginning.

    Args:
        source: a file, or "-" for standard input.
        raw: how to take bytes without a header; None: FFmpeg finds out what it is.
        unreadable: what to do about a frame that cannot be decoded: stop with an error, skip it, or repeat the picture
            before it. It keeps its number, and with "repeat" its time.

    Raises:
        InvalidInput: the source cannot be opened, or holds no video or no frame that can be decoded. From `pictures`
            also for an unreadable frame, for one whose size is not that of the first, and at the end of a file that
            broke off.
    """

    def __init__(self, source: str, *, raw: RawFrames | None = None, unreadable: Unreadable = "stop"):
        self._name = "standard input" if source == STANDARD_INPUT else repr(source)
        self._source, self._unreadable = source, unreadable
        self.remarks: list[str] = []
        self._container = open_clip(source, raw, self._name)
        try:
            self._stream = self._find_stream()
            self._decoder = Decoder(self._container, self._stream)
            self._numbered = self._upright_frames()
            first = next(self._numbered, None)
            if first is None:
                raise InvalidInput(f"video: {self._name} has no frame that can be decoded{self._why()}")
        except BaseException:
            self._container.close()
            raise
        self._first = first
        self._turn = turn_of(first[1])
        if first[1].interlaced_frame:
            self.remarks.append(
                f"video: {self._name} is interlaced, and the results are marked as progressive; deinterlace it first, "
                "with ffmpeg -vf bwdif for example: two half pictures at once cannot be matted well"
            )
        if names := left_out(self._container):
            self.remarks.append(f"video: {self._name}: {names}")
        self.clip = self._describe(first[1])

    def pictures(self, start: int = 0) -> Generator[ClipFrame, None, None]:
        """The pictures from number `start` on; those before it are decoded and passed over."""
        shape, turn = (self._first[1].height, self._first[1].width), self._turn
        for index, frame, pts, duration in self._with_first():
            if (frame.height, frame.width) != shape or turn_of(frame) != turn:
                raise InvalidInput(
                    f"video: frame {index}: expected {shape[1]}x{shape[0]} px as frame {self._first[0]}, got "
                    f"{frame.width}x{frame.height}, or turned otherwise; cut the clip there"
                )
            if index >= start:
                try:
                    image = turn.apply(to_bgr(frame, self.clip.colors))
                except av.FFmpegError as failure:
                    raise InvalidInput(
                        f"video: {frame.format.name} cannot be converted: {reason(failure)}"
                    ) from failure
                pts -= self.clip.origin
                yield ClipFrame(Frame(index, image, float(pts * self.clip.time_base)), pts, duration)

    def close(self) -> None:
        self._container.close()

    def _find_stream(self) -> VideoStream:
        stream = self._container.streams.best("video")
        if not isinstance(stream, VideoStream):
            raise InvalidInput(f"video: {self._name} has no video in it")
        return stream

    def _describe(self, frame: VideoFrame) -> Clip:
        rate = self._stream.average_rate or self._stream.guessed_rate or Fraction(25)
        aspect = self._stream.sample_aspect_ratio or Fraction(1)
        size = (frame.width, frame.height) if self._turn.transpose else (frame.height, frame.width)
        return Clip(
            size=size,
            time_base=self._time_base,
            rate=rate,
            colors=tags_of(frame),
            pixel_aspect=1 / aspect if self._turn.transpose else aspect,
            origin=self._origin(),
            frame_count=self._count(rate),
        )

    def _origin(self) -> int:
        """Sound that begins before 0, as many codecs' does, is played from 0."""
        sound = [
            max(Fraction(0), stream.start_time * stream.time_base)
            for stream in self._container.streams.audio
            if stream.start_time is not None and stream.time_base
        ]
        return math.floor(min([self._first[2] * self._time_base, *sound]) / self._time_base)

    def _count(self, rate: Fraction) -> int | None:
        if self._stream.frames:
            return self._stream.frames
        if self._stream.duration:
            return round(self._stream.duration * self._time_base * rate)
        return round(Fraction(self._container.duration, av.time_base) * rate) if self._container.duration else None

    @property
    def _time_base(self) -> Fraction:
        return self._stream.time_base or Fraction(1, 90000)

    def _with_first(self) -> Iterator[tuple[int, VideoFrame, int, int]]:
        yield self._first
        yield from self._numbered

    def _upright_frames(self) -> Iterator[tuple[int, VideoFrame, int, int]]:
        """(number, frame, pts, duration), the policy applied; times rise strictly."""
        rate = self._stream.average_rate or self._stream.guessed_rate or Fraction(25)
        step = max(1, round(1 / (rate * self._time_base)))
        previous: VideoFrame | None = None
        last: int | None = None
        found = failed = 0
        for index, decoded in enumerate(self._decoder):
            pts = decoded.pts if decoded.pts is not None else (0 if last is None else last + step)
            pts = pts if last is None else max(pts, last + 1)
            if decoded.failure and self._unreadable == "stop":
                raise InvalidInput(
                    f"video: frame {index} of {self._name} cannot be read ({decoded.failure}); expected "
                    f"{self._count(rate) or 'more'} frames, could read {found}; --unreadable skip or repeat goes on "
                    f"behind it{'' if found else self._why()}"
                )
            failed += bool(decoded.failure)
            found += not decoded.failure
            frame = previous if decoded.failure else decoded.frame
            if frame is None or (decoded.failure and self._unreadable == "skip"):
                continue
            yield index, frame, pts, frame.duration or step
            previous, last = frame, pts
        self._check_end(found, failed)

    def _why(self) -> str:
        """What explains that nothing can be decoded."""
        index_last = self._source == STANDARD_INPUT and "mov" in self._container.format.name.split(",")
        return f"; {INDEX_LAST}" if index_last else ""

    def _check_end(self, found: int, failed: int) -> None:
        expected = None
        if self._source != STANDARD_INPUT:
            expected = expected_frames(self._container, self._stream, Path(self._source), self._decoder.packets)
        if expected is not None:
            what = f"video: {self._name} breaks off: expected {expected} frames, found {found}"
            if self._unreadable == "stop":
                raise InvalidInput(f"{what}; get all of it, or --unreadable skip makes do with these")
            self.remarks.append(what)
        elif failed:
            self.remarks.append(f"video: {self._name}: expected {found + failed} frames, could read {found}")
