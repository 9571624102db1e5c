"""How far a carried matte can be trusted: the share of the object that is a guess, or that colors and motion deny."""

from __future__ import annotations

import numpy as np

from dim_trt.opencv import cv2
from dim_trt.tracking.flow import F32, U8, Mask

REACH_SHARE, SMALLEST_REACH_PX = 1 / 12, 8  # of the picture's shorter side: so far support reaches


def doubtful_share(alpha: F32, trimap: U8, foreground: Mask, background: Mask) -> float:
    """0..1: the area of what is in doubt, as a share of the object's together with it.

    In doubt is what is unknown without supported foreground and supported background near it, and where alpha says one
    and all support the other. Both are areas, so that a second object counts by its size, as it does in the error.

    Args:
        alpha: [height, width] of the frame.
        trimap: [height, width] that it was made with.
        foreground, background: [height, width], where motion from a key frame, or colors, support what the trimap says.
    """
    side = 2 * max(SMALLEST_REACH_PX, round(REACH_SHARE * min(alpha.shape))) + 1
    near_foreground, near_background = (
        cv2.dilate(pixels.view(np.uint8), np.ones((side, side), np.uint8)) > 0
        for pixels in ((trimap == 255) & foreground, (trimap == 0) & background)
    )
    inside = alpha >= 0.5
    doubtful = (trimap != 0) & (trimap != 255) & ~(near_foreground & near_background)
    doubtful |= np.where(inside, background & ~foreground, foreground & ~background)
    whole = int((inside | doubtful).sum())
    return float(doubtful.sum() / whole) if whole else 0.0
