"""Clips with known alpha: drawn objects with hair that move, turn and bend over moving backgrounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.shapes import along, coat, outline, over, strands
from training.scenes.textures import Array, Rng, Size, noise, texture

Place = Callable[
    [float], tuple[float, float, float, float]
]  # moment in frames -> centre x, y in px, turn in radians, scale
SHUTTER = 0.5  # share of the time between frames in which light falls in
EXPOSURES = 3  # positions that are averaged for motion blur
SIZE = Size(360, 640)
MARGIN = 200  # px of background beyond the picture on each side


@dataclass
class Actor:
    """A drawn object: `layer` [side, side, 4] premultiplied RGBA, its way through the picture, and how it bends."""

    layer: Array
    place: Place
    bend: Array  # [side, side, 2] px
    bend_frames: float = 17.0  # period


@dataclass
class Clip:
    """A recipe of frames. `keys`: the frames for which a trimap is given."""

    name: str
    size: Size
    frame_count: int
    actors: list[Actor]
    background: Array  # [height + 2 * MARGIN, width + 2 * MARGIN, 3] in 0..1
    pan: Callable[[int], tuple[float, float]]  # frame -> px
    noise_levels: float  # of 255
    keys: tuple[int, ...] = (0,)
    cut_to: Clip | None = field(default=None)  # takes over in the middle

    def frame(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The picture [height, width, 3] uint8 BGR and the true alpha [height, width] in 0..1."""
        if self.cut_to and index >= self.frame_count // 2:
            return self.cut_to.frame(index)
        light = np.zeros((*self.size, 4), np.float32)
        for exposure in np.linspace(0, SHUTTER, EXPOSURES):
            light += self._exposed(index + exposure) / np.float32(EXPOSURES)
        alpha = light[..., 3]
        alpha = np.where(alpha < 1 / 128, 0, np.where(alpha > 127 / 128, 1, alpha)).astype(np.float32)
        back = self._shifted(index)
        picture = light[..., :3] + (1 - alpha[..., None]) * back
        if self.noise_levels:
            grain = np.random.default_rng((7, index)).standard_normal(picture.shape, np.float32)
            picture = picture + grain * (self.noise_levels / 255)
        return np.ascontiguousarray(np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)[:, :, ::-1]), alpha

    def _exposed(self, moment: float) -> Array:
        """All actors at a moment, the later ones in front."""
        layer = np.zeros((*self.size, 4), np.float32)
        y, x = np.mgrid[0 : self.size.height, 0 : self.size.width].astype(np.float32)
        for actor in self.actors:
            (cx, cy, turn, scale), half = actor.place(moment), len(actor.layer) / 2
            c, s = np.cos(turn) / scale, np.sin(turn) / scale
            u, v = c * (x - cx) + s * (y - cy) + half, -s * (x - cx) + c * (y - cy) + half
            bend = cv2.remap(actor.bend, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR)
            swing = np.float32(np.sin(2 * np.pi * moment / actor.bend_frames))
            u, v = u + swing * bend[..., 0], v + swing * bend[..., 1]
            drawn = cv2.remap(actor.layer, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR)
            layer = over(drawn, layer)
        return layer

    def _shifted(self, index: int) -> Array:
        dx, dy = self.pan(index)
        move = np.array([[1, 0, MARGIN + dx], [0, 1, MARGIN + dy]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(self.background, move, self.size[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT_101)


def actor(rng: Rng, side: int, place: Place, *, hair: float = 1.0, bend_px: float = 0.0) -> Actor:
    """A round body with strands around it; `hair` scales their length, 0 is none."""
    size = Size(side, side)
    contour = outline(rng, size, 0.15, 0.24)
    contour += side / 2 - contour.mean(0)
    layer, color = coat(rng, size, contour)
    if hair:
        for count, length, opacity in ((500, 0.09, 1.0), (160, 0.13, 0.8)):
            roots, outward = along(rng, contour, count, 0.08)
            headings = outward + rng.normal(0, 0.35, count)
            drawn = strands(rng, size, roots, headings, hair * length * side, 0.5, rng.uniform(0.5, 1.2), color)
            layer = over(drawn * np.float32(opacity), layer)
    layer = cv2.GaussianBlur(layer, (0, 0), 0.6)
    bend = np.dstack([bend_px * (2 * noise(rng, size, 3, 0.3) - 1) for _ in range(2)]).astype(np.float32)
    return Actor(layer, place, bend)


def straight(x: float, y: float, dx: float, dy: float = 0.0, turn: float = 0.0) -> Place:
    return lambda t: (x + dx * t, y + dy * t, turn * t, 1.0)


def swinging(x: float, y: float, reach: float, fastest: float) -> Place:
    """To and fro along x, at most `fastest` px a frame."""
    return lambda t: (x + reach * float(np.sin(t * fastest / reach)), y, 0.004 * t, 1 + 0.002 * t)


def _out_and_back(share: float, width: int, reach: float = 0.4) -> float:
    """x in px after a share of the clip: to the right by `reach` widths, and back."""
    return (0.55 + reach * float(np.sin(np.pi * share))) * width


def still(_: int) -> tuple[float, float]:
    return 0.0, 0.0


def clips(seed: int, size: Size = SIZE, frame_count: int = 40) -> dict[str, Callable[[], Clip]]:
    """By name, what draws one clip of each kind."""
    height, width = size
    side, middle = int(0.9 * height), (0.45 * width, 0.52 * height)

    def made(name: str, *actors: Callable[[Rng], Actor], **more: object) -> Clip:
        rng = np.random.default_rng((seed, len(name), ord(name[0])))
        wide = Size(height + 2 * MARGIN, width + 2 * MARGIN)
        back = cv2.GaussianBlur(texture(rng, wide, blurred=0.5), (0, 0), 0.7)
        settings: dict[str, object] = {"pan": still, "noise_levels": 1.5} | more
        return Clip(name, size, frame_count, [draw(rng) for draw in actors], back, **settings)  # type: ignore[arg-type]

    def slow(rng: Rng) -> Actor:
        return actor(rng, side, straight(*middle, 2.0, 0.5, 0.004))

    def fast(rng: Rng) -> Actor:
        return actor(rng, side, swinging(0.5 * width, 0.5 * height, 0.28 * width, 20 * height / 360))

    def darting(rng: Rng) -> Actor:  # by a third of itself in a frame
        return actor(rng, side, swinging(0.5 * width, 0.5 * height, 0.28 * width, 50 * height / 360), hair=0.6)

    def bending(rng: Rng) -> Actor:
        return actor(rng, side, straight(*middle, 1.0, 0.0, 0.01), bend_px=9.0)

    def second(rng: Rng) -> Actor:  # outside until about frame 8
        return actor(rng, int(0.6 * height), straight(-0.3 * height, 0.4 * height, 6.0 * height / 360), hair=0.5)

    def torso(rng: Rng) -> Actor:
        return actor(rng, int(0.75 * height), walker(0.0, 0.38 * height))

    def leg(rng: Rng, phase: float) -> Actor:
        drawn = actor(rng, (long := int(0.8 * height)), lambda t: swung(t, phase), hair=0.2)
        narrow = cv2.resize(drawn.layer, (int(0.3 * long), long), interpolation=cv2.INTER_AREA)
        aside = (long - narrow.shape[1]) // 2
        drawn.layer = cv2.copyMakeBorder(narrow, 0, 0, aside, long - narrow.shape[1] - aside, cv2.BORDER_CONSTANT)
        return drawn

    def walker(dx: float, y: float) -> Place:  # the camera follows, not quite as fast
        return lambda t: (middle[0] + dx + 0.8 * height / 360 * t, y + 0.008 * height * float(np.sin(t / 1.5)), 0, 1)

    def swung(t: float, phase: float) -> tuple[float, float, float, float]:
        """Around the hip."""
        angle, reach = 0.55 * float(np.sin(t / 2.5 + phase)), 0.17 * height
        x, y, *_ = walker(0.0, 0.5 * height)(t)
        return x + reach * float(np.sin(angle)), y + reach * float(np.cos(angle)), -angle, 1.0

    def left(rng: Rng) -> Actor:
        return leg(rng, 0.0)

    def right(rng: Rng) -> Actor:
        return leg(rng, np.pi)

    def leaving(rng: Rng) -> Actor:  # half of it is outside in the middle of the clip
        return actor(rng, side, lambda t: (_out_and_back(t / frame_count, width), middle[1], 0.002 * t, 1.0))

    def gone(rng: Rng) -> Actor:  # all of it is outside for half of the clip
        return actor(rng, side, lambda t: (_out_and_back(t / frame_count, width, 0.9), middle[1], 0.002 * t, 1.0))

    follow = lambda t: (9.0 * t * height / 360, 4 * np.sin(t / 4) * height / 360)  # noqa: E731
    sway, two_keys = (lambda t: (6.0 * t if t < 30 else 360 - 6.0 * t, 10 * np.sin(t / 8))), (0, frame_count - 1)
    return {
        "slow": lambda: made("slow", slow),
        "pan": lambda: made("pan", slow, pan=sway),
        "fast": lambda: made("fast", fast),
        "darting": lambda: made("darting", darting),
        "bending": lambda: made("bending", bending),
        "walking": lambda: made("walking", left, right, torso, pan=follow),
        "leaving": lambda: made("leaving", leaving),
        "gone": lambda: made("gone", gone),
        "entering": lambda: made("entering", slow, second),
        "entering, 2 keys": lambda: made("entering, 2 keys", slow, second, keys=two_keys),
        "cut, 2 keys": lambda: made(
            "cut, 2 keys", slow, keys=(0, frame_count // 2), cut_to=made("after the cut", bending)
        ),
        "static camera": lambda: made("static camera", slow, noise_levels=0.0),
    }
