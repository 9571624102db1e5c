"""Strokes: what a request says of a part of a trimap, and the trimap after it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.serving.patches import Box

U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Stroke:
    """A part of the trimap as it is now, and the version that it was painted on.

    values: 0, 128 and 255, a byte a pixel, row by row; deflated where `is_deflated`.
    is_near: alpha is wanted where it was painted, at once; the rest can be asked for afterwards.
    colors: those of the foreground are wanted, too.
    """

    box: Box
    values: bytes
    version: int
    colors: bool = False
    is_near: bool = False
    is_deflated: bool = False


def check_inside(box: Box, size: tuple[int, int]) -> None:
    """Raises InvalidInput where the box is no part of a picture of (height, width)."""
    height, width = size
    if not (0 <= box.top < box.bottom <= height and 0 <= box.left < box.right <= width):
        raise InvalidInput(f"top, left, height, width: expected a part of the picture, which is {width}x{height}")


def painted(trimap: U8, stroke: Stroke) -> U8:
    """The trimap after the stroke. Raises InvalidInput where it is none."""
    check_inside(stroke.box, (trimap.shape[0], trimap.shape[1]))
    levels = np.frombuffer(_values(stroke), np.uint8).reshape(stroke.box.size)
    if not np.isin(levels, (0, 128, 255)).all():
        raise InvalidInput("the stroke: expected 0, 128 and 255 alone")
    after = trimap.copy()
    after[stroke.box.part] = levels
    return after


def _values(stroke: Stroke) -> bytes:
    """As many as the box has pixels; what is deflated is not inflated any further."""
    count, values = stroke.box.size[0] * stroke.box.size[1], stroke.values
    is_whole = True
    if stroke.is_deflated:
        inflater = zlib.decompressobj()
        try:
            values = inflater.decompress(values, count + 1)
        except zlib.error:
            raise InvalidInput("the stroke cannot be read: expected its trimap, deflated as its head says") from None
        is_whole = inflater.eof
    if len(values) != count or not is_whole:
        raise InvalidInput(f"the stroke: expected {count} bytes, one a pixel, got another number")
    return values
