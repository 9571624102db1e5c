"""Procedural color textures with roughly natural statistics; each is [H, W, 3] float32 in 0..1, display-encoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # float32 unless said otherwise
Rng = np.random.Generator


class Size(NamedTuple):
    height: int
    width: int


def palette(rng: Rng, count: int) -> Array:
    """[count, 3] colors of one mood: a base hue with neighbours, and now and then an outlier."""
    hue, spread = rng.uniform(0, 360), rng.choice([10.0, 30.0, 90.0])
    hues = np.where(rng.random(count) < 0.15, rng.uniform(0, 360, count), hue + rng.normal(0, spread, count)) % 360
    saturation = np.clip(rng.beta(1.5, 1.7) + rng.normal(0, 0.15, count), 0, 1)
    value = np.clip(rng.uniform(0.2, 0.85) + rng.normal(0, rng.uniform(0.05, 0.3), count), 0.02, 1)
    hsv = np.stack([hues, saturation, value], -1).astype(np.float32)
    return np.asarray(cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0])


def noise(rng: Rng, size: Size, coarsest: int = 3, falloff: float = 0.5) -> Array:
    """Sum of octaves, [H, W] stretched to 0..1; falloff 0.5 gives about the 1/f spectrum of photographs."""
    total = np.zeros(size, np.float32)
    weight, cells = 1.0, float(coarsest)
    while cells < max(size):
        shape = (max(2, int(cells * size.height / max(size)) + 1), max(2, int(cells * size.width / max(size)) + 1))
        grid = rng.standard_normal(shape, np.float32)
        total += weight * cv2.resize(grid, (size.width, size.height), interpolation=cv2.INTER_CUBIC)
        weight, cells = weight * falloff, cells * 2
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def ramp(rng: Rng, size: Size) -> Array:
    """Linear 0..1 gradient in a random direction, [H, W]."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    t = np.cos(angle) * x + np.sin(angle) * y
    return np.asarray(((t - t.min()) / max(float(np.ptp(t)), 1e-6)).astype(np.float32))


