"""The trimap of a frame from the matte of the frame before, the motion between them, and what key frames say."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dim_trt.opencv import cv2
from dim_trt.tracking.anchors import GUESS_SHARE, STRANGE, UNTRACKED_PX, Anchor
from dim_trt.tracking.appearance import says_background, says_foreground
from dim_trt.tracking.flow import F32, U8, Mask, Motion, spread

BAND_SHARE = 1 / 60  # of the picture's shorter side: half the width of the unknown band around edges
SMALLEST_BAND_PX = 3.0
LOW, HIGH = 0.05, 0.95  # alpha between them is soft
SPREAD_SHARE = 0.5  # of the difference in motion around a pixel, by which the band grows
COLOR_BANDS = 1.5  # of the band: nearer to the object its hair has the background's colors in it
SURE_COLOR, COLOR_DEPTH = 0.9, 0.8  # what has the object's colors, to so many bands from its edge, is foreground
WORKING_PX = 540  # of the shorter side: at about this size the trimaps of larger frames are made
FINEST_BAND_PX = 4.0  # that is left of the band there
LARGEST_MISS_PX = 16.0  # of the flow's error, by which the band grows


def carried(
    previous: F32, motion: Motion, anchor: Anchor | None, band_px: float | None = None, evidence: F32 | None = None
) -> U8:
    """The trimap of a frame from the alpha [height, width] of the frame before and, if there is one, an anchor.

    What matting guessed is known only where the anchor or the evidence of colors supports it. A wide band of a large
    frame is made at half of its size, or less. `band_px`: None is the usual one, see `KeyFrames`.
    """
    band_px = band_px or max(SMALLEST_BAND_PX, BAND_SHARE * min(motion.size))
    shrink = max(1, min(round(min(motion.size) / WORKING_PX), int(band_px / FINEST_BAND_PX)))
    size = (-(-motion.size[0] // shrink), -(-motion.size[1] // shrink))
    if shrink > 1:
        previous = np.asarray(cv2.resize(previous, size[::-1], interpolation=cv2.INTER_AREA), np.float32)
    trimap = _carried(previous, motion, anchor, band_px, evidence)
    return np.asarray(cv2.resize(trimap, motion.size[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def _carried(previous: F32, motion: Motion, anchor: Anchor | None, band_px: float, evidence: F32 | None) -> U8:
    """The same of any size; distances are in px of the frame all the same."""
    size, px = previous.shape, motion.size[1] / previous.shape[1]
    alpha, new = motion.brought(previous), _up(_widened(motion.new.view(np.uint8), 3), size, nearest=True)
    reach = SPREAD_SHARE * spread(motion.back) + np.minimum(motion.error, LARGEST_MISS_PX / motion.scale)
    radius = _up(_widened(reach, 5), size) * np.float32(motion.scale) + np.float32(band_px)
    if anchor is None:
        return _banded(alpha, radius, new > 0, px)
    fields = _fields(anchor, size)
    inside, untracked = fields.inside, fields.doubt >= UNTRACKED_PX
    alpha[(fields.outside > 0) & (alpha < 0.5)] = 0  # haze where there was no soft edge
    alpha[(inside > 0) & (alpha > 0.5)] = 1
    colors = np.zeros_like(alpha) if evidence is None else _up(evidence, size)
    by_color = says_background(colors) & (inside <= fields.doubt)
    core = (alpha > HIGH) & ~by_color & (~untracked | (colors > 0))
    by_color &= _distance_to(core, px) > COLOR_BANDS * radius
    alpha[by_color] = 0
    trimap = _banded(alpha, radius, (new > 0) & ~by_color, px)
    # What no key frame ever showed, and whose colors are not the object's, is not foreground for sure.
    trimap[(trimap == 255) & (inside <= 0) & ~says_foreground(colors)] = 128
    trimap[(trimap == 0) & untracked & says_foreground(colors)] = 128
    trimap[(trimap == 128) & (_distance_to(colors < SURE_COLOR, px) > COLOR_DEPTH * band_px)] = 255
    return _written(fields, min(motion.size), trimap, by_color, colors)


def anchored(anchor: Anchor | None, side_px: int, trimap: U8) -> U8:
    """What an anchor says of a frame, written over a trimap [height, width], which is changed. `side_px`: the frame's
    shorter one."""
    return trimap if anchor is None else _written(_fields(anchor, trimap.shape), side_px, trimap)


class _Fields(NamedTuple):
    """An anchor at another size, [height, width] each."""

    outside: F32
    inside: F32
    doubt: F32
    strange: F32


def _fields(anchor: Anchor, size: tuple[int, ...]) -> _Fields:
    outside, inside = (_up(distance, size) for distance in (anchor.outside_px, anchor.inside_px))
    strange = _up(_widened(anchor.strange, 3), size, nearest=True)
    return _Fields(outside, inside, _up(anchor.doubt_px, size, nearest=True), strange)


def _written(
    fields: _Fields, side_px: int, trimap: U8, background: Mask | None = None, colors: F32 | float = 0.0
) -> U8:
    """`background`: [height, width], what is so by its `colors`."""
    outside, inside, doubt, strange = fields
    # What came in far from the object is background, but for what moves otherwise than the background does.
    untracked = doubt >= UNTRACKED_PX
    trimap[untracked & (outside > GUESS_SHARE * side_px)] = 0
    moves_otherwise = untracked & (strange >= STRANGE)
    if background is not None:
        trimap[background] = 0
        moves_otherwise &= ~(background & (colors < -0.9))
    trimap[moves_otherwise] = 128
    trimap[((trimap == 0) & (outside < -doubt)) | ((trimap == 255) & (inside < -doubt))] = 128  # left open by the key
    trimap[outside > doubt], trimap[inside > doubt] = 0, 255
    return trimap


def _banded(alpha: F32, radius: F32, unknown: Mask, px: float) -> U8:
    trimap = np.full(alpha.shape, 128, np.uint8)
    trimap[_distance_to(alpha > LOW, px) > radius] = 0
    trimap[_distance_to(alpha < HIGH, px) > radius] = 255
    trimap[unknown] = 128
    return trimap


def _distance_to(pixels: Mask, px: float) -> F32:
    """[height, width] to the nearest true pixel, each `px` wide, to within a few percent; infinite without one."""
    if not pixels.any():
        return np.full(pixels.shape, np.inf, np.float32)
    distance = cv2.distanceTransform((~pixels).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(distance if px == 1 else distance * np.float32(px), np.float32)


def _widened(picture: NDArray[Any], side: int) -> NDArray[Any]:
    return np.asarray(cv2.dilate(picture, np.ones((side, side), np.uint8)))


def _up(picture: NDArray[Any], size: tuple[int, ...], *, nearest: bool = False) -> F32:
    interpolation = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=interpolation), np.float32)
