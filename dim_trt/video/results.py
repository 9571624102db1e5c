"""What becomes of a clip: its results in segments, so that a run can go on where it was stopped."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import Error, InvalidInput
from dim_trt.files import write_atomic
from dim_trt.pictures.picture import Levels
from dim_trt.pictures.rendering import Content, Wanted
from dim_trt.video.formats import PNG, Format
from dim_trt.video.joining import join
from dim_trt.video.reading import Clip, ClipFrame
from dim_trt.video.segments import FRAMES, Segment, Segments
from dim_trt.video.sound_plan import Track
from dim_trt.video.writing import PngFolder, SegmentFile, Writer, even_size, raw_output

LOGGER = logging.getLogger("dim_trt")
TIMES = "timestamps.txt"  # beside PNG pictures: milliseconds of each, as mkvmerge and others read them


@dataclass(frozen=True)
class Output:
    content: Content
    path: Path
    form: Format
    tracks: Sequence[Track] = ()  # of sound


@dataclass
class _Open:
    """The segment that is being written."""

    writers: list[Writer]
    indices: list[int] = field(default_factory=list)
    pts: list[int] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    alpha: NDArray[np.float32] | None = None


class Results:
    """All results of one clip; a context manager that abandons an unfinished segment.

    Args:
        outputs: what is written.
        segments: None where only bytes go to a pipe, so that there is nothing to go on from.
        frames: of a segment.

    Raises:
        Error: a file cannot be written, from every method.
    """

    def __init__(self, outputs: list[Output], clip: Clip, segments: Segments | None, frames: int = FRAMES):
        self._outputs, self._clip, self._segments, self._frames = outputs, clip, segments, frames
        self._open: _Open | None = None
        self._count = segments.frame_count if segments else 0
        self._number = len(segments.finished) if segments else 0
        self.last_index = segments.finished[-1].indices[-1] if segments and segments.finished else None
        self._raw = (
            raw_output() if any(not output.form.is_video and output.form.codec != PNG for output in outputs) else None
        )
        apart = [str(output.path) for output in outputs if output.form.muxer not in ("mov", "mp4")]
        if clip.pixel_aspect != 1 and apart:
            LOGGER.warning(
                "pixels are %d:%d, which %s cannot say here, so it looks too wide or too narrow: take .mov or .mp4, or "
                "tell the player",
                clip.pixel_aspect.numerator, clip.pixel_aspect.denominator, ", ".join(apart),
            )  # fmt: skip
        if any(output.form.even for output in outputs) and even_size(clip.size) != clip.size:
            height, width = even_size(clip.size)
            LOGGER.warning("H.264 wants even sides: the last row or column is repeated, %dx%d px", width, height)

    @property
    def frame_count(self) -> int:
        """How many frames are done, those of earlier runs included."""
        return self._count

    @property
    def wanted(self) -> set[Wanted]:
        return {(output.content, output.form.depth) for output in self._outputs}

    def last_alpha(self) -> NDArray[np.float32]:
        if self._segments is None:
            raise Error("no alpha was kept")
        return self._segments.last_alpha()

    def add(self, picture: ClipFrame, alpha: NDArray[np.float32], levels: Mapping[Wanted, Levels]) -> None:
        if self._open and len(self._open.indices) == self._frames:
            self._finish(ends_clip=False)
        if self._open is None:
            self._open = _Open([self._writer(output) for output in self._outputs])
        for output, writer in zip(self._outputs, self._open.writers, strict=True):
            writer.write(picture, levels[output.content, output.form.depth])
        self._open.indices.append(picture.frame.index)
        self._open.pts.append(picture.pts)
        self._open.durations.append(picture.duration)
        self._open.alpha = alpha
        self.last_index = picture.frame.index
        self._count += 1

    def end_clip(self) -> None:
        """There are no more frames."""
        if self._open:
            self._finish(ends_clip=True)

    def join(self, source: Path | None) -> None:
        """Segments to the files that were asked for, and away with the segments.

        `source`: the clip's file, from which sound, timecode and titles come; None where it cannot be read again.
        """
        if self._segments is None:
            return
        finished = self._segments.finished
        for output in self._outputs:
            if output.form.is_video:
                parts = [(segment, self._segments.video(segment.number, _name(output))) for segment in finished]
                join(output.path, output.form, self._clip, parts, source, output.tracks)
            elif output.form.codec == PNG:
                ticks = [pts for segment in finished for pts in segment.pts]
                lines = (f"{float(pts * self._clip.time_base * 1000):.6f}\n".encode() for pts in ticks)
                write_atomic(output.path / TIMES, [b"# timestamp format v2\n", *lines])
        self._segments.remove()

    def __enter__(self) -> Results:  # noqa: PYI034 (typing.Self came with Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._open.writers if self._open else []:
            writer.abandon()

    def _finish(self, *, ends_clip: bool) -> None:
        opened = self._open
        if opened is None or opened.alpha is None:
            raise Error("no segment is open")
        for writer in opened.writers:
            writer.close()
        self._open = None
        if self._segments is not None:
            segment = Segment(self._number, opened.indices, opened.pts, opened.durations, ends_clip)
            self._segments.finish(segment, opened.alpha)
        self._number += 1

    def _writer(self, output: Output) -> Writer:
        if output.form.is_video:
            assert self._segments is not None
            return SegmentFile(self._segments.video(self._number, _name(output)), output.form, self._clip)
        if output.form.codec == PNG:
            return PngFolder(output.path)
        assert self._raw is not None
        return self._raw


def prepare_folder(folder: Path, *, is_resumed: bool) -> None:
    """Makes the folder of PNG pictures; raises InvalidInput where other pictures would be mixed with them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not is_resumed and any(folder.glob("*.png")):
            raise InvalidInput(f"output: {str(folder)!r} holds pictures already; expected a new or empty folder")
    except OSError as failure:
        raise InvalidInput(f"output: cannot make the folder {str(folder)!r}: {failure.strerror}") from failure


def _name(output: Output) -> str:
    return f"{output.content}{output.path.suffix}"
