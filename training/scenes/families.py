"""The kinds of foreground: each paints one premultiplied RGBA layer [H, W, 4] float32 of a given size."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from training.scenes.hair import fur, hair, locks, tufts, wisps
from training.scenes.shapes import along, body, fill, outline, over, paint, strands
from training.scenes.textures import Array, Rng, Size, noise, palette, texture

Family = Callable[[Rng, Size], Array]


def leaf(rng: Rng, base: Array, heading: float, length: float) -> Array:
    """A leaf outline [K, 2] from its stem point."""
    t = np.linspace(0, 1, 14)
    half = length * rng.uniform(0.12, 0.3) * np.sin(np.pi * t ** rng.uniform(0.7, 1.3))
    side = np.concatenate([half, -half[::-1]])
    ahead = length * np.concatenate([t, t[::-1]])
    c, s = np.cos(heading), np.sin(heading)
    return np.asarray((base + np.stack([c * ahead - s * side, s * ahead + c * side], -1)).astype(np.float32))


def leaves(rng: Rng, size: Size) -> Array:
    """Plants and flowers: stems with leaves, each leaf lit on its own."""
    layer = np.zeros((*size, 4), np.float32)
    skin = texture(rng, size)
    length = max(size) * rng.uniform(0.08, 0.4)
    spread = rng.choice([0.5, 1.2, np.pi])
    for _ in range(int(rng.integers(1, 4))):
        root = rng.uniform(0.1, 0.9, 2) * (size.width, size.height)
        heading = rng.uniform(0, 2 * np.pi)
        stem = strands(rng, size, root[None].astype(np.float32), np.array([heading]), length * 3, 0.4, 3)
        layer = over(stem, layer)
        for _ in range(int(rng.integers(6, 30))):
            at = root + rng.uniform(0, 2.5) * length * np.array([np.cos(heading), np.sin(heading)])
            shape = leaf(rng, at, heading + rng.normal(0, spread), length * rng.uniform(0.5, 1.2))
            layer = over(paint(fill(shape, size), np.clip(skin * rng.uniform(0.6, 1.3), 0, 1)), layer)
    return layer


def net(rng: Rng, size: Size) -> Array:
    """Nets, lace and baskets: bent grids of threads, some with a knot or flower at the crossings."""
    spacing = rng.uniform(8, 45)
    turns = rng.uniform(0, np.pi) + np.array([0, rng.uniform(0.8, 1.6)])
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    bend = spacing * rng.uniform(0, 2)
    x, y = x + bend * noise(rng, size, 2, 0.3), y + bend * noise(rng, size, 2, 0.3)
    half = spacing * rng.uniform(0.04, 0.3)
    alpha: Array = np.zeros(size, np.float32)
    for turn in turns:
        across = np.cos(turn) * x + np.sin(turn) * y
        distance = np.abs((across / spacing) % 1 - 0.5) * spacing
        alpha = np.maximum(alpha, np.clip(half + 0.5 - distance, 0, 1))
    if rng.random() < 0.5:  # holes of a filled cloth instead of threads
        alpha = alpha if rng.random() < 0.5 else 1 - alpha
    if rng.random() < 0.6:
        alpha = alpha * fill(outline(rng, size, 0.2, rng.uniform(0.3, 0.6)), size)
    return paint(alpha, texture(rng, size))


def branches(rng: Rng, size: Size) -> Array:
    """Thick crossing twigs or wires with gaps that show the background."""
    count = int(rng.integers(8, 80))
    roots = (rng.uniform(0, 1, (count, 2)) * (size.width, size.height)).astype(np.float32)
    headings = rng.uniform(0, 2 * np.pi, count)
    length, width = max(size) * rng.uniform(0.4, 1.2), rng.uniform(2, 22)
    layer = strands(rng, size, roots, headings, length, rng.uniform(0.3, 2.5), width)
    shade = 1 + 0.8 * (texture(rng, size).mean(-1, keepdims=True) - 0.5)
    return np.dstack([np.minimum(layer[..., :3] * shade, layer[..., 3:]), layer[..., 3]]).astype(np.float32)


def smoke(rng: Rng, size: Size) -> Array:
    """Soft volumes of any density."""
    density = noise(rng, size, int(rng.integers(2, 6)), rng.uniform(0.4, 0.65))
    alpha = np.clip((density - rng.uniform(0.3, 0.6)) * rng.uniform(1.5, 5), 0, 1) * rng.uniform(0.5, 1)
    color = np.broadcast_to(palette(rng, 1)[0], (*size, 3))
    return paint(alpha.astype(np.float32), np.clip(color * (0.8 + 0.4 * density[..., None]), 0, 1))


def glass(rng: Rng, size: Size) -> Array:
    """Partly transparent objects with denser rims and bright spots."""
    contour = outline(rng, size, rng.uniform(0.05, 0.3), rng.uniform(0.25, 0.5))
    inside = fill(contour, size)
    rim = np.clip(inside - cv2.GaussianBlur(inside, (0, 0), rng.uniform(2, 10)), 0, 1) * 2
    veil = rng.uniform(0.05, 0.8) + rng.uniform(0, 0.5) * (noise(rng, size, 3) - 0.5)
    alpha = inside * np.clip(veil + rng.uniform(0, 1) * rim, 0, 1)
    shine = np.clip((noise(rng, size, 4, 0.4) - 0.75) * 6, 0, 1)[..., None]
    return paint(alpha.astype(np.float32), np.clip(texture(rng, size) + shine, 0, 1))


def feather(rng: Rng, size: Size) -> Array:
    """A shaft with barbs on both sides."""
    layer = np.zeros((*size, 4), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        count = int(rng.integers(150, 400))
        base = rng.uniform(0.1, 0.9, 2) * (size.width, size.height)
        heading, length = rng.uniform(0, 2 * np.pi), max(size) * rng.uniform(0.4, 0.9)
        t = rng.uniform(0, 1, count)
        bent = heading + rng.normal(0, 0.3) * t
        roots = base + (t * length)[:, None] * np.stack([np.cos(bent), np.sin(bent)], -1)
        side = np.where(np.arange(count) % 2 == 0, 1, -1) * rng.uniform(0.4, 0.9)
        reach = length * rng.uniform(0.08, 0.22)
        barbs = strands(rng, size, roots.astype(np.float32), bent + side, reach, 0.25, rng.uniform(0.6, 2))
        layer = over(barbs, layer)
    return layer.astype(np.float32)


def wicker(rng: Rng, size: Size) -> Array:
    """Baskets and twigs woven into a ball: round canes before a dark inside, some with holes right through it."""
    contour = outline(rng, size, rng.uniform(0.02, 0.15), rng.uniform(0.25, 0.5))
    color, inside = palette(rng, 1)[0], fill(contour, size)
    if rng.random() < 0.7:
        holes = (noise(rng, size, int(rng.integers(3, 12)), 0.5) - rng.uniform(0.4, 0.7)) * 20
        inside = inside * (1 - np.clip(holes, 0, 1))
    dark = rng.uniform(0.02, 0.4) * (0.5 + noise(rng, size, 6, 0.6))
    layer = paint(inside, dark[..., None] * color)
    width = max(size) * rng.uniform(0.01, 0.04)
    for depth in range(3):  # the front has more light
        roots, outward = along(rng, contour, int(rng.integers(6, 22)), 0.3)
        headings = outward + np.pi + rng.normal(0, 0.6, len(roots))
        length, tone = max(size) * rng.uniform(0.5, 1), color * (0.5 + 0.25 * depth)
        layer = over(strands(rng, size, roots, headings, length, rng.uniform(0.2, 1), width, tone), layer)
    return layer


def solid(rng: Rng, size: Size) -> Array:
    """Hard objects with edges from smooth to ragged."""
    layer = np.zeros((*size, 4), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        contour = outline(rng, size, rng.uniform(0.02, 1.2), rng.uniform(0.1, 0.5))
        if rng.random() < 0.4:  # corners
            contour = contour[np.sort(rng.choice(len(contour), int(rng.integers(3, 12)), replace=False))]
        layer = over(body(rng, size, contour)[0], layer)
    return layer


def rough(rng: Rng, size: Size) -> Array:
    """Wool, bark and torn edges: a contour moved by noise of the texture's own scale."""
    inside = fill(outline(rng, size, rng.uniform(0.05, 0.4), rng.uniform(0.25, 0.5)), size)
    soft = cv2.GaussianBlur(inside, (0, 0), rng.uniform(3, 12))
    grain = noise(rng, size, int(rng.integers(12, 50)), 0.6)
    steepness = rng.uniform(2, 15)
    alpha = np.clip((soft + rng.uniform(0.3, 1.0) * (grain - 0.5) - 0.5) * steepness + 0.5, 0, 1)
    return paint(alpha, np.clip(texture(rng, size) * (0.5 + grain[..., None]), 0, 1))


