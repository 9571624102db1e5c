"""Trimaps from what people have: a mask, another model's soft mask, scribbles. `dim_trt.trimaps.checks` looks at them.

A trimap is [height, width] uint8: 0 background, 255 foreground, 128 unknown. Radii are those of discs, measured from
pixel centre to pixel centre by exact distance transform, in pixels (`7`) or as a share of the object's size (`"2%"`),
which is the square root of its area in pixels. The picture's border is no edge: what touches it goes on behind it.
"""

from __future__ import annotations

import math
import re
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dim_trt.arrays import kind
from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2

Radius: TypeAlias = float | str
Trimap: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]
Bgr: TypeAlias = tuple[int, int, int]

GREEN: Bgr = (0, 255, 0)
RED: Bgr = (0, 0, 255)
BLUE: Bgr = (255, 120, 0)  # of previews: told apart from orange by every kind of eye
ORANGE: Bgr = (0, 140, 255)
ERODE, DILATE = "2%", "3%"


def from_mask(mask: NDArray[np.generic], *, erode: Radius = ERODE, dilate: Radius = DILATE) -> Trimap:
    """A trimap from a hard mask, cut at half.

    What is thinner than the erosion and holes narrower than the dilation become unknown as a whole: nothing of the mask
    turns into background, nothing outside it into foreground.

    Args:
        mask: [height, width] bool, uint8 in 0..255 or floating point in 0..1.
        erode: how far inside the mask the unknown band reaches.
        dilate: how far outside it reaches.

    Raises:
        InvalidInput: the mask has another type, shape or range, or a radius is none.
    """
    inside = _as_alpha(mask, "mask") >= 0.5
    return _banded(inside, inside, erode, dilate, math.sqrt(np.count_nonzero(inside)))


def from_alpha(
    alpha: NDArray[np.generic],
    *,
    low: float = 0.05,
    high: float = 0.95,
    erode: Radius = "1%",
    dilate: Radius = "2%",
) -> Trimap:
    """A trimap from a rough alpha or another model's soft mask: what lies between the thresholds is unknown, and wider.

    Args:
        alpha: [height, width] bool, uint8 in 0..255 or floating point in 0..1.
        low, high: at most `low` is background, at least `high` foreground; 0 <= low < high <= 1.
        erode, dilate: how far the unknown region grows into the foreground and into the background.

    Raises:
        InvalidInput: the alpha has another type, shape or range, the thresholds do not rise, or a radius is none.
    """
    if not 0 <= low < high <= 1:
        raise InvalidInput(f"low, high: expected 0 <= low < high <= 1, got {low} and {high}")
    values = _as_alpha(alpha, "alpha")
    return _banded(values > low, values >= high, erode, dilate, math.sqrt(np.count_nonzero(values >= 0.5)))


def from_labels(labels: NDArray[np.uint8], *, foreground: int = 1, background: int = 2) -> Trimap:
    """A trimap from a label picture: 0 is unscribbled and becomes unknown.

    Args:
        labels: [height, width] uint8 of 0, `foreground` and `background`.
        foreground, background: the two labels, in 1..255.

    Raises:
        InvalidInput: labels has another type, shape or value, or the two numbers are equal, 0 or not in 1..255.
    """
    if not (0 < foreground < 256 and 0 < background < 256 and foreground != background):
        raise InvalidInput(f"foreground, background: expected two labels in 1..255, got {foreground} and {background}")
    if not isinstance(labels, np.ndarray) or labels.dtype != np.uint8 or labels.ndim != 2 or labels.size == 0:
        raise InvalidInput(f"labels: expected uint8 [height, width], got {kind(labels)}")
    others = sorted(set(np.unique(labels).tolist()) - {0, foreground, background})
    if others:
        known = f"0 (unscribbled), {foreground} (foreground) and {background} (background)"
        raise InvalidInput(f"labels: expected {known}, got also {', '.join(map(str, others[:5]))}")
    return _three(labels == background, labels == foreground)


def from_scribbles(
    strokes: NDArray[np.uint8],
    *,
    foreground: Bgr = GREEN,
    background: Bgr = RED,
    tolerance: int = 40,
    img: NDArray[np.uint8] | None = None,
) -> Trimap:
    """A trimap from color strokes; everything else is unknown.

    Sparse strokes are a poor trimap: a matting network wants to know all that is easily known. Fill the areas.

    Args:
        strokes: [height, width, 3] uint8 BGR, or 4 channels with an alpha that is below 128 where nothing was drawn.
        foreground, background: the strokes' colors (blue, green, red).
        tolerance: the largest difference in any channel, 0..255, that still counts as the color.
        img: the picture the strokes were drawn on, if they were: pixels as in it are not strokes.

    Raises:
        InvalidInput: an array has another type or shape, or the tolerance does not tell the colors apart.
    """
    if not isinstance(strokes, np.ndarray) or strokes.dtype != np.uint8 or strokes.ndim != 3 or not strokes.size:
        raise InvalidInput(f"strokes: expected uint8 [height, width, 3 or 4], got {kind(strokes)}")
    if strokes.shape[2] not in (3, 4):
        raise InvalidInput(f"strokes: expected 3 or 4 channels, got {strokes.shape[2]}")
    apart = max(abs(f - b) for f, b in zip(foreground, background, strict=True))
    if not 0 <= tolerance <= 255 or 2 * tolerance >= apart:
        raise InvalidInput(f"tolerance: expected 0 to {(apart - 1) // 2} for these two colors, got {tolerance}")
    drawn = np.ones(strokes.shape[:2], np.bool_) if strokes.shape[2] == 3 else strokes[:, :, 3] >= 128
    if img is not None:
        if img.shape != (*strokes.shape[:2], 3) or img.dtype != np.uint8:
            raise InvalidInput(f"img: expected uint8 {[*strokes.shape[:2], 3]} as the strokes, got {kind(img)}")
        drawn = drawn & (img != strokes[:, :, :3]).any(2)
    near = (drawn & _is_color(strokes, color, tolerance) for color in (background, foreground))
    return _three(*near)


