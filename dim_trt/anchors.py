"""What a key frame's trimap says of later frames, by optical flow alone: it forgets, but matting cannot mislead it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dim_trt.flow import F32, U8, Mask, Motion, length, small_size, warped

UNTRACKED_PX = 1e5  # of doubt: nothing is known
DRIFT_PX = 0.2  # of doubt for each frame
DRIFT_SHARE = 0.1  # of how far the flow misses its start
LOST_PX, LOST_SHARE = 1.0, 0.1  # misses its start by so much, in px of the small picture, and of the motion's length


@dataclass(frozen=True)
class Anchor:
    """Signed distances to the known regions of the key frame's trimap; arrays of the small picture, values in px of the
    frame.

    outside_px: [h, w] float32, above 0 where the trimap is background.
    inside_px: [h, w] float32, above 0 where it is foreground.
    doubt_px: [h, w] float32, by how much both may be off; from UNTRACKED_PX on they say nothing.
    """

    outside_px: F32
    inside_px: F32
    doubt_px: F32

    @staticmethod
    def at(trimap: U8) -> Anchor:
        """The anchor of a trimap [height, width] uint8, in whose frame nothing is in doubt."""
        height, width = small_size(trimap.shape)
        outside, inside = (
            np.asarray(
                cv2.resize(_signed_distance(trimap == value), (width, height), interpolation=cv2.INTER_AREA), np.float32
            )
            for value in (0, 255)
        )
        return Anchor(outside, inside, np.zeros((height, width), np.float32))

    def carried(self, motion: Motion) -> Anchor:
        """Moved on by one frame.

        Distances are measured from the object, so they go with its motion, spread to around it: the unknown band stays
        with the object when the background moves otherwise. Doubt belongs to pixels and goes with the pixels' motion.
        """
        core = np.where(warped(self.inside_px, motion.back) > 0, 1, 0).astype(np.float32)
        core += np.float32(0.02) * (warped(self.outside_px, motion.back) < 0)
        back = _spread_around(motion.back, core)
        doubt = warped(self.doubt_px, motion.back, cv2.INTER_NEAREST)
        doubt += DRIFT_PX + DRIFT_SHARE * motion.scale * motion.error
        lost = motion.new | (motion.error > LOST_PX + LOST_SHARE * length(motion.back))
        doubt[cv2.dilate(lost.view(np.uint8), np.ones((3, 3), np.uint8)) > 0] = UNTRACKED_PX
        return Anchor(warped(self.outside_px, back), warped(self.inside_px, back), np.minimum(doubt, UNTRACKED_PX))


def _spread_around(back: F32, weight: F32) -> F32:
    """The flow where the weight is, and around it that of what is nearest."""
    total, flow = np.full(weight.shape, 1e-6, np.float32), np.float32(1e-6) * back
    for sigma, share in ((2, 1.0), (6, 1e-2), (18, 1e-4)):  # the wider ones count where the narrower find nothing
        total += np.float32(share) * cv2.GaussianBlur(weight, (0, 0), sigma)
        flow += np.float32(share) * cv2.GaussianBlur(back * weight[..., None], (0, 0), sigma)
    return np.asarray(flow / total[..., None], np.float32)


def _signed_distance(pixels: Mask) -> F32:
    """[height, width] px: above 0 in the pixels, below elsewhere."""
    if pixels.all() or not pixels.any():
        return np.full(pixels.shape, UNTRACKED_PX if pixels.any() else -UNTRACKED_PX, np.float32)
    inner, outer = (
        cv2.distanceTransform(np.ascontiguousarray(side).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        for side in (pixels, ~pixels)
    )
    return np.asarray(inner - outer, np.float32)
