"""Which colors the object and its background have, from the key frames on: what was never seen can be told by them.

Two histograms, of what a key frame says is known. The background's grows with what comes in and is known by its motion.
"""

from __future__ import annotations

import numpy as np

from dim_trt.opencv import cv2
from dim_trt.tracking.anchors import GUESS_SHARE, UNTRACKED_PX, Anchor
from dim_trt.tracking.flow import F32, U8, Mask

BINS = 32  # of each channel
FLOOR = 0.02  # of a mean bin: colors that are rarer than this in both say nothing
INNER_SHARE = 0.2  # of the object's largest depth
NEW_SHARE = 0.05  # of the histograms, for what a frame adds
SETTLED = -0.1  # of strangeness: what came in has moved with the background for some frames


class Appearance:
    """Color models of a stretch of frames; one picture after the other.

    Pictures are small ones, [h, w, 3] uint8 BGR; what they are known by is an anchor, of the same size.
    """

    def __init__(self) -> None:
        self._foreground = self._background = np.zeros(BINS**3, np.float32)

    def begin(self, picture: U8, anchor: Anchor) -> None:
        """At a key frame: its colors, together with what is known of earlier ones."""
        bins = _bins(picture)
        inner = anchor.inside_px > INNER_SHARE * anchor.inside_px.max()  # rough masks have background at their rim
        self._foreground = _mixed(self._foreground, bins[inner & (anchor.inside_px > 0)], 0.5)
        self._background = _mixed(self._background, bins[anchor.outside_px > 0], 0.5)

    def add(self, picture: U8, anchor: Anchor, side: int) -> None:
        """Of a later frame what its anchor is sure of. `side`: the frame's shorter one, px."""
        untracked = anchor.doubt_px >= UNTRACKED_PX
        came_in = untracked & (anchor.outside_px > GUESS_SHARE * side) & (anchor.strange <= SETTLED)
        bins = _bins(picture)
        self._background = _mixed(self._background, bins[(anchor.outside_px > anchor.doubt_px) | came_in], NEW_SHARE)
        self._foreground = _mixed(self._foreground, bins[anchor.inside_px > anchor.doubt_px], NEW_SHARE)

    def evidence(self, picture: U8) -> F32:
        """[h, w] float32: -1 background's color, 1 the object's, 0 neither's or both's."""
        bins = _bins(picture)
        inside, outside = self._foreground[bins], self._background[bins]
        floor = np.float32(FLOOR / BINS**2)  # pictures fill about a surface of the cube
        return np.asarray(cv2.blur((inside - outside) / (inside + outside + floor), (3, 3)), np.float32)


def says_background(evidence: F32) -> Mask:
    return evidence < -0.5


def says_foreground(evidence: F32) -> Mask:
    return evidence > 0.5


def _bins(picture: U8) -> np.ndarray:
    step = 256 // BINS
    b, g, r = (picture[..., channel].astype(np.int32) // step for channel in range(3))
    return np.asarray((b * BINS + g) * BINS + r)


def _mixed(before: F32, bins: np.ndarray, share: float) -> F32:
    """The histogram with that of some pixels, whose bins [n] these are, by their share; each sums up to 1."""
    if not bins.size:
        return before
    counts = np.bincount(bins, minlength=BINS**3).astype(np.float32).reshape(BINS, BINS, BINS)
    for axis in range(3):  # noise and light move colors by a bin
        padded = np.pad(counts, [(1, 1) if other == axis else (0, 0) for other in range(3)])
        below, at, above = (np.take(padded, range(start, start + BINS), axis) for start in range(3))
        counts = (below + 2 * at + above) / np.float32(4)
    histogram = np.asarray(counts / counts.sum(), np.float32).reshape(-1)
    return histogram if not before.any() else np.asarray((1 - share) * before + share * histogram, np.float32)
