"""Between a video's own colors (YUV of several standards, limited or full range) and 8- or 16-bit BGR.

The values stay display-encoded: primaries and transfer are passed on as tags, only matrix and range are applied. Tags
are FFmpeg's numbers, which are those of ISO/IEC 23091-2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2
from dim_trt.pictures.picture import Levels

RGB, BT709, UNSPECIFIED, BT470BG, SMPTE170M, BT2020 = 0, 1, 2, 5, 6, 9
KNOWS_BT2020 = hasattr(Colorspace, "BT2020")  # PyAV from 18 on
# Those that swscale computes; 4 is FCC, 7 is SMPTE 240M.
MATRICES = (BT709, 4, BT470BG, SMPTE170M, 7, *((BT2020,) if KNOWS_BT2020 else ()))
EXACT = 0x4 | 0x2000 | 0x40000  # of swscale: bicubic, full chroma interpolation, accurate rounding
FORMATS = {
    (1, 8): "gray",
    (3, 8): "bgr24",
    (4, 8): "bgra",
    (1, 16): "gray16le",
    (3, 16): "bgr48le",
    (4, 16): "bgra64le",
}


@dataclass(frozen=True)
class ColorTags:
    """What the numbers of a video mean; `matrix` is never unspecified."""

    matrix: int
    primaries: int
    transfer: int


def tags_of(frame: VideoFrame) -> ColorTags:
    """The frame's tags; without a matrix that of HD or SD video, by the size, as players assume.

    Raises:
        InvalidInput: the matrix is one that is not computed here.
    """
    matrix, primaries, transfer = int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc)
    if matrix in (RGB, UNSPECIFIED, 3):  # 3 is reserved; RGB video has no matrix, but what is made of it may need one
        return usual_tags(frame.height, frame.width, primaries, transfer)
    if matrix not in MATRICES:
        raise InvalidInput(
            f"video: expected the color matrix BT.601, BT.709 or, with PyAV 18, BT.2020, got number {matrix} of "
            "ISO/IEC 23091-2; convert the clip with ffmpeg -vf scale=out_color_matrix=bt709"
        )
    return ColorTags(matrix, primaries, transfer)


def usual_tags(height: int, width: int, primaries: int, transfer: int) -> ColorTags:
    """With the matrix that players take for such a size where none is named."""
    return ColorTags(BT709 if width >= 1280 or height > 576 else SMPTE170M, primaries, transfer)


def to_bgr(frame: VideoFrame, tags: ColorTags) -> NDArray[np.uint8]:
    """[height, width, 3] uint8 BGR; an alpha channel is left out."""
    if frame.format.is_rgb:
        return np.asarray(frame.reformat(format="bgr24", interpolation=EXACT, threads=1).to_ndarray(), np.uint8)
    frame.colorspace = tags.matrix
    # To planes swscale takes a quarter of the time that it takes to bgr24, for the same bits.
    planar = frame.reformat(format="gbrp", interpolation=EXACT, threads=1)
    green, blue, red = (
        np.frombuffer(cast(Any, plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
        for plane in planar.planes
    )
    return np.asarray(cv2.merge((blue, green, red)), np.uint8)


def from_levels(levels: Levels, pixel_format: str, tags: ColorTags) -> VideoFrame:
    """A frame for an encoder from gray, BGR or BGRA of 8 or 16 bits; YUV in limited range, RGB and gray in full."""
    channels = levels.shape[2] if levels.ndim == 3 else 1
    frame = VideoFrame.from_ndarray(
        cast(Any, np.ascontiguousarray(levels)), FORMATS[channels, levels.dtype.itemsize * 8]
    )
    matrix, color_range = stored_as(pixel_format, tags)
    if frame.format.name != pixel_format:
        frame.color_range = ColorRange.JPEG
        frame = frame.reformat(
            format=pixel_format,
            dst_colorspace=BT470BG if tags.matrix == SMPTE170M else tags.matrix,  # swscale's number of both is 5
            dst_color_range=color_range,
            interpolation=EXACT,
            threads=1,
        )
    frame.colorspace, frame.color_range = matrix, color_range
    frame.color_primaries, frame.color_trc = tags.primaries, tags.transfer
    return frame


def stored_as(pixel_format: str, tags: ColorTags) -> tuple[int, int]:
    """Matrix and range of what `from_levels` makes."""
    if pixel_format.startswith("yuv"):
        return tags.matrix, ColorRange.MPEG
    return (UNSPECIFIED if pixel_format.startswith("gray") else RGB), ColorRange.JPEG
