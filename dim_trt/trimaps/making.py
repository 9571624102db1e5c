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
from dim_trt.pictures.picture import turn_advice
from dim_trt.trimaps.findings import Finding
from dim_trt.trimaps.levels import Asked, levels_of

Radius: TypeAlias = float | str
Trimap: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]
Bgr: TypeAlias = tuple[int, int, int]

GREEN: Bgr = (0, 255, 0)
RED: Bgr = (0, 0, 255)
BLUE: Bgr = (255, 120, 0)  # of previews: told apart from orange by every kind of eye
ORANGE: Bgr = (0, 140, 255)
ERODE, DILATE = "2%", "3%"
LOW, HIGH = 0.05, 0.95


def from_mask(
    mask: NDArray[np.generic], *, erode: Radius = ERODE, dilate: Radius = DILATE, low: float = LOW, high: float = HIGH
) -> Trimap:
    """A trimap from a mask, hard or soft.

    What is thinner than the erosion and holes narrower than the dilation become unknown as a whole: nothing of the mask
    turns into background, nothing outside it into foreground.

    Args:
        mask: [height, width] bool, uint8 in 0..255, uint16 in 0..65535 or floating point in 0..1.
        erode: how far inside the mask the unknown band reaches.
        dilate: how far outside it reaches.
        low, high: at most `low` is surely background, at least `high` surely foreground; what lies between is unknown,
            0 <= low <= high <= 1. Both 0.5 cut a soft mask at half.

    Raises:
        InvalidInput: the mask has another type, shape or range, the bounds fall, or a radius is none.
    """
    return banded(mask_fraction(mask, "mask"), erode, dilate, low, high)


def from_alpha(
    alpha: NDArray[np.generic], *, low: float = LOW, high: float = HIGH, erode: Radius = "1%", dilate: Radius = "2%"
) -> Trimap:
    """A trimap from a rough alpha, whose soft edge says where it is uncertain: as `from_mask`, in a narrower band.

    Args:
        alpha: as `mask` of `from_mask`.
        low, high: at most `low` is background, at least `high` foreground; 0 <= low <= high <= 1.
        erode, dilate: how far the unknown region grows into the foreground and into the background.

    Raises:
        InvalidInput: the alpha has another type, shape or range, the bounds fall, or a radius is none.
    """
    return banded(mask_fraction(alpha, "alpha"), erode, dilate, low, high)


def from_labels(labels: NDArray[np.generic], *, foreground: int = 1, background: int = 2, unknown: int = 0) -> Trimap:
    """A trimap from a label picture.

    Args:
        labels: [height, width] integers, each one of the three labels.
        foreground, background, unknown: the labels, from 0.

    Raises:
        InvalidInput: labels has another type, shape or value, or two of the numbers are equal.
    """
    numbers = (foreground, background, unknown)
    if min(numbers) < 0 or len(set(numbers)) < 3:
        raise InvalidInput(
            f"foreground, background, unknown: expected three different labels from 0, got {foreground}, {background} "
            f"and {unknown}; say what all three are"
        )
    _check_labels(labels)
    others = sorted(set(np.unique(labels).tolist()) - set(numbers))
    if others:
        known = f"{foreground} (foreground), {background} (background) and {unknown} (unknown)"
        raise InvalidInput(f"labels: expected {known}, got also {', '.join(map(str, others[:5]))}")
    return three(labels == background, labels == foreground)


def object_of(labels: NDArray[np.generic], label: int) -> Mask:
    """[height, width]: where a label picture of integers has this label. Raises InvalidInput where it does nowhere."""
    _check_labels(labels)
    mask: Mask = labels == label
    if not mask.any():
        present = ", ".join(map(str, np.unique(labels).tolist()[:8]))
        raise InvalidInput(f"labels: expected some pixels with the label {label}, got {present}")
    return mask


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
            advice = turn_advice(img.shape[:2], strokes.shape[:2])
            raise InvalidInput(
                f"img: expected uint8 {[*strokes.shape[:2], 3]} as the strokes, got {kind(img)}"
                + (f"; {advice}" if advice else "")
            )
        drawn = drawn & (img != strokes[:, :, :3]).any(2)
    near = (drawn & _is_color(strokes, color, tolerance) for color in (background, foreground))
    return three(*near)


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


def banded(fraction: NDArray[np.float32], erode: Radius, dilate: Radius, low: float, high: float) -> Trimap:
    """Background farther than `dilate` from all that may be object, foreground farther than `erode` from all else.

    `fraction` [height, width] in 0..1: at most `low` is no object, at least `high` is.
    """
    check_bounds(low, high)
    sure = fraction >= high
    possible = (fraction > low) | sure  # both bounds may be the same
    object_size_px = math.sqrt(np.count_nonzero(fraction >= 0.5))
    outside_px = radius_px(dilate, object_size_px, "dilate")
    inside_px = radius_px(erode, object_size_px, "erode")
    return three(distance_to(possible) > outside_px, distance_to(~sure) > inside_px)


def check_bounds(low: float, high: float) -> None:
    if not 0 <= low <= high <= 1 or high == 0:
        raise InvalidInput(f"low, high: expected 0 <= low <= high <= 1, got {low} and {high}")


def _check_trimap(trimap: object, size: tuple[int, ...]) -> None:
    if not isinstance(trimap, np.ndarray) or trimap.dtype != np.uint8 or trimap.ndim != 2 or trimap.shape != size:
        raise InvalidInput(f"trimap: expected uint8 {list(size) if size else '[height, width]'}, got {kind(trimap)}")


def three(background: Mask, foreground: Mask) -> Trimap:
    """The trimap of what is known."""
    trimap = np.full(background.shape, 128, np.uint8)
    trimap[background], trimap[foreground] = 0, 255
    return trimap


def _is_color(strokes: NDArray[np.uint8], color: Bgr, tolerance: int) -> Mask:
    difference = np.abs(strokes[:, :, :3].astype(np.int16) - np.asarray(color, np.int16))
    near: Mask = difference.max(2) <= tolerance
    return near


def _check_labels(labels: object) -> None:
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu" or labels.ndim != 2 or labels.size == 0:
        raise InvalidInput(f"labels: expected integers [height, width], got {kind(labels)}")


def mask_fraction(array: object, name: str = "mask") -> NDArray[np.float32]:
    """Checked, in 0..1."""
    if isinstance(array, np.ndarray) and array.ndim != 2:
        raise InvalidInput(f"{name}: expected [height, width] with sides of at least 1, got {kind(array)}")
    levels = levels_of(array, Asked(name))
    if isinstance(levels, Finding):
        raise InvalidInput(f"{name}: {levels.message}")
    return levels.fraction()