def defocus(rng: Rng, size: Size) -> Array:
    """Any of the plainer families out of focus."""
    layer = rng.choice(np.array([solid, leaves, branches, fur], object))(rng, size)
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), rng.uniform(1.5, 8)))


def motion(rng: Rng, size: Size) -> Array:
    """Any of the plainer families smeared along a line."""
    layer = rng.choice(np.array([solid, leaves, fur, net], object))(rng, size)
    length, angle = int(rng.integers(4, 24)), rng.uniform(0, 2 * np.pi)
    kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
    tip = (int(length + length * np.cos(angle)), int(length + length * np.sin(angle)))
    cv2.line(kernel, (length, length), tip, 1.0, 1)
    return np.asarray(cv2.filter2D(layer, -1, kernel / kernel.sum()))


def several(rng: Rng, size: Size) -> Array:
    """Two objects of different families, one before the other."""
    choices = np.array([hair, locks, fur, leaves, net, glass, feather, solid, rough, wisps], object)
    first, second = rng.choice(choices, 2, replace=False)
    return over(first(rng, size), second(rng, size))


FAMILIES: dict[str, Family] = {
    "hair": hair,
    "fur": fur,
    "wisps": wisps,
    "leaves": leaves,
    "net": net,
    "branches": branches,
    "smoke": smoke,
    "glass": glass,
    "feather": feather,
    "solid": solid,
    "rough": rough,
    "defocus": defocus,
    "motion": motion,
    "several": several,
    "locks": locks,
    "tufts": tufts,
    "wicker": wicker,
}
# Half of what is drawn is hair and fur; kinds whose alpha cannot be told from a small crop are rare. The others: 1.
WEIGHTS = {"locks": 5.0, "tufts": 4.0, "hair": 3.0, "fur": 3.0, "solid": 2.5, "rough": 2.5, "several": 2.0}
WEIGHTS |= {"leaves": 1.5, "wisps": 0.7, "net": 0.7, "smoke": 0.5, "glass": 0.5}


def likely_families() -> Array:
    """How likely each family is, in the order of FAMILIES; the sum is 1."""
    weights = np.array([WEIGHTS.get(name, 1.0) for name in FAMILIES])
    return np.asarray(weights / weights.sum())
