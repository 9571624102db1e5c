"""What of alpha a stroke changes, and what must be run for it: exactly what a run of the whole picture would give.

The network looks `halo_px` far, at the trimap, too. So a changed pixel of the trimap changes alpha of unknown pixels up
to there, and these are run in a window that shows as much around them, cut where the network's poolings fall in the
whole picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt.arrays import unknown_pixels

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Box:
    """Rows top..bottom-1 and columns left..right-1."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left

    @property
    def part(self) -> tuple[slice, slice]:
        """Of an array [height, width, …]."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, px: int, size: tuple[int, int]) -> Box:
        """With so much around it, as far as a picture of (height, width) goes."""
        return Box(
            max(0, self.top - px),
            max(0, self.left - px),
            min(size[0], self.bottom + px),
            min(size[1], self.right + px),
        )

    def inside(self, outer: Box) -> Box:
        """As a box of what `outer` cuts out."""
        return Box(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)

    def overlap(self, other: Box) -> Box:
        return Box(
            max(self.top, other.top),
            max(self.left, other.left),
            min(self.bottom, other.bottom),
            min(self.right, other.right),
        )

    def joined(self, other: Box) -> Box:
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )


@dataclass(frozen=True)
class Reach:
    """How far an engine's network looks.

    halo_px: from a pixel of alpha; None where alpha depends on the whole picture, which is scaled for the network.
    stride: of its poolings together.
    least: (height, width) of the smallest picture it takes.
    """

    halo_px: int | None
    stride: int
    least: tuple[int, int]

    @classmethod
    def of(cls, info: dict[str, Any]) -> Reach:
        """By `Engine.info`."""
        preprocessing, least = info["preprocessing"], info["shapes"]["min"]
        halo_px = None if preprocessing.get("resize") else info["halo_px"]
        return cls(halo_px, preprocessing["stride"], (least[0], least[1]))

    def changed(self, trimap: U8, stroke: Box) -> Box:
        """Where alpha is another one after the trimap, which is the new one, was changed in `stroke`."""
        if self.halo_px is None:
            return Box(0, 0, *_size(trimap))
        near = stroke.grown(self.halo_px, _size(trimap))
        unknown = _bounds(unknown_pixels(trimap[near.part]))
        if unknown is None:
            return stroke
        return stroke.joined(
            Box(near.top + unknown.top, near.left + unknown.left, near.top + unknown.bottom, near.left + unknown.right)
        )

    def window(self, wanted: Box, size: tuple[int, int]) -> Box:
        """What must be run for `wanted` of a picture of (height, width). Its first row and column are at multiples of
        the stride from one end and its last ones from the other, so that it is right for the mirrored picture, too."""
        if self.halo_px is None:
            return Box(0, 0, *size)
        rows = self._side(wanted.top, wanted.bottom, size[0], self.least[0])
        columns = self._side(wanted.left, wanted.right, size[1], self.least[1])
        return Box(rows[0], columns[0], rows[1], columns[1])

    def _side(self, first: int, end: int, size: int, least: int) -> tuple[int, int]:
        halo_px, stride = self.halo_px or 0, self.stride
        first = max(0, first - halo_px) // stride * stride
        end = size - max(0, size - end - halo_px) // stride * stride
        if end == size:  # the padding mirrors up to a stride of the picture, which must be in the window
            first = min(first, max(0, size - 2 * stride) // stride * stride)
        if first == 0:
            end = max(end, size - max(0, size - 2 * stride) // stride * stride)
        if end - first < least:
            return 0, size
        return first, end


def alpha_of(run: Callable[[U8, U8], F32], reach: Reach, img: U8, trimap: U8, wanted: Box) -> tuple[Box, F32]:
    """A window and its alpha, which within `wanted` is that of the whole picture.

    Args:
        run: alpha of a picture and its trimap, as `Engine.run` gives it.
        img, trimap: the whole picture's.
    """
    unknown = _bounds(unknown_pixels(trimap[wanted.part]))
    if unknown is None:
        return wanted, (trimap[wanted.part] == 255).astype(np.float32)
    window = reach.window(wanted, _size(trimap))
    return window, run(img[window.part], trimap[window.part])


def _size(trimap: U8) -> tuple[int, int]:
    return trimap.shape[0], trimap.shape[1]


def _bounds(pixels: NDArray[np.bool_]) -> Box | None:
    rows, columns = (np.flatnonzero(pixels.any(axis)) for axis in (1, 0))
    if not rows.size:
        return None
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
