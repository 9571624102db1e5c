"""Less flicker: in the unknown region, alpha is drawn towards that of the frame before, moved along by optical flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2
from dim_trt.tracking.flow import F32, U8, Motion, Watcher
from dim_trt.tracking.sources import Frame, TrimapSource

STRENGTH = 0.5
LARGEST_CHANGE = 0.3  # of alpha; what changes more has changed, what changes less may have flickered
LARGEST_MISS_PX = 0.5  # of the flow, in px of the small picture


class Steady:
    """A temporal filter: `alpha + weight * (moved alpha of the frame before - alpha)` where alpha is neither 0 nor 1.

    The weight is `strength` where both agree and the flow finds its way back to where it started, and falls to 0 where
    they differ by 0.3 or the flow errs, so edges that really move stay sharp. Known pixels stay exactly 0 and 1.

    Args:
        strength: 0 to less than 1; 0 changes nothing.
    """

    def __init__(self, strength: float = STRENGTH):
        if not 0 <= strength < 1:
            raise InvalidInput(f"strength: expected 0 to less than 1, got {strength!r}")
        self._strength = strength

    def __call__(self, frame: Frame, seen: Any, alpha: F32, previous: F32 | None) -> F32:
        """The steadier alpha [height, width], a new array; `alpha` itself where there is no frame before, or a cut.

        Args:
            seen: what `look` of a source left that was made by `with_motion`.
            alpha: [height, width] in 0..1 of this frame.
            previous: that of the frame before, as this filter returned it.

        Raises:
            InvalidInput: `seen` holds no motion.
        """
        if not hasattr(seen, "motion"):
            raise InvalidInput("seen: expected what the look() of a source from with_motion(source) returned")
        motion: Motion | None = seen.motion
        if motion is None or previous is None or motion.cut:
            return alpha
        trust = np.where(motion.new, 0, np.clip(1 - motion.error / LARGEST_MISS_PX, 0, 1)).astype(np.float32)
        weight = cv2.resize(trust, motion.size[::-1], interpolation=cv2.INTER_LINEAR) * np.float32(self._strength)
        change = motion.brought(previous) - alpha
        weight *= np.maximum(1 - np.square(change / LARGEST_CHANGE), 0)
        weight[(alpha <= 0) | (alpha >= 1)] = 0
        return np.asarray(np.clip(alpha + weight * change, 0, 1), np.float32)


@dataclass(frozen=True)
class Watched:
    """What a source saw, and the motion since the frame before."""

    motion: Motion | None
    inner: Any


def with_motion(source: TrimapSource) -> TrimapSource:
    """The source itself if its `look` finds the motion, as that of KeyFrames does; else one whose `look` does both."""
    return source if getattr(source, "finds_motion", False) else _WithMotion(source)


class _WithMotion(TrimapSource):
    def __init__(self, source: TrimapSource):
        self._source, self._watcher = source, Watcher()
        self.needs_previous = source.needs_previous

    def look(self, frame: Frame) -> Watched:
        return Watched(self._watcher.motion(frame.image), self._source.look(frame))

    def trimap(self, frame: Frame, seen: Watched, previous: F32 | None) -> U8:
        return self._source.trimap(frame, seen.inner, previous)

    def close(self) -> None:
        self._source.close()
