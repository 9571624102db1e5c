"""A mask for every frame from a network, joined over time: nobody says what the object is; whoever enters is taken in.

Masks of single frames flicker, and now and then one is wrong. So each frame's is compared with those of the frames
before, moved along by optical flow: the median of them counts. What came in or was uncovered has no past; there the
frame's own mask counts.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np

from dim_trt.masks.automatic import Automatic
from dim_trt.masks.source import FOUND, largest_object, mask_of
from dim_trt.opencv import cv2
from dim_trt.tracking.doubt import doubtful_share
from dim_trt.tracking.flow import F32, U8, Watcher, small_size
from dim_trt.tracking.sources import Doubts, Frame, Remembers, TrimapSource
from dim_trt.trimaps.soft import from_soft_mask

LOGGER = logging.getLogger("dim_trt")
SURE = 0.8  # of a mask, whose edges are soft: from here on its own mask denies that a place is background
PAST = 4  # frames before; with the frame's own mask five, of which two may be wrong


@dataclass(frozen=True)
class SeenMask:
    """own: [height, width] in 0..1, of the frame alone. joined: the same, together with those of the frames before."""

    own: F32
    joined: F32


class MaskFrames(TrimapSource, Remembers, Doubts):
    """Trimaps of the masks that a network gives for each frame.

    Args:
        auto: where masks come from; of several passes the first is made.

    A frame without object is background everywhere; so is a clip, with one warning.
    """

    needs_previous = False

    def __init__(self, auto: Automatic):
        self._auto = replace(auto, passes=1)
        self._watcher = Watcher()
        self._past: list[F32] = []  # small, the newest first, as they would be in the frame that was looked at last
        self._found = self._looked = False

    def first_look(self, index: int) -> int:
        """The frame from which `look` must be called for a run that goes on at frame `index`."""
        return max(index - PAST, 0)

    def look(self, frame: Frame) -> SeenMask:
        """Raises InvalidInput where the source does not give a mask."""
        own = mask_of(self._auto.source, frame.image)
        height, width = small_size(own.shape)
        small = np.asarray(cv2.resize(own, (width, height), interpolation=cv2.INTER_AREA), np.float32)
        motion = self._watcher.motion(frame.image)
        if motion is None or motion.cut:
            past = []
        else:
            past = [np.where(motion.new, small, motion.brought(mask)) for mask in self._past]
        self._past = [small, *past][:PAST]
        joined = np.median(np.stack([small, *past]), axis=0).astype(np.float32)
        joined = np.asarray(cv2.resize(joined, own.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
        self._looked, self._found = True, self._found or bool((joined >= FOUND).any())
        return SeenMask(own, largest_object(joined) if self._auto.largest else joined)

    def trimap(self, frame: Frame, seen: SeenMask, previous: F32 | None) -> U8:
        return from_soft_mask(frame.image, seen.joined)

    def doubt(self, seen: SeenMask, trimap: U8, alpha: F32) -> float:
        """0..1: the share of the object with which the frame's own mask does not agree."""
        return doubtful_share(alpha, trimap, seen.own >= 1 - SURE, seen.own < SURE)

    def close(self) -> None:
        if self._looked and not self._found:
            LOGGER.warning("auto: no object was found in any frame, alpha is 0 everywhere")
