"""Families of hair; each paints one premultiplied RGBA layer [H, W, 4] float32 of a given size."""

from __future__ import annotations

import numpy as np

from training.scenes.shapes import along, coat, fill, outline, over, paint, strands, stroke
from training.scenes.textures import Array, Rng, Size, noise, palette

STRANDS = 4096  # different ones in a layer of locks


def hair(rng: Rng, size: Size) -> Array:
    """Long strands in locks that grow and fall from a head: thousands near it, single ones far out."""
    contour = outline(rng, size, rng.uniform(0.05, 0.4), rng.uniform(0.2, 0.5))
    layer, color = coat(rng, size, contour)
    gravity, pull, lock = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1), noise(rng, size, 5, 0.6)
    length, curl, width = max(size) * rng.uniform(0.15, 0.5), rng.choice([0.15, 0.4, 1.0]), 0.35 * 4.5 ** rng.random()
    dense = int(150 * 14 ** rng.random() * max(size) / 300)
    sheer, inside = rng.choice([0.25, 1.0], p=[0.6, 0.4]), rng.uniform(0.1, 0.7)  # fine hair lets light through
    groups = ((0.15, 200, 0.1, 1.6, 2.0), *((sheer, dense // 2, inside, 1.0, 1.0),) * 2)
    for opacity, count, depth, reach, wildness in groups:
        roots, outward = along(rng, contour, count, depth)
        x, y = (np.clip(roots[:, axis], 0, size[1 - axis] - 1).astype(int) for axis in range(2))
        headings = outward + pull * np.sin(gravity - outward) + 3 * (lock[y, x] - 0.5)
        headings += rng.normal(0, 0.12 * wildness, count)
        drawn = strands(rng, size, roots, headings, length * reach, curl * wildness, width / reach, color)
        layer = over(drawn * np.float32(rng.uniform(opacity, 1)), layer)
    return layer


def fur(rng: Rng, size: Size) -> Array:
    """Short dense strands along a contour."""
    contour = outline(rng, size, rng.uniform(0.05, 0.4), rng.uniform(0.2, 0.5))
    layer, color = coat(rng, size, contour)
    length, curl = max(size) * rng.uniform(0.02, 0.15), rng.uniform(0.1, 1.0)
    roots, outward = along(rng, contour, int(rng.integers(400, 1600) * max(size) / 300), rng.uniform(0.1, 0.4))
    headings = outward + rng.normal(0, 0.6) + rng.normal(0, rng.uniform(0.1, 0.4), len(roots))
    drawn = strands(rng, size, roots, headings, length, curl, 0.35 * 4.5 ** rng.random(), color)
    return over(drawn * np.float32(rng.choice([1.0, rng.uniform(0.4, 1)])), layer)


def wisps(rng: Rng, size: Size) -> Array:
    """Loose strands that cross the picture, half of the time before an object of their color."""
    color = palette(rng, 1)[0]
    layer: Array = np.zeros((*size, 4), np.float32)
    if rng.random() < 0.5:
        layer = paint(fill(outline(rng, size), size), np.clip(color * (0.5 + noise(rng, size, 8)[..., None]), 0, 1))
    count = int(rng.integers(20, 250))
    roots = (rng.uniform(-0.1, 1.1, (count, 2)) * (size.width, size.height)).astype(np.float32)
    headings = rng.uniform(0, 2 * np.pi) + rng.normal(0, rng.choice([0.15, 0.5, 2.0]), count)
    length, curl = max(size) * rng.uniform(0.2, 0.9), rng.choice([0.2, 0.8, 2.0])
    drawn = strands(rng, size, roots, headings, length, curl, rng.uniform(0.5, 2), color)
    return over(drawn * np.float32(rng.choice([1.0, rng.uniform(0.4, 1)])), layer)


def tufts(rng: Rng, size: Size) -> Array:
    """Hair and plush that grows in tufts from a body and lies in layers: fine strands, dark between, some astray."""
    longest = max(size)
    contour = outline(rng, size, rng.uniform(0.05, 0.3), rng.uniform(0.15, 0.35))
    layer, color = coat(rng, size, contour)
    heading, fan, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 1.2), longest * rng.uniform(0.15, 0.8)
    count, width = int(4 * 12 ** rng.random()), 0.3 * 3.5 ** rng.random()
    gleam = np.array([0.7, rng.uniform(0.7, 1.7), rng.uniform(0.7, 1.2)])  # where the light strikes
    shape = (rng.uniform(0, 0.5), 0.02 * 8 ** rng.random())
    for depth in range(3):  # the front has more light
        roots, outward = along(rng, contour, count, rng.uniform(0.1, 0.8))
        angles = np.arctan2(
            fan * np.sin(outward) + np.sin(heading), fan * np.cos(outward) + np.cos(heading)
        ) + rng.normal(0, 0.25, count)
        own = int(rng.integers(12, 50) * longest / 400)
        paths = _tuft_paths(rng, roots, angles, reach * rng.uniform(0.4, 1.2, count), own, *shape)
        tones = np.repeat(rng.lognormal(0, 0.3, count), own) * rng.lognormal(0, 0.25, count * own)
        colors = color * tones[:, None] + rng.normal(0, 0.02, (count * own, 3))
        light = (0.55 + 0.25 * depth) * gleam
        drawn = stroke(size, paths, colors, width * rng.uniform(0.5, 1.3, count * own), (light[0], light[1], light[2]))
        layer = over(drawn * np.float32(rng.uniform(0.6, 1)), layer)
    roots, _ = along(rng, contour, int(rng.integers(10, 80)), 0.4)
    headings = heading + rng.normal(0, 0.9, len(roots))
    astray = strands(rng, size, roots, headings, reach * rng.uniform(0.8, 1.6), rng.uniform(0.3, 1.2), width, color)
    return over(astray * np.float32(rng.uniform(0.3, 1)), layer)


def _tuft_paths(rng: Rng, roots: Array, angles: Array, lengths: Array, own: int, wave: float, frizz: float) -> Array:
    """Lines [tufts · own, 16, 2]: the `own` strands of a tuft bend as it does and run together, or apart.

    wave: radians that a tuft bends; frizz: radians that a strand does by itself at each step.
    """
    count, steps = len(roots), 16
    t = np.linspace(0, 1, steps)
    root, angle, length = roots[:, None, None], angles[:, None, None], lengths[:, None, None]
    sway = np.sin(2 * np.pi * (t * rng.uniform(0.5, 2, (count, 1, 1)) + rng.random((count, 1, 1))))
    turn = angle + wave * (rng.normal(0, 1, (count, 1, 1)) * t + 0.5 * sway)
    turn = turn + frizz * np.cumsum(rng.normal(0, 1, (count, own, steps)), -1)
    step = length * rng.uniform(0.5, 1.1, (count, own, 1)) / steps
    ahead = np.cumsum(np.stack([np.cos(turn), np.sin(turn)], -1) * step[..., None], 2)
    closing = 1 + (rng.uniform(0.1, 1.5, (count, 1, 1)) - 1) * t
    across = rng.normal(0, 1, (count, own, 1)) * length * rng.uniform(0.02, 0.12, (count, 1, 1)) * closing
    aside = np.stack([-np.sin(angle), np.cos(angle)], -1) * across[..., None]
    return np.asarray((root + ahead + aside).reshape(count * own, steps, 2))


def locks(rng: Rng, size: Size) -> Array:
    """Long hair seen close: layers of strands that run beside each other, thinning out towards their tips."""
    longest = max(size)
    down, across = _hair_frame(rng, size)
    reach, half = longest * rng.uniform(0.3, 1.0), longest * rng.uniform(0.1, 0.4)  # of the hair, from its middle
    clear: Array = np.ones(size, np.float32)  # how much of what is behind can be seen
    light: Array = np.zeros(size, np.float32)
    contrast, sheer = rng.uniform(0.1, 0.5), rng.choice([1.0, rng.uniform(0.3, 1)])
    for _ in range(int(rng.integers(3, 9))):
        spacing = 1.5 * 6 ** rng.random()
        wander = rng.uniform(0.2, 3) * spacing * (2 * noise(rng, size, int(rng.integers(3, 8)), 0.4) - 1)
        cover, shade = _strand_layer(rng, down, across + rng.normal(0, 0.06) * down + wander, spacing, reach, half)
        cover *= np.float32(rng.uniform(sheer, 1))
        light += clear * cover * shade ** np.float32(contrast)
        clear *= 1 - cover
    inner = np.clip((half * rng.uniform(0.2, 0.8) - np.abs(across)) / (0.1 * half), 0, 1)
    inner *= np.clip((reach * rng.uniform(-0.2, 0.5) - down) / (0.2 * reach) + noise(rng, size, 20, 0.7) - 0.5, 0, 1)
    alpha = 1 - clear * (1 - inner)  # strands before a core that is dense
    gloss = 0.4 + 1.2 * noise(rng, size, 3, 0.5)
    light = (light + clear * inner * rng.uniform(0.3, 1)) * gloss
    color = np.minimum(light[..., None] * palette(rng, 1)[0], alpha[..., None])
    return np.dstack([color, alpha]).astype(np.float32)


def _hair_frame(rng: Rng, size: Size) -> tuple[Array, Array]:
    """Pixels along the hair, and across it with its waves and curls undone; both 0 in its middle, [H, W]."""
    longest, turn = max(size), rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    x, y = (at - rng.uniform(0.2, 0.8) * extent for at, extent in ((x, size.width), (y, size.height)))
    down, side = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    side += longest * rng.uniform(0.02, 0.2) * (2 * noise(rng, size, 2, 0.35) - 1)
    period = longest * rng.uniform(0.08, 0.4)
    side += longest * rng.uniform(0, 0.03) * np.sin(2 * np.pi * down / period + 4 * noise(rng, size, 3, 0.4))
    spread = rng.choice([0.0, rng.uniform(0.2, 1.2)])  # beside each other, or growing apart
    return down, side / (1 + spread * np.clip(down / longest + 0.5, 0, None))


def _strand_layer(
    rng: Rng, down: Array, across: Array, spacing: float, reach: float, half: float
) -> tuple[Array, Array]:
    """Coverage and lightness of one strand in each lane `spacing` pixels wide."""
    place = across / np.float32(spacing)
    lane = np.floor(place).astype(np.int32)
    ends = reach * rng.uniform(0.1, 1, STRANDS) ** rng.uniform(0.4, 1.5)
    by_strand = (rng.uniform(0.15, 0.85, STRANDS), ends, rng.lognormal(0, 1, STRANDS), rng.uniform(0.15, 1, STRANDS))
    middle, end, shade, thick = (values.astype(np.float32)[lane % STRANDS] for values in by_strand)
    inside = np.clip(1.2 - np.abs(lane) * np.float32(spacing / half), 0, 1)  # shorter at the sides
    left = np.clip((end * (0.3 + inside) - down) / np.float32(0.3 * reach), 0, 1)
    width = np.where(inside > 0, thick * left * np.float32(0.5 * spacing * rng.uniform(0.3, 1)), 0)
    cover = np.clip(width + 0.5 - np.abs(place - lane - middle) * np.float32(spacing), 0, 1) * np.minimum(1, 2 * width)
    return cover, shade
