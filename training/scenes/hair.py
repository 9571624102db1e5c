"""Families of hair; each paints one premultiplied RGBA layer [H, W, 4] float32 of a given size."""

from __future__ import annotations

import numpy as np

from training.scenes.shapes import along, coat, fill, outline, over, paint, strands
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
