"""How far a carried matte can be trusted: the share of the object's outline that nothing but a guess supports."""

from __future__ import annotations

import numpy as np

from dim_trt.opencv import cv2
from dim_trt.tracking.flow import F32, U8, Mask

REACH_SHARE, SMALLEST_REACH_PX = 1 / 12, 5  # of the picture's shorter side: so near to the outline both sides are known


def outline_doubt(alpha: F32, trimap: U8, foreground: Mask, background: Mask) -> float:
    """0..1: the share of the outline of alpha that has no supported foreground, or background, near it.

    Args:
        alpha: [height, width] of the frame.
        trimap: [height, width] that it was made with.
        foreground, background: [height, width], where motion from a key frame, or colors, support what the trimap says.
    """
    inside = (alpha >= 0.5).view(np.uint8)
    outline = inside > cv2.erode(inside, np.ones((3, 3), np.uint8))
    if not outline.any():
        return float(((trimap != 0) & (trimap != 255)).any())
    side = 2 * max(SMALLEST_REACH_PX, round(REACH_SHARE * min(alpha.shape))) + 1
    near = np.ones(alpha.shape, np.bool_)
    for supported in ((trimap == 255) & foreground, (trimap == 0) & background):
        near &= cv2.dilate(supported.view(np.uint8), np.ones((side, side), np.uint8)) > 0
    return float((outline & ~near).sum() / outline.sum())
