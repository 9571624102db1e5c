"""How far a carried matte can be trusted: the share of the object's outline that nothing but a guess supports."""

from __future__ import annotations

import numpy as np

from dim_trt.opencv import cv2
from dim_trt.tracking.flow import F32, U8, Mask

REACH_SHARE, SMALLEST_REACH_PX = 1 / 12, 8  # of the picture's shorter side: so near to the outline both sides are known


def outline_doubt(alpha: F32, trimap: U8, foreground: Mask, background: Mask) -> float:
    """0..1: the share of the outline of alpha, and of unknown places apart from it, that has no support near it.

    Support is foreground on one side and background on the other.

    Args:
        alpha: [height, width] of the frame.
        trimap: [height, width] that it was made with.
        foreground, background: [height, width], where motion from a key frame, or colors, support what the trimap says.
    """
    side = 2 * max(SMALLEST_REACH_PX, round(REACH_SHARE * min(alpha.shape))) + 1
    outline = _outline(alpha >= 0.5)
    near_foreground, near_background, near_outline = (
        cv2.dilate(pixels.view(np.uint8), np.ones((side, side), np.uint8)) > 0
        for pixels in ((trimap == 255) & foreground, (trimap == 0) & background, outline)
    )
    # Where the object may be, too, and nothing says so: what came in, or came out from behind it.
    apart = (trimap != 0) & (trimap != 255) & ~near_foreground & ~near_outline
    stray = _outline(apart)
    unsupported = (outline & ~(near_foreground & near_background)) | stray
    whole = int((outline | stray).sum())
    return float(unsupported.sum() / whole) if whole else float(apart.any())


def _outline(pixels: Mask) -> Mask:
    inside = pixels.view(np.uint8)
    return inside > cv2.erode(inside, np.ones((3, 3), np.uint8))
