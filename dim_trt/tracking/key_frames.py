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
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2
from dim_trt.tracking.anchors import GUESS_SHARE, STRANGE, UNTRACKED_PX, Anchor, together
from dim_trt.tracking.appearance import Appearance, says_background, says_foreground
from dim_trt.tracking.backwards import Backwards, Reread
from dim_trt.tracking.doubt import outline_doubt
from dim_trt.tracking.flow import F32, U8, Mask, Motion, Watcher, small_picture, spread
from dim_trt.tracking.sources import Doubts, Frame, Remembers, TrimapSource, require_size

AtCut: TypeAlias = Literal["stop", "unknown", "carry"]

LOGGER = logging.getLogger("dim_trt")
BAND_SHARE = 1 / 60  # of the picture's shorter side: half the width of the unknown band around edges
SMALLEST_BAND_PX = 3.0
LOW, HIGH = 0.05, 0.95  # alpha between them is soft
SPREAD_SHARE = 0.5  # of the difference in motion around a pixel, by which the band grows
COLOR_BANDS = 1.5  # of the band: nearer to the object its hair has the background's colors in it
SURE_COLOR, COLOR_DEPTH = 0.9, 0.8  # what has the object's colors, to so many bands from its edge, is foreground
LARGEST_MISS_PX = 16.0  # of the flow's error, by which the band grows


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
            return anchored(anchor, frame.image.shape[:2])
        if motion is None or previous is None:
            raise InvalidInput(f"previous: expected the alpha of the frame before frame {frame.index}, got none")
        band_px = self._band_px or max(SMALLEST_BAND_PX, BAND_SHARE * min(motion.size))
        return carried(previous, motion, anchor, band_px, seen.evidence)

    def doubt(self, seen: Seen, trimap: U8, alpha: F32) -> float:
        if seen.anchor is None:
            return 1.0
        if not seen.anchor.doubt_px.any():  # a key frame
            return 0.0
        anchor = seen.anchor
        colors = np.zeros_like(anchor.doubt_px) if seen.evidence is None else seen.evidence
        size = anchor.doubt_px.shape[::-1]
        return outline_doubt(
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


def carried(previous: F32, motion: Motion, anchor: Anchor | None, band_px: float, evidence: F32 | None = None) -> U8:
    """The trimap of a frame from the alpha [height, width] of the frame before and, if there is one, an anchor.

    What matting guessed is known only where the anchor or the evidence of colors supports it.
    """
    alpha, new = motion.brought(previous), _up(_widened(motion.new.view(np.uint8), 3), motion.size, nearest=True)
    reach = SPREAD_SHARE * spread(motion.back) + np.minimum(motion.error, LARGEST_MISS_PX / motion.scale)
    radius = _up(_widened(reach, 5), motion.size) * np.float32(motion.scale) + np.float32(band_px)
    if anchor is None:
        return _banded(alpha, radius, new > 0)
    outside, inside, doubt, _ = _fields(anchor, motion.size)
    alpha[(outside > 0) & (alpha < 0.5)] = 0  # haze where there was no soft edge
    alpha[(inside > 0) & (alpha > 0.5)] = 1
    untracked = doubt >= UNTRACKED_PX
    colors = np.zeros_like(alpha) if evidence is None else _up(evidence, motion.size)
    by_color = says_background(colors) & (inside <= doubt)
    core = (alpha > HIGH) & ~by_color & (~untracked | (colors > 0))
    by_color &= _distance_to(core) > COLOR_BANDS * radius
    alpha[by_color] = 0
    trimap = _banded(alpha, radius, (new > 0) & ~by_color)
    # What no key frame ever showed, and whose colors are not the object's, is not foreground for sure.
    trimap[(trimap == 255) & (inside <= 0) & ~says_foreground(colors)] = 128
    trimap[(trimap == 0) & untracked & says_foreground(colors)] = 128
    trimap[(trimap == 128) & (_distance_to(colors < SURE_COLOR) > COLOR_DEPTH * band_px)] = 255
    return anchored(anchor, motion.size, trimap, by_color, colors)


def anchored(
    anchor: Anchor | None,
    size: tuple[int, ...],
    trimap: U8 | None = None,
    background: Mask | None = None,
    colors: F32 | float = 0.0,
) -> U8:
    """What an anchor says of a frame of `size` (height, width), written over a trimap, which may be changed; without
    one everything else is unknown. `background`: [height, width], what is so by its colors."""
    if trimap is None:
        trimap = np.full(size, 128, np.uint8)
    if anchor is None:
        return trimap
    outside, inside, doubt, strange = _fields(anchor, size)
    surely = np.zeros(size, np.bool_) if background is None else background & (colors < -0.9)
    # What came in far from the object is background, but for what moves otherwise than the background does.
    untracked = doubt >= UNTRACKED_PX
    trimap[untracked & (outside > GUESS_SHARE * min(size))] = 0
    if background is not None:
        trimap[background] = 0
    trimap[untracked & (strange >= STRANGE) & ~surely] = 128
    trimap[((trimap == 0) & (outside < -doubt)) | ((trimap == 255) & (inside < -doubt))] = 128  # left open by the key
    trimap[outside > doubt], trimap[inside > doubt] = 0, 255
    return trimap


def _fields(anchor: Anchor, size: tuple[int, ...]) -> tuple[F32, F32, F32, F32]:
    """outside, inside, doubt and strange at the frame's size."""
    outside, inside = (_up(distance, size) for distance in (anchor.outside_px, anchor.inside_px))
    strange = _up(_widened(anchor.strange, 3), size, nearest=True)
    return outside, inside, _up(anchor.doubt_px, size, nearest=True), strange


def _banded(alpha: F32, radius: F32, unknown: Mask) -> U8:
    trimap = np.full(alpha.shape, 128, np.uint8)
    trimap[_distance_to(alpha > LOW) > radius] = 0
    trimap[_distance_to(alpha < HIGH) > radius] = 255
    trimap[unknown] = 128
    return trimap


def _distance_to(pixels: Mask) -> F32:
    """[height, width] px to the nearest true pixel, to within a few percent; infinite where there is none."""
    if not pixels.any():
        return np.full(pixels.shape, np.inf, np.float32)
    return np.asarray(cv2.distanceTransform((~pixels).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)


def _widened(picture: NDArray[Any], side: int) -> NDArray[Any]:
    return np.asarray(cv2.dilate(picture, np.ones((side, side), np.uint8)))


def _up(picture: NDArray[Any], size: tuple[int, ...], *, nearest: bool = False) -> F32:
    interpolation = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=interpolation), np.float32)
