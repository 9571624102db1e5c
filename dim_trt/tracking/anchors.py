"""What a key frame's trimap says of later frames, by optical flow alone: it forgets, but matting cannot mislead it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dim_trt.opencv import cv2
from dim_trt.tracking.flow import F32, U8, Mask, Motion, from_outside, length, small_size, warped

UNTRACKED_PX = 1e5  # of doubt: nothing is known
DRIFT_PX = 0.1  # of doubt for each frame
DRIFT_SHARE = 0.1  # of how far the flow misses its start
LOST_PX, LOST_SHARE = 1.0, 0.1  # misses its start by so much, in px of the small picture, and of the motion's length
BAND_WEIGHT = 1e-6  # of the unknown region where the object's motion is asked for: it has hair and background in it
GUESS_SHARE = 1 / 120  # of the picture's shorter side: so far from the unknown region what is untracked is background
STRANGE_SHARE = 1 / 15  # of the same: nearer to the object the flow of its edges looks strange without being so
RIM_SHARE = 1 / 15  # of the same: so deep inside the object colors cannot overrule motion
STRANGE = 0.5  # from here on unknown
STRANGER, LESS_STRANGE = 0.5, 0.02  # of strangeness, in a frame that moves otherwise, and in one that does not
COARSE_SIGMA, COARSE_PX = 1.5, 64  # px: what is left of a blur after shrinking, and of the shorter side before
OTHER_PX, OTHER_SHARE = 0.4, 0.1  # moves otherwise by so much, in px of the small picture, and of the motion's length
OTHER_LEVELS = 0.5  # of 255, by which the picture must fit its own motion better; flow of flat places says nothing


@dataclass(frozen=True)
class Anchor:
    """Signed distances to the known regions of the key frame's trimap; arrays of the small picture, values in px of the
    frame.

    outside_px: [h, w] float32, above 0 where the trimap is background.
    inside_px: [h, w] float32, above 0 where it is foreground.
    doubt_px: [h, w] float32, by how much both may be off; from UNTRACKED_PX on they say nothing.
    strange: [h, w] float32 in -1..1, where they say nothing: rises while a place moves otherwise than the background
        around it. Such a place is unknown from STRANGE on; below it is taken for background, as the borders of a
        picture that pans.
    """

    outside_px: F32
    inside_px: F32
    doubt_px: F32
    strange: F32

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
        return Anchor(outside, inside, *np.zeros((2, height, width), np.float32))

    def carried(self, motion: Motion) -> Anchor:
        """Moved on by one frame.

        Distances are measured from the object, so they go with its motion, spread to around it: the unknown band stays
        with the object when the background moves otherwise. Doubt belongs to pixels and goes with the pixels' motion.
        """
        core = np.where(warped(self.inside_px, motion.back) > 0, 1, 0).astype(np.float32)
        core += np.float32(BAND_WEIGHT) * (warped(self.outside_px, motion.back) < 0)
        back = _spread_around(motion.back, core)
        doubt = warped(self.doubt_px, motion.back, nearest=True)
        doubt += DRIFT_PX + DRIFT_SHARE * motion.scale * motion.error
        lost = motion.new | (motion.error > LOST_PX + LOST_SHARE * length(motion.back))
        doubt[cv2.dilate(lost.view(np.uint8), np.ones((3, 3), np.uint8)) > 0] = UNTRACKED_PX
        doubt = np.minimum(doubt, UNTRACKED_PX)
        outside, inside = warped(self.outside_px, back), warped(self.inside_px, back)
        return Anchor(outside, inside, doubt, self._strangeness(motion, outside, doubt))

    def without_rim(self, background: Mask, side: int) -> Anchor:
        """Without foreground near its edge, where `background` [h, w] says that it is none: flow that drags what was
        uncovered along, and masks with background in them, would leave a trail. `side`: the frame's shorter one, px."""
        rim = background & (self.inside_px > 0) & (self.inside_px < RIM_SHARE * side)
        return replace(self, inside_px=np.where(rim, np.float32(-1), self.inside_px)) if rim.any() else self

    def _strangeness(self, motion: Motion, outside: F32, doubt: F32) -> F32:
        """That of the next frame, of which the other three are known."""
        side, untracked = min(motion.size), doubt >= UNTRACKED_PX
        strange = warped(self.strange, motion.back, nearest=True)
        strange[from_outside(motion.back)] = 0
        guessed = (outside > GUESS_SHARE * side) & (strange < STRANGE)
        # What has moved with the background for long is as good as known; else known places outweigh all guesses.
        guess = guessed * np.where(strange <= -STRANGE, 1, 1e-6)
        ground = _spread_around(motion.back, np.where(untracked, guess, outside > doubt).astype(np.float32))
        otherwise = length(motion.back - ground) > OTHER_PX + OTHER_SHARE * length(motion.back)
        otherwise &= cv2.blur(motion.change(ground) - motion.change(motion.back), (9, 9)) > OTHER_LEVELS
        strange += np.where(otherwise & (outside > STRANGE_SHARE * side), STRANGER, -LESS_STRANGE).astype(np.float32)
        return np.asarray(np.where(untracked, np.clip(strange, -1, 1), 0), np.float32)


