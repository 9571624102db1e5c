"""Trimaps from another network's soft mask and its picture, whose colors say where the mask's outline is wrong.

Masks of such networks are drawn at a few hundred pixels: their outline is off by some percent of the object, hair is
cut short, and thin things are lost. So the mask is only the first word. The colors of what it is sure of, inside and
outside, make two histograms; along the outline, and as far from it as the mask may be off, each pixel's own color says
which side it is on. That is as sharp as the picture. Where mask and colors leave a doubt, the trimap is unknown, and
around every edge: thinly along a straight one, the wider the more outline there is to a place, as in hair.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dim_trt.arrays import kind
from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2
from dim_trt.trimaps.making import Mask, Trimap, distance_to, mask_fraction, radius_px, three

F32 = NDArray[np.float32]

OFF = "6%"  # of the object's size: how far the mask's outline may be from the true one
BAND = "1%"  # of the same: how far the unknown region reaches from a straight edge, to either side
SURE = 0.8  # of mask and colors together, that a pixel is the object's; as much that it is not
CONTRADICTION = 0.5  # between mask and the two together: from here on neither counts
INNER = 0.03  # of the object's size: so far from its outline the mask is believed when colors are learned
WINDOW = 0.03  # of the same: half the side of the place in which outline is counted
SPECK = 1e-4  # of the object's area: what is alone in the other layer and smaller is noise
BINS = 16  # of each channel in a histogram
RARE = 0.02  # of a mean bin of those that pictures fill: colors as rare in both say nothing
TRUST = 0.9  # the most that a color is believed
DOUBT = 0.01  # the least that any pixel keeps; colors overrule no more than that far from the outline
COARSE_PX = 8.0  # sigma of a blur that is done at full resolution; wider ones are done on a smaller picture


def from_soft_mask(img: NDArray[np.uint8], mask: NDArray[np.generic], *, off: float | str = OFF) -> Trimap:
    """A trimap from a picture and another network's soft mask of it.

    Better than `from_mask` where the mask is rough, as the picture's own edges and colors are looked at. Give it the
    alpha that came of it for another look: what alpha is sure of is then what colors are learned from.

    Args:
        img: [height, width, 3] uint8; any channel order.
        mask: [height, width] of the object, of a type that `from_mask` takes; at least half of white is object.
        off: how far the mask's outline may be from the true one, in pixels (7) or of the object's size ("6%"), which is
            the square root of its area; less for masks that are sharp at the picture's own size.

    Returns:
        [height, width] uint8: 0 background, 255 foreground, 128 unknown; all 0 where the mask has no object.

    Raises:
        InvalidInput: an array has another type, shape or range, or `off` is no radius.
    """
    fraction = mask_fraction(mask)
    if not isinstance(img, np.ndarray) or img.dtype != np.uint8 or img.shape != (*fraction.shape, 3):
        raise InvalidInput(f"img: expected uint8 {[*fraction.shape, 3]} as the mask, got {kind(img)}")
    object_px = math.sqrt(np.count_nonzero(fraction >= 0.5))
    reach_px = radius_px(off, object_px, "off")
    if not object_px:
        return np.zeros(fraction.shape, np.uint8)
    likely = _without_specks(_likely(img, fraction, object_px, reach_px), SPECK * object_px**2)
    band_px = radius_px(BAND, object_px, "band") * _crookedness(likely >= 0.5, WINDOW * object_px)
    likely = np.where(np.abs(likely - fraction) > CONTRADICTION, np.float32(0.5), likely)
    return three(distance_to(likely > 1 - SURE) > band_px, distance_to(likely < SURE) > band_px)


def _likely(img: NDArray[np.uint8], fraction: F32, object_px: float, reach_px: float) -> F32:
    """[height, width] in 0..1: how likely a pixel is the object's, by the mask around it and its own color (Bayes)."""
    colors = _evidence(img, fraction, INNER * object_px)
    odds = (1 + TRUST * colors) / (1 - TRUST * colors)
    around = np.clip(_blurred(fraction, reach_px), DOUBT, 1 - DOUBT)
    return np.asarray(around * odds / (around * odds + 1 - around), np.float32)


def _evidence(img: NDArray[np.uint8], fraction: F32, inner_px: float) -> F32:
    """[height, width]: -1 a color of the background alone, 1 of the object alone, 0 of both or neither."""
    steps = (img // (256 // BINS)).astype(np.int32)
    bins = (steps[..., 0] * BINS + steps[..., 1]) * BINS + steps[..., 2]
    inside, outside = (
        _histogram(bins[distance_to(~sure) > inner_px])[bins] for sure in (fraction >= 0.9, fraction <= 0.1)
    )
    evidence = (inside - outside) / (inside + outside + np.float32(RARE / BINS**2))
    return np.asarray(cv2.blur(evidence, (3, 3)), np.float32)  # the noise of single pixels


def _histogram(bins: NDArray[np.int32]) -> F32:
    """[BINS³] shares of colors, smoothed over neighbours, as light moves a color by a bin; all 0 of no pixel."""
    counts = np.bincount(bins, minlength=BINS**3).astype(np.float32).reshape(BINS, BINS, BINS)
    for axis in range(3):
        padded = np.pad(counts, [(1, 1) if other == axis else (0, 0) for other in range(3)])
        below, at, above = (np.take(padded, range(start, start + BINS), axis) for start in range(3))
        counts = (below + 2 * at + above) / np.float32(4)
    return np.asarray(counts.reshape(-1) / max(float(counts.sum()), 1), np.float32)


def _without_specks(likely: F32, least_px: float) -> F32:
    """Without islands smaller than `least_px`: specks in the background, pinholes in the object."""
    result = likely.copy()
    for other, value in ((likely > 1 - SURE, 0), (likely < SURE, 1)):
        _, labels, stats, _ = cv2.connectedComponentsWithStats(other.view(np.uint8), connectivity=8)
        small = stats[:, cv2.CC_STAT_AREA] < least_px
        small[0] = False  # what is none of them
        result[small[labels]] = value
    return result


def _crookedness(inside: Mask, window_px: float) -> F32:
    """[height, width], at least 1: how much longer the outline around a pixel is than a straight one."""
    half = max(1, round(window_px))
    side = 2 * half + 1
    outline = inside.view(np.uint8) != cv2.erode(inside.view(np.uint8), np.ones((3, 3), np.uint8))
    length = cv2.boxFilter(outline.astype(np.float32), -1, (side, side), normalize=False) / np.float32(side)
    around = cv2.dilate(length, np.ones((half | 1, half | 1), np.uint8))
    return np.maximum(around, np.float32(1))


def _blurred(picture: F32, sigma: float) -> F32:
    """A Gaussian's; a wide one's on a smaller picture, which is as smooth and takes a fraction of the time."""
    if sigma <= 0:
        return picture
    height, width = picture.shape
    shrink = max(1.0, sigma / COARSE_PX)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
