"""Drawing tools of the families: antialiased shapes and tapering strands as premultiplied RGBA layers."""

from __future__ import annotations

import cv2
import numpy as np

from training.scenes.textures import Array, Rng, Size, noise, palette, texture

SUPERSAMPLE = 3  # strands are drawn at this scale, so that they can be thinner than a pixel
PIECES = ((0, 9, 1.0), (8, 13, 0.6), (12, 16, 0.0))  # of a line: from, to in sixteenths, share of its width


def outline(rng: Rng, size: Size, roughness: float = 0.25, scale: float = 0.35) -> Array:
    """A closed random contour [K, 2] (x, y) around a point in the picture; `scale` is its radius, 1 = the picture."""
    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    radius = np.ones_like(angles)
    for harmonic in range(1, 12):
        amplitude = roughness * rng.normal() / harmonic
        radius += amplitude * np.sin(harmonic * angles + rng.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.15, 3) * scale * max(size)
    centre = rng.uniform(0.25, 0.75, 2) * (size.width, size.height)
    stretch = rng.uniform(0.7, 1.4)
    points = np.stack([np.cos(angles) * radius * stretch, np.sin(angles) * radius / stretch], -1) + centre
    return points.astype(np.float32)


def fill(points: Array, size: Size) -> Array:
    """Antialiased polygon [H, W] in 0..1."""
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


def paint(alpha: Array, color: Array) -> Array:
    """Coverage and color as a premultiplied layer [H, W, 4]."""
    return np.dstack([color * alpha[..., None], alpha]).astype(np.float32)


def over(top: Array, bottom: Array) -> Array:
    return np.asarray(top + bottom * (1 - top[..., 3:]))


def body(rng: Rng, size: Size, contour: Array | None = None) -> tuple[Array, Array]:
    """A solid shaded object and its contour."""
    if contour is None:
        contour = outline(rng, size, rng.uniform(0.05, 0.4), rng.uniform(0.2, 0.5))
    return paint(fill(contour, size), texture(rng, size)), contour


def strands(
    rng: Rng, size: Size, roots: Array, headings: Array, length: float, curl: float, width: float,
    color: Array | None = None,
) -> Array:  # fmt: skip
    """Tapering curved lines from `roots` [N, 2] along `headings` [N] (radians) as one layer [H, W, 4].

    length and width are in pixels, curl is how far a strand turns in radians, color [3] their mean.
    """
    count, steps = len(roots), 16
    t = np.linspace(0, 1, steps)
    lengths = length * rng.uniform(0.4, 1.2, (count, 1))
    sway = np.sin(rng.uniform(2, 9, (count, 1)) * t + rng.uniform(0, 2 * np.pi, (count, 1)))
    angles = headings[:, None] + curl * (rng.normal(0, 1, (count, 1)) * t + 0.35 * sway)
    paths = np.cumsum(np.stack([np.cos(angles), np.sin(angles)], -1) * lengths[..., None] / steps, 1) + roots[:, None]
    shades = rng.lognormal(0, rng.uniform(0.1, 0.5), (count, 1)) + rng.normal(0, 0.04, (count, 3))
    colors = (palette(rng, 1)[0] if color is None else color) * shades
    return stroke(size, paths, colors, width * rng.uniform(0.5, 1.3, count))


def stroke(
    size: Size, paths: Array, colors: Array, widths: Array, light: tuple[float, float, float] = (1, 1, 1)
) -> Array:
    """Lines [N, K, 2] that taper, each in its color [N, 3] and width [N] in pixels, as one layer [H, W, 4]; the later
    are before the earlier. light: of a line's beginning, middle and tip."""
    canvas = np.zeros((size.height * SUPERSAMPLE, size.width * SUPERSAMPLE, 4), np.uint8)
    fixed = np.round(paths * (SUPERSAMPLE * 16)).astype(np.int32)
    steps = paths.shape[1]
    spans = [(slice(first * steps // 16, last * steps // 16), share) for first, last, share in PIECES]
    tones = [(np.clip(colors * factor, 0.01, 1) * 255).tolist() for factor in light]
    thickness = np.clip(widths * SUPERSAMPLE, 1, None)
    for path, thick, *lit in zip(fixed, thickness, *tones, strict=True):
        for (span, share), tone in zip(spans, lit, strict=True):
            piece = path[span]
            cv2.polylines(canvas, [piece], False, (*tone, 255), max(1, round(thick * share)), cv2.LINE_AA, 4)
            if thick * share > 3 * SUPERSAMPLE:  # a lit side makes it round
                bright = [min(255.0, 1.4 * value) for value in tone]
                cv2.polylines(canvas, [piece - int(4 * thick)], False, (*bright, 255), int(thick / 3), cv2.LINE_AA, 4)
    small = cv2.resize(canvas, (size.width, size.height), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255


def along(rng: Rng, contour: Array, count: int, inside: float) -> tuple[Array, Array]:
    """Root points near a contour and their outward headings; `inside` 0..1 pulls roots towards the centre."""
    index = rng.integers(0, len(contour), count)
    tangent = np.roll(contour, -2, 0) - np.roll(contour, 2, 0)
    outward = np.arctan2(-tangent[:, 0], tangent[:, 1])[index]
    pull = rng.uniform(0, inside, (count, 1))
    roots = contour[index] * (1 - pull) + contour.mean(0) * pull
    return roots.astype(np.float32), outward.astype(np.float32)


def coat(rng: Rng, size: Size, contour: Array) -> tuple[Array, Array]:
    """A body for strands: usually of their own color and grain, else of any texture; and that color [3]."""
    color = palette(rng, 1)[0]
    if rng.random() < 0.25:
        return body(rng, size, contour)[0], color
    shade = 0.5 + rng.uniform(0.2, 1.0) * noise(rng, size, 8, 0.8)
    if rng.random() < 0.4:  # deep between the strands it is dark
        shade = shade * rng.uniform(0.03, 0.4)
    return paint(fill(contour, size), np.clip(shade[..., None] * color, 0, 1)), color
