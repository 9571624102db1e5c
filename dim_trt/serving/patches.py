"""What of alpha a stroke changes.

The network looks `halo_px` far, at the trimap, too. So a changed pixel of the trimap changes alpha of unknown pixels up
to there, and of no others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt.arrays import unknown_pixels

U8 = NDArray[np.uint8]


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
    def window(self) -> tuple[int, int, int, int]:
        """As `Engine.run` takes it: (top, left, height, width)."""
        return (self.top, self.left, *self.size)

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

    def outside(self, outer: Box) -> Box:
        """As a box of what `outer` is cut from; undoes `inside`."""
        return Box(self.top + outer.top, self.left + outer.left, self.bottom + outer.top, self.right + outer.left)

    def joined(self, other: Box) -> Box:
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def overlap(self, other: Box) -> Box | None:
        """What is in both."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom, right = min(self.bottom, other.bottom), min(self.right, other.right)
        return Box(top, left, bottom, right) if top < bottom and left < right else None


def joined(one: Box | None, other: Box | None) -> Box | None:
    """The smallest that holds both."""
    if one is None or other is None:
        return one or other
    return one.joined(other)


def difference(before: U8, after: U8, box: Box) -> Box | None:
    """Where two trimaps, which are the same outside of the box, are not."""
    found = _bounds(before[box.part] != after[box.part])
    return None if found is None else found.outside(box)


def changed(trimap: U8, stroke: Box, halo_px: int | None) -> Box:
    """Where alpha is another one after the trimap, which is the new one, was changed in `stroke`.

    halo_px: how far from a pixel of alpha the network looks; None where alpha depends on the whole picture.
    """
    size = trimap.shape[0], trimap.shape[1]
    if halo_px is None:
        return Box(0, 0, *size)
    near = stroke.grown(halo_px, size)
    unknown = _bounds(unknown_pixels(trimap[near.part]))
    if unknown is None:
        return stroke
    return stroke.joined(unknown.outside(near))


def halo_of(info: dict[str, Any]) -> int | None:
    """As `changed` takes it, by `Engine.info`: a picture that is scaled for the network matters as a whole."""
    halo_px: int = info["halo_px"]
    return None if info["preprocessing"].get("resize") else halo_px


def _bounds(pixels: NDArray[np.bool_]) -> Box | None:
    rows, columns = (np.flatnonzero(pixels.any(axis)) for axis in (1, 0))
    if not rows.size:
        return None
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
