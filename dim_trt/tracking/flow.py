"""How the picture moved since the frame before: dense optical flow of a small picture, and where not to trust it.

Forward and backward flow (DIS, Kroeger et al., ECCV 2016) must lead back to where they started, within a tolerance that
grows with the motion, and to the same brightness; elsewhere something was uncovered, came in, or the flow errs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2

U8: TypeAlias = NDArray[np.uint8]
F32: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

SHRINK = 4
SMALLEST_PX, LARGEST_PX = 64, 180  # of the shorter side after shrinking; other pictures are shrunk less, or more
TINIEST_PX = 16  # below, there is no flow: DIS needs room for its patches
CHANGED_LEVELS = 24  # of 255, more than flow, noise and light explain
CUT_LEVELS, CUT_SHARE = 12, 0.25  # a cut: so many pixels are so different from where the flow found them


@dataclass(frozen=True)
class Motion:
    """Between a frame and the one before. Arrays are of the small picture, see `small_size`.

    size: (height, width) of the frame in px.
    back: [h, w, 2] float32 (x, y) in px of the small picture from a pixel to its place in the frame before.
    error: [h, w] float32: by how far the way back and on again misses its start, in px of the small picture.
    new: [h, w] bool: came in from outside the picture, or looks different from what the flow says it was.
    cut: whether this frame is of another scene.
    pictures: this frame and the one before, [h, w, 3] uint8 BGR each.
    """

    size: tuple[int, int]
    back: F32
    error: F32
    new: Mask
    cut: bool
    pictures: tuple[U8, U8]

    @property
    def scale(self) -> float:
        """How many px of the frame are one of the small picture."""
        return float(self.size[1] / self.back.shape[1])

    def change(self, back: F32) -> F32:
        """[h, w] in levels of 255: how different each pixel is from its place in the frame before by another flow."""
        return _change(*self.pictures, back)

    def brought(self, picture: F32) -> F32:
        """A picture of the frame before, of any size, moved to where its pixels are in this frame."""
        height, width = picture.shape[:2]
        scales = np.array([width / self.back.shape[1], height / self.back.shape[0]], np.float32)
        back = cv2.resize(self.back * scales, (width, height), interpolation=cv2.INTER_LINEAR)
        return warped(picture, np.asarray(back, np.float32))


class Watcher:
    """Finds the motion of a clip frame by frame."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        # The preset stops at half the size and smooths more: a small object's motion comes out a sixth too short.
        self._flow.setFinestScale(0)
        self._flow.setVariationalRefinementAlpha(5)
        self._before: U8 | None = None

    def motion(self, image: U8) -> Motion | None:
        """Motion since the image [height, width, 3] uint8 BGR of the call before; None at the first.

        Raises:
            InvalidInput: the image is of another size than the one before.
        """
        return self.motion_of_small(small_picture(image), (image.shape[0], image.shape[1]))

    def motion_of_small(self, now: U8, size: tuple[int, int]) -> Motion | None:
        """The same of a `small_picture`, whose frame has `size` (height, width)."""
        before, self._before = self._before, now
        if before is None:
            return None
        if before.shape != now.shape:
            raise InvalidInput(f"image: expected frames of one size, got {list(size)} after another one")
        back, on = self._between(now, before), self._between(before, now)
        change = _change(now, before, back)
        cut = float((change > CUT_LEVELS).mean()) > CUT_SHARE
        new = from_outside(back) | (change > CHANGED_LEVELS)
        error = length(back + warped(on, back))
        return Motion(size, back, error, new, cut, (now, before))

    def _between(self, start: U8, end: U8) -> F32:
        flow = np.zeros((*start.shape[:2], 2), np.float32)  # where the search begins
        if min(start.shape[:2]) < TINIEST_PX:
            return flow
        first, second = (cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (start, end))
        return np.asarray(self._flow.calc(first, second, flow), np.float32)


def small_size(size: tuple[int, ...]) -> tuple[int, int]:
    """(height, width) a quarter of the size, rounded up; of small pictures more, and of large ones less."""
    shrink = max(1, min(SHRINK, min(size) // SMALLEST_PX), min(size) / LARGEST_PX)
    return math.ceil(size[0] / shrink), math.ceil(size[1] / shrink)


def small_picture(image: U8) -> U8:
    """[h, w, 3] uint8 of `small_size`."""
    height, width = small_size(image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def warped(picture: NDArray[Any], back: F32, *, nearest: bool = False) -> NDArray[Any]:
    """At each pixel what `picture` holds at pixel + back, bilinear or the nearest; outside the border repeats."""
    interpolation = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return np.asarray(cv2.remap(picture, *_places(back), interpolation, borderMode=cv2.BORDER_REPLICATE))


def spread(back: F32) -> F32:
    """[h, w]: by how much the motion differs around a pixel, in px of the small picture: large where objects meet."""
    around = np.ones((5, 5), np.uint8)
    return length(np.asarray(cv2.dilate(back, around) - cv2.erode(back, around), np.float32))


def length(flow: F32) -> F32:
    """[h, w]: of each vector."""
    return np.asarray(cv2.magnitude(flow[..., 0], flow[..., 1]), np.float32)


def _change(now: U8, before: U8, back: F32) -> F32:
    """[h, w] in levels of 255: the channel that changed most, mean over 3×3 px; what all pixels have in common is light
    and left out."""
    difference = now.astype(np.float32) - warped(before, back)
    difference -= np.median(difference[::2, ::2], (0, 1))
    blue, green, red = cv2.split(cv2.blur(np.abs(difference), (3, 3)))
    return np.asarray(cv2.max(cv2.max(blue, green), red), np.float32)


def from_outside(back: F32) -> Mask:
    """[h, w] bool: where the flow leads out of the picture."""
    height, width = back.shape[:2]
    x, y = _places(back)
    outside: Mask = (x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)
    return outside


def _places(back: F32) -> tuple[F32, F32]:
    """x and y [h, w] of where each pixel comes from."""
    height, width = back.shape[:2]
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    return back[..., 0] + x, back[..., 1] + y[:, None]
