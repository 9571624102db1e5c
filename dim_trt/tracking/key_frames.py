"""Trimaps for every frame of a clip from those of a few.

The alpha of the frame before, moved along by optical flow, says what is known; its edges and soft parts, and what the
flow cannot vouch for, are unknown and matted again (after Chuang et al., Video Matting of Complex Scenes, 2002). That
alone drifts: what matting gets wrong in one frame is known in the next. So the key frame's own trimap is carried along,
too, by flow alone, with the doubt that builds up on the way (`dim_trt.tracking.anchors`), and wins wherever it is sure;
and the next one's backwards, where the clip can be read twice (`dim_trt.tracking.backwards`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2
from dim_trt.tracking.anchors import Anchor, together
from dim_trt.tracking.appearance import Appearance, says_background, says_foreground
from dim_trt.tracking.backwards import Backwards, Reread
from dim_trt.tracking.carrying import anchored, carried
from dim_trt.tracking.doubt import doubtful_share
from dim_trt.tracking.flow import F32, U8, Motion, Watcher, small_picture
from dim_trt.tracking.sources import Doubts, Frame, Remembers, TrimapSource, require_size

AtCut: TypeAlias = Literal["stop", "unknown", "carry"]

LOGGER = logging.getLogger("dim_trt")


@dataclass(frozen=True)
class Seen:
    """What `look` leaves; None each where there is nothing to go by.

    motion: since the frame before.
    anchor: what the key frames before and after it say about this frame.
    evidence: of its colors, by those of the key frames before it; see `Appearance.evidence`.
    """

    motion: Motion | None
    anchor: Anchor | None
    evidence: F32 | None = None


class KeyFrames(TrimapSource, Remembers, Doubts):
    """A source that carries trimaps of key frames on through a clip.

    Args:
        keys: frame index to trimap [height, width] uint8; without `reread` frame 0 must be among them. Give one for
            every scene, and where something new comes in.
        at_cut: what to do where the scene changes and there is no key frame. "stop": raise InvalidInput, which says at
            which frame to add one. "unknown": everything is unknown there, with a warning. "carry": do not look for
            cuts, for clips in which something else looks like one.
        band_px: how far the unknown region reaches to either side of edges; None is a 60th of the picture's shorter
            side, at least 3.
        reread: gives the frames of the clip from a number on once more. Trimaps are then also carried backwards from
            the next key frame, which is looked at ahead of time, by stretches between key frames.

    Raises:
        InvalidInput: an argument is not as above.
    """

    needs_previous = True

    def __init__(
        self,
        keys: Mapping[int, U8],
        *,
        at_cut: AtCut = "stop",
        band_px: float | None = None,
        reread: Reread | None = None,
    ):
        for index, trimap in keys.items():
            if not isinstance(trimap, np.ndarray) or trimap.dtype != np.uint8 or trimap.ndim != 2 or not trimap.size:
                raise InvalidInput(f"keys: frame {index}: expected uint8 [height, width]")
        if not keys or (0 not in keys and reread is None):
            raise InvalidInput("keys: expected a trimap for frame 0, the first, to begin with")
        if at_cut not in get_args(AtCut):
            raise InvalidInput(f"at_cut: expected one of {', '.join(get_args(AtCut))}, got {at_cut!r}")
        if band_px is not None and not 1 <= band_px < np.inf:
            raise InvalidInput(f"band_px: expected at least 1, or None, got {band_px!r}")
        self._keys, self._at_cut, self._band_px = dict(keys), at_cut, band_px
        self._watcher = Watcher()
        self._anchor: Anchor | None = None
        self._appearance: Appearance | None = None
        self._backwards = Backwards(self._keys, reread, finds_cuts=at_cut != "carry") if reread else None

    def first_look(self, index: int) -> int:
        """The frame from which `look` must be called for a run that goes on at frame `index`: the key frame before."""
        return max((key for key in self._keys if key <= max(index - 1, 0)), default=0)

    def look(self, frame: Frame) -> Seen:
        """Raises InvalidInput: a key has another size, or the scene changes without a key frame (at_cut "stop")."""
        motion, key = self._watcher.motion(frame.image), self._keys.get(frame.index)
        if key is not None:
            self._anchor = Anchor.at(require_size(key, frame, f"key frame {frame.index}"))
            self._appearance = self._appearance or Appearance()
            self._appearance.begin(small_picture(frame.image), self._anchor)
            return Seen(motion, self._anchor)
        behind = self._backwards.anchor(frame.index) if self._backwards else None
        if self._is_cut(motion):
            self._anchor = self._appearance = None
            if behind is None:
                self._miss_key(f"frame {frame.index}: the scene changes here and there is no key frame")
        elif motion and self._anchor:
            self._anchor = self._anchor.carried(motion)
            if self._appearance is not None:
                by_color = says_background(self._appearance.evidence(motion.pictures[0]))
                self._anchor = self._anchor.without_rim(by_color, min(motion.size))
        anchor = together(self._anchor, behind) if self._anchor and behind else self._anchor or behind
        if motion is None or anchor is None or self._appearance is None:
            return Seen(motion, anchor)
        self._appearance.add(motion.pictures[0], anchor, min(motion.size))
        return Seen(motion, anchor, self._appearance.evidence(motion.pictures[0]))

    def trimap(self, frame: Frame, seen: Seen, previous: F32 | None) -> U8:
        key = self._keys.get(frame.index)
        if key is not None:
            return key
        motion, anchor = seen.motion, seen.anchor
        begins = motion is None and previous is None
        if begins and anchor is None:
            self._miss_key(f"frame {frame.index}: the clip begins here and there is no key frame")
        if begins or self._is_cut(motion):
            height, width = frame.image.shape[:2]
            return anchored(anchor, min(height, width), np.full((height, width), 128, np.uint8))
        if motion is None or previous is None:
            raise InvalidInput(f"previous: expected the alpha of the frame before frame {frame.index}, got none")
        return carried(previous, motion, anchor, self._band_px, seen.evidence)

    def doubt(self, seen: Seen, trimap: U8, alpha: F32) -> float:
        if seen.anchor is None:
            return 1.0
        if not seen.anchor.doubt_px.any():  # a key frame
            return 0.0
        anchor = seen.anchor
        colors = np.zeros_like(anchor.doubt_px) if seen.evidence is None else seen.evidence
        size = anchor.doubt_px.shape[::-1]
        return doubtful_share(
            np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32),
            np.asarray(cv2.resize(trimap, size, interpolation=cv2.INTER_NEAREST), np.uint8),
            (anchor.inside_px > anchor.doubt_px) | says_foreground(colors),
            (anchor.outside_px > anchor.doubt_px) | says_background(colors),
        )

    def close(self) -> None:
        if self._backwards:
            self._backwards.close()

    def _is_cut(self, motion: Motion | None) -> bool:
        return motion is not None and motion.cut and self._at_cut != "carry"

    def _miss_key(self, what: str) -> None:
        if self._at_cut == "stop":
            raise InvalidInput(
                f"{what}; add a trimap or mask of it, or choose what to do at cuts ('unknown', or 'carry' if this is "
                "none)"
            )
        LOGGER.warning("%s: all of it is unknown", what)