def together(ahead: Anchor, behind: Anchor) -> Anchor:
    """What the key frames before and after a frame say of it.

    At each place the one that doubts less counts: it is nearer in time, or the motion was easier to follow. Where both
    are sure and contradict each other, neither counts; where neither knows, background is what would be for both.
    """
    less = behind.doubt_px < ahead.doubt_px
    outside, inside, doubt, strange = (
        np.where(less, getattr(behind, name), getattr(ahead, name))
        for name in ("outside_px", "inside_px", "doubt_px", "strange")
    )
    neither = doubt >= UNTRACKED_PX
    outside = np.where(neither, np.minimum(ahead.outside_px, behind.outside_px), outside)
    strange = np.where(neither, np.maximum(ahead.strange, behind.strange), strange)
    contradiction = np.zeros(doubt.shape, np.bool_)
    for one, other in ((ahead, behind), (behind, ahead)):
        contradiction |= (one.outside_px > one.doubt_px) & (other.inside_px > other.doubt_px)
    for distance in (outside, inside):
        distance[contradiction] = -doubt[contradiction] - 1
    return Anchor(outside, inside, doubt, strange)


def _spread_around(back: F32, weight: F32) -> F32:
    """The flow where the weight is, and around it that of what is nearest."""
    total, flow = np.full(weight.shape, 1e-9, np.float32), np.float32(1e-9) * back
    for sigma, share in ((2, 1.0), (6, 1e-2), (18, 1e-4)):  # the wider ones count where the narrower find nothing
        total += np.float32(share) * _blurred(weight, sigma)
        flow += np.float32(share) * _blurred(back * weight[..., None], sigma)
    return np.asarray(flow / total[..., None], np.float32)


def _blurred(picture: F32, sigma: float) -> F32:
    """A Gaussian's; a wide one's at a quarter of the size, which takes a tenth of the time."""
    shrink = 4 if sigma >= 4 * COARSE_SIGMA and min(picture.shape[:2]) >= COARSE_PX else 1
    if shrink == 1:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)
    height, width = picture.shape[:2]
    coarse = cv2.resize(picture, (-(-width // shrink), -(-height // shrink)), interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), sigma / shrink)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _signed_distance(pixels: Mask) -> F32:
    """[height, width] px: above 0 in the pixels, below elsewhere."""
    if pixels.all() or not pixels.any():
        return np.full(pixels.shape, UNTRACKED_PX if pixels.any() else -UNTRACKED_PX, np.float32)
    inner, outer = (
        cv2.distanceTransform(np.ascontiguousarray(side).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        for side in (pixels, ~pixels)
    )
    return np.asarray(inner - outer, np.float32)