def clean(trimap: Trimap, *, margin: int = 16) -> Trimap:
    """The trimap with nearly black as background, nearly white as foreground and the rest as 128.

    For trimaps that went through JPEG or smooth scaling. `margin`: the largest distance from 0 and from 255, 0..126.
    """
    if not 0 <= margin <= 126:
        raise InvalidInput(f"margin: expected 0 to 126, got {margin}")
    _check_trimap(trimap, np.shape(trimap)[:2])
    return _three(trimap <= margin, trimap >= 255 - margin)


def preview(img: NDArray[np.uint8], trimap: Trimap, *, strength: float = 0.6) -> NDArray[np.uint8]:
    """[height, width, 3] uint8 BGR: foreground tinted blue, background orange, the unknown region as it is.

    `strength`: how much of the tint, 0..1.
    """
    if not 0 <= strength <= 1:
        raise InvalidInput(f"strength: expected 0 to 1, got {strength}")
    if not isinstance(img, np.ndarray) or img.dtype != np.uint8 or img.ndim != 3 or img.shape[2] != 3:
        raise InvalidInput(f"img: expected uint8 [height, width, 3], got {kind(img)}")
    _check_trimap(trimap, img.shape[:2])
    picture = img.copy()
    for value, tint in ((255, BLUE), (0, ORANGE)):
        pixels = trimap == value
        mixed = (1 - strength) * img[pixels] + strength * np.asarray(tint, np.float64)
        picture[pixels] = np.rint(mixed)
    return picture


def distance_to(pixels: Mask) -> NDArray[np.float32]:
    """[height, width] pixels from each centre to the nearest true one's, exact; infinite where there is none."""
    if not pixels.any():
        return np.full(pixels.shape, np.inf, np.float32)
    zeros = np.ascontiguousarray(~pixels).view(np.uint8)
    return np.asarray(cv2.distanceTransform(zeros, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def radius_px(radius: Radius, object_size_px: float, argument: str) -> float:
    """`7` -> 7.0; `"2%"` -> 2 % of the object's size, at least 1 unless it is 0 %."""
    if isinstance(radius, str):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%|px)?", radius.strip())
        if not match:
            raise InvalidInput(
                f"{argument}: expected a radius such as 7 (pixels) or '2%' (of the object), got {radius!r}"
            )
        value = float(match[1])
        return value if match[2] != "%" else max(value / 100 * object_size_px, float(value > 0))
    if isinstance(radius, bool) or not math.isfinite(radius) or radius < 0:
        raise InvalidInput(f"{argument}: expected a radius from 0, got {radius!r}")
    return float(radius)


def _banded(possible: Mask, sure: Mask, erode: Radius, dilate: Radius, object_size_px: float) -> Trimap:
    """Background farther than `dilate` from all that may be object, foreground farther than `erode` from all else."""
    outside_px = radius_px(dilate, object_size_px, "dilate")
    inside_px = radius_px(erode, object_size_px, "erode")
    return _three(distance_to(possible) > outside_px, distance_to(~sure) > inside_px)


def _check_trimap(trimap: object, size: tuple[int, ...]) -> None:
    if not isinstance(trimap, np.ndarray) or trimap.dtype != np.uint8 or trimap.ndim != 2 or trimap.shape != size:
        raise InvalidInput(f"trimap: expected uint8 {list(size) if size else '[height, width]'}, got {kind(trimap)}")


def _three(background: Mask, foreground: Mask) -> Trimap:
    trimap = np.full(background.shape, 128, np.uint8)
    trimap[background], trimap[foreground] = 0, 255
    return trimap


def _is_color(strokes: NDArray[np.uint8], color: Bgr, tolerance: int) -> Mask:
    difference = np.abs(strokes[:, :, :3].astype(np.int16) - np.asarray(color, np.int16))
    near: Mask = difference.max(2) <= tolerance
    return near


def _as_alpha(array: NDArray[np.generic], name: str) -> NDArray[np.float32]:
    """Checked, in 0..1."""
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.size == 0:
        raise InvalidInput(f"{name}: expected [height, width] with sides of at least 1, got {kind(array)}")
    if array.dtype == np.bool_:
        return array.astype(np.float32)
    if array.dtype == np.uint8:
        largest = int(np.max(array.view(np.uint8)))
        if 0 < largest < 16:
            raise InvalidInput(f"{name}: expected uint8 in 0..255, got at most {largest}; pass {name} == label instead")
        return array.astype(np.float32) / np.float32(255)
    if not np.issubdtype(array.dtype, np.floating):
        raise InvalidInput(f"{name}: expected bool, uint8 in 0..255 or floats in 0..1, got {array.dtype}")
    values = array.astype(np.float32)
    if not (values.min() >= 0 and values.max() <= 1):  # false for NaN
        raise InvalidInput(f"{name}: expected floats in 0..1, got some outside or NaN")
    return values