def warp(rng: Rng, picture: Array, strength: float) -> Array:
    """Bends a picture by smooth noise of up to `strength` pixels."""
    size = Size(*picture.shape[:2])
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    dx, dy = (strength * (2 * noise(rng, size, 2, 0.35) - 1) for _ in range(2))
    return cv2.remap(picture, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def colorise(rng: Rng, values: Array, count: int = 4) -> Array:
    """Maps [H, W] in 0..1 through a random color ramp."""
    colors = palette(rng, count)
    stops = np.linspace(0, 1, count)
    return np.stack([np.interp(values, stops, colors[:, c]) for c in range(3)], -1).astype(np.float32)


def gradient(rng: Rng, size: Size) -> Array:
    return colorise(rng, ramp(rng, size), int(rng.integers(2, 4)))


def clouds(rng: Rng, size: Size) -> Array:
    return colorise(rng, noise(rng, size, int(rng.integers(2, 8)), rng.uniform(0.35, 0.7)), int(rng.integers(3, 7)))


def dead_leaves(rng: Rng, size: Size) -> Array:
    """Opaque shapes with power-law sizes over each other: the edges and scales of natural pictures."""
    image = np.empty((*size, 3), np.float32)
    colors = palette(rng, 12)
    image[:] = colors[0]
    count = int(rng.integers(80, 500))
    longest = max(size)
    radii = np.clip(longest * 0.012 * (rng.pareto(1.3, count) + 1), 2, longest / 2)
    elongation, kind = rng.uniform(0.25, 1), rng.integers(3)
    for radius in radii:
        centre = (int(rng.uniform(0, size.width)), int(rng.uniform(0, size.height)))
        color = colors[rng.integers(12)] * rng.uniform(0.75, 1.2)
        angle = rng.uniform(0, 360)
        if kind == 0:
            axes = (int(radius) + 1, int(radius * elongation) + 1)
            cv2.ellipse(image, centre, axes, angle, 0, 360, color.tolist(), -1, cv2.LINE_AA)
        else:
            box = cv2.boxPoints((centre, (2 * radius, 2 * radius * elongation), angle))
            cv2.fillConvexPoly(image, box[: 3 + kind % 2].astype(np.int32), color.tolist(), cv2.LINE_AA)
    return np.clip(image, 0, 1)


def stripes(rng: Rng, size: Size) -> Array:
    """Stripes or checks, straight or bent, hard or soft."""
    period = rng.uniform(4, 60)
    waves = np.sin(2 * np.pi * ramp(rng, size) * max(size) / period)
    if rng.random() < 0.5:
        waves = waves * np.sin(2 * np.pi * ramp(rng, size) * max(size) / (period * rng.uniform(0.5, 2)))
    values = (0.5 + 0.5 * np.tanh(waves * rng.choice([0.8, 3.0, 12.0]))).astype(np.float32)
    if rng.random() < 0.6:
        values = warp(rng, values, rng.uniform(2, 25))
    return colorise(rng, values, int(rng.integers(2, 5)))


def wood(rng: Rng, size: Size) -> Array:
    """Grain: noise stretched along one direction, in rings."""
    grain = noise(rng, Size(size.height, max(2, size.width // 12)), 6, 0.8)
    grain = cv2.resize(grain, (size.width, size.height), interpolation=cv2.INTER_LINEAR)
    rings = 0.5 + 0.5 * np.sin(rng.uniform(10, 60) * (grain + 0.3 * ramp(rng, size)))
    values = rings if rng.random() < 0.5 else np.ascontiguousarray(cv2.resize(rings.T, (size.width, size.height)))
    return colorise(rng, values.astype(np.float32), 3)


def grass(rng: Rng, size: Size) -> Array:
    """Blades or hair behind the object: strands alone must not mean foreground."""
    image = clouds(rng, size)
    colors = palette(rng, 10)
    heading, spread, longest = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.6), rng.uniform(0.05, 0.4) * max(size)
    for _ in range(int(rng.integers(100, 500))):
        angle, length = heading + rng.normal(0, spread), longest * rng.uniform(0.4, 1)
        x, y = rng.uniform(0, size.width), rng.uniform(0, size.height)
        t = np.linspace(0, 1, 6)
        bend = angle + rng.normal(0, 0.6) * t
        points = np.stack([x + length * t * np.cos(bend), y + length * t * np.sin(bend)], -1)
        color = (colors[rng.integers(10)] * rng.uniform(0.6, 1.2)).tolist()
        cv2.polylines(image, [points.astype(np.int32)], False, color, int(rng.integers(1, 4)), cv2.LINE_AA)
    return np.clip(image, 0, 1)


def landscape(rng: Rng, size: Size) -> Array:
    """Two textures that meet at a rough horizon."""
    horizon = rng.uniform(0.2, 0.8) + 0.15 * (noise(rng, size, 3, 0.6) - 0.5)
    y = np.linspace(0, 1, size.height, dtype=np.float32)[:, None]
    below = np.clip((y - horizon) * max(size) / rng.uniform(1, 6), 0, 1)[..., None]
    upper, lower = (rng.choice([gradient, clouds, dead_leaves, grass])(rng, size) for _ in range(2))  # type: ignore[arg-type]
    return np.asarray(upper + below * (lower - upper))


TEXTURES: dict[str, Callable[[Rng, Size], Array]] = {
    "gradient": gradient,
    "clouds": clouds,
    "dead_leaves": dead_leaves,
    "stripes": stripes,
    "wood": wood,
    "grass": grass,
    "landscape": landscape,
}


def disc_blur(picture: Array, radius: float) -> Array:
    """Out-of-focus blur: the average over a disc, which keeps highlights as round spots."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101)


def texture(rng: Rng, size: Size, blurred: float = 0.0) -> Array:
    """A random texture with fine noise and a light gradient; out of focus with probability `blurred`."""
    weights = np.array([1, 2, 3, 1, 1, 1.5, 2])
    name = rng.choice(list(TEXTURES), p=weights / weights.sum())
    picture = TEXTURES[name](rng, size)
    if rng.random() < 0.5:
        picture = picture * (1 + rng.uniform(0.1, 0.6) * (noise(rng, size, 4, 0.8)[..., None] - 0.5))
    if rng.random() < blurred:
        spots = picture**3  # bright spots weigh more, as light does
        picture = np.cbrt(np.maximum(disc_blur(spots, 1.5 * 16 ** rng.random()), 0))
    light = 1 + rng.uniform(0, 0.7) * (ramp(rng, size)[..., None] - 0.5)
    return np.clip(picture * light, 0, 1).astype(np.float32)
