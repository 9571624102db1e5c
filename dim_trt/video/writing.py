"""Pictures with alpha into files: one encoder for each segment, a folder of PNG pictures, or bytes on a pipe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import av
import numpy as np
from av.container.output import OutputContainer
from av.video.stream import VideoStream

from dim_trt.errors import Error
from dim_trt.opencv import cv2
from dim_trt.pictures.files import write_image
from dim_trt.pictures.picture import Levels
from dim_trt.video.colors import from_levels, stored_as
from dim_trt.video.decoding import reason
from dim_trt.video.formats import Format
from dim_trt.video.reading import Clip, ClipFrame


class Writer(Protocol):
    def write(self, picture: ClipFrame, levels: Levels) -> None: ...

    def close(self) -> None:
        """Nothing is missing in the file after this. Raises Error."""

    def abandon(self) -> None:
        """Lets go of the file as it is."""


class SegmentFile:
    """A playable video of its own, whose times begin at 0.

    Raises:
        Error: the file cannot be written, from every method.
    """

    def __init__(self, path: Path, form: Format, clip: Clip):
        self._path, self._form, self._clip = path, form, clip
        self._start: int | None = None
        try:
            options = {"fflags": "+bitexact"}
            self._container = av.open(f"file:{path}", "w", format=form.muxer, container_options=options)
            self._stream = add_encoder(self._container, form, clip)
        except av.FFmpegError as failure:
            raise self._failed(failure) from failure

    def write(self, picture: ClipFrame, levels: Levels) -> None:
        if self._start is None:
            self._start = picture.pts
        whole = even(levels) if self._form.even else levels
        try:
            frame = from_levels(whole, self._form.pixel_format, self._clip.colors)
            frame.pts, frame.time_base = picture.pts - self._start, self._clip.time_base
            frame.duration = picture.duration
            self._container.mux(self._stream.encode(frame))
        except av.FFmpegError as failure:
            raise self._failed(failure) from failure

    def close(self) -> None:
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        except av.FFmpegError as failure:
            raise self._failed(failure) from failure

    def abandon(self) -> None:
        try:
            self._container.close()
        except (av.FFmpegError, OSError, ValueError):
            return

    def _failed(self, failure: Exception) -> Error:
        return Error(f"cannot write {str(self._path)!r}: {reason(failure)}")


def add_encoder(container: OutputContainer, form: Format, clip: Clip) -> VideoStream:
    """A stream of a clip's pictures in a result's format."""
    stream = container.add_stream(form.codec, rate=clip.rate, options=dict(form.options))
    assert isinstance(stream, VideoStream)
    height, width = even_size(clip.size) if form.even else clip.size
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = width, height, form.pixel_format
    context.time_base, context.sample_aspect_ratio = clip.time_base, clip.pixel_aspect
    context.colorspace, context.color_range = stored_as(form.pixel_format, clip.colors)
    context.color_primaries, context.color_trc = clip.colors.primaries, clip.colors.transfer
    if form.pixel_format == "yuva420p":
        stream.metadata["alpha_mode"] = "1"  # without it players take VP9's alpha for nothing
    return stream


class PngFolder:
    """A picture for each frame, called by its number; appears whole or not at all."""

    def __init__(self, folder: Path):
        self._folder = folder

    def write(self, picture: ClipFrame, levels: Levels) -> None:
        write_image(self._folder / png_name(picture.frame.index), levels)

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class RawPipe:
    """The bytes of each frame at once: gray, BGR or BGRA, rows without gaps."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream

    def write(self, picture: ClipFrame, levels: Levels) -> None:
        self._stream.write(np.ascontiguousarray(levels).data)
        self._stream.flush()

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass


def png_name(index: int) -> str:
    return f"{index:06}.png"


def even_size(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] + size[0] % 2, size[1] + size[1] % 2


def even(levels: Levels) -> Levels:
    """With the last row and column repeated where their number is odd."""
    height, width = levels.shape[:2]
    bottom, right = height % 2, width % 2
    if not bottom and not right:
        return levels
    return cast(Levels, cv2.copyMakeBorder(levels, 0, bottom, 0, right, cv2.BORDER_REPLICATE))


def raw_output() -> RawPipe:
    return RawPipe(os.fdopen(os.dup(1), "wb"))
