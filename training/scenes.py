"""Pictures with known alpha, drawn by rules: endless training data that belongs to nobody else.

A family paints one kind of foreground as a premultiplied RGBA layer; `draw_scene` puts it over a
background as a camera would see it and adds a trimap. `python -m training.scenes` writes a contact sheet.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.textures import Array, Size, noise, palette, ramp, texture
from training.trimap import random_trimap

Rng = np.random.Generator
SUPERSAMPLE = 2  # strands are drawn at this scale, so that they can be thinner than a pixel


@dataclass(frozen=True)
class Scene:
    """One drawn picture. All arrays are H×W.

    image: [H, W, 3] uint8 RGB as a camera would store it, with noise and JPEG artefacts.
    alpha: float32 in 0..1.
    foreground, background: [H, W, 3] float32 in 0..1, display-encoded as `image` is.
    trimap: uint8, 0 where alpha is 0, 255 where alpha is 1, else 128.
    """

    image: NDArray[np.uint8]
    alpha: Array
    foreground: Array
    background: Array
    trimap: NDArray[np.uint8]
    family: str


# ---------------------------------------------------------------- shapes and strands


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


def paint(alpha: Array, colour: Array) -> Array:
    """Coverage and colour as a premultiplied layer [H, W, 4]."""
    return np.dstack([colour * alpha[..., None], alpha]).astype(np.float32)


def over(top: Array, bottom: Array) -> Array:
    return top + bottom * (1 - top[..., 3:])


def body(rng: Rng, size: Size, contour: Array | None = None) -> tuple[Array, Array]:
    """A solid shaded object and its contour."""
    if contour is None:
        contour = outline(rng, size, rng.uniform(0.05, 0.4), rng.uniform(0.2, 0.5))
    return paint(fill(contour, size), texture(rng, size)), contour


def strands(
    rng: Rng, size: Size, roots: Array, headings: Array, length: float, curl: float, width: float,
    colour: Array | None = None,
) -> Array:  # fmt: skip
    """Tapering curved lines from `roots` [N, 2] along `headings` [N] (radians) as one layer [H, W, 4].

    length and width are in pixels, curl is how far a strand turns in radians, colour [3] their mean.
    """
    canvas = np.zeros((size.height * SUPERSAMPLE, size.width * SUPERSAMPLE, 4), np.uint8)
    count, steps = len(roots), 16
    t = np.linspace(0, 1, steps)
    lengths = length * rng.uniform(0.4, 1.2, (count, 1))
    sway = np.sin(rng.uniform(2, 9, (count, 1)) * t + rng.uniform(0, 2 * np.pi, (count, 1)))
    angles = headings[:, None] + curl * (rng.normal(0, 1, (count, 1)) * t + 0.35 * sway)
    paths = np.cumsum(np.stack([np.cos(angles), np.sin(angles)], -1) * lengths[..., None] / steps, 1) + roots[:, None]
    fixed = np.round(paths * (SUPERSAMPLE * 16)).astype(np.int32)
    shades = rng.lognormal(0, rng.uniform(0.1, 0.5), (count, 1)) + rng.normal(0, 0.04, (count, 3))
    colours = np.clip((palette(rng, 1)[0] if colour is None else colour) * shades, 0.01, 1) * 255
    thickness = np.clip(width * SUPERSAMPLE * rng.uniform(0.5, 1.3, count), 1, None)
    for path, tone, thick in zip(fixed, colours.tolist(), thickness, strict=True):
        for piece, share in ((path[:9], 1.0), (path[8:13], 0.6), (path[12:], 0.0)):
            cv2.polylines(canvas, [piece], False, (*tone, 255), max(1, round(thick * share)), cv2.LINE_AA, 4)
            if thick * share > 6:  # a lit side makes it round
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


# ---------------------------------------------------------------- families

Family = Callable[[Rng, Size], Array]


def coat(rng: Rng, size: Size, contour: Array) -> tuple[Array, Array]:
    """A body for strands: usually of their own colour and grain, else of any texture; and that colour [3]."""
    colour = palette(rng, 1)[0]
    if rng.random() < 0.25:
        return body(rng, size, contour)[0], colour
    shade = 0.5 + rng.uniform(0.2, 1.0) * noise(rng, size, 8, 0.8)
    return paint(fill(contour, size), np.clip(shade[..., None] * colour, 0, 1)), colour


def hair(rng: Rng, size: Size) -> Array:
    """Long strands in locks that grow and fall from a head: thousands near it, single ones far out."""
    contour = outline(rng, size, rng.uniform(0.05, 0.4), rng.uniform(0.2, 0.5))
    layer, colour = coat(rng, size, contour)
    gravity, pull, lock = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1), noise(rng, size, 5, 0.6)
    length, curl, width = max(size) * rng.uniform(0.15, 0.5), rng.choice([0.15, 0.4, 1.0]), rng.uniform(0.4, 1.6)
    groups = ((0.3, 200, 0.1, 1.6, 2.0), (1.0, int(rng.integers(150, 900)), rng.uniform(0.1, 0.7), 1.0, 1.0))
    for opacity, count, inside, reach, wildness in groups:
        roots, outward = along(rng, contour, count, inside)
        x, y = (np.clip(roots[:, axis], 0, size[1 - axis] - 1).astype(int) for axis in range(2))
        headings = outward + pull * np.sin(gravity - outward) + 3 * (lock[y, x] - 0.5)
        headings += rng.normal(0, 0.12 * wildness, count)
        drawn = strands(rng, size, roots, headings, length * reach, curl * wildness, width / reach, colour)
        layer = over(drawn * np.float32(rng.uniform(opacity, 1)), layer)
    return layer


def fur(rng: Rng, size: Size) -> Array:
    """Short dense strands along a contour."""
    contour = outline(rng, size, rng.uniform(0.05, 0.4), rng.uniform(0.2, 0.5))
    layer, colour = coat(rng, size, contour)
    length, curl = max(size) * rng.uniform(0.02, 0.15), rng.uniform(0.1, 1.0)
    roots, outward = along(rng, contour, int(rng.integers(400, 1400)), rng.uniform(0.1, 0.4))
    headings = outward + rng.normal(0, 0.6) + rng.normal(0, rng.uniform(0.1, 0.4), len(roots))
    return over(strands(rng, size, roots, headings, length, curl, rng.uniform(0.4, 1.6), colour), layer)


def wisps(rng: Rng, size: Size) -> Array:
    """Loose strands that cross the picture without a body."""
    count = int(rng.integers(20, 250))
    roots = (rng.uniform(-0.1, 1.1, (count, 2)) * (size.width, size.height)).astype(np.float32)
    headings = rng.uniform(0, 2 * np.pi) + rng.normal(0, rng.choice([0.15, 0.5, 2.0]), count)
    length, curl = max(size) * rng.uniform(0.2, 0.9), rng.choice([0.2, 0.8, 2.0])
    layer = strands(rng, size, roots, headings, length, curl, rng.uniform(0.5, 2))
    return layer * np.float32(rng.choice([1.0, rng.uniform(0.4, 1)]))


def leaf(rng: Rng, base: Array, heading: float, length: float) -> Array:
    """A leaf outline [K, 2] from its stem point."""
    t = np.linspace(0, 1, 14)
    half = length * rng.uniform(0.12, 0.3) * np.sin(np.pi * t ** rng.uniform(0.7, 1.3))
    side = np.concatenate([half, -half[::-1]])
    ahead = length * np.concatenate([t, t[::-1]])
    c, s = np.cos(heading), np.sin(heading)
    return (base + np.stack([c * ahead - s * side, s * ahead + c * side], -1)).astype(np.float32)


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
    alpha = np.zeros(size, np.float32)
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
    count = int(rng.integers(8, 50))
    roots = (rng.uniform(0, 1, (count, 2)) * (size.width, size.height)).astype(np.float32)
    headings = rng.uniform(0, 2 * np.pi, count)
    length, width = max(size) * rng.uniform(0.4, 1.2), rng.uniform(2, 12)
    layer = strands(rng, size, roots, headings, length, rng.uniform(0.3, 2.5), width)
    shade = 1 + 0.8 * (texture(rng, size).mean(-1, keepdims=True) - 0.5)
    return np.dstack([np.minimum(layer[..., :3] * shade, layer[..., 3:]), layer[..., 3]]).astype(np.float32)


def smoke(rng: Rng, size: Size) -> Array:
    """Soft volumes of any density."""
    density = noise(rng, size, int(rng.integers(2, 6)), rng.uniform(0.4, 0.65))
    alpha = np.clip((density - rng.uniform(0.3, 0.6)) * rng.uniform(1.5, 5), 0, 1) * rng.uniform(0.5, 1)
    colour = np.broadcast_to(palette(rng, 1)[0], (*size, 3))
    return paint(alpha.astype(np.float32), np.clip(colour * (0.8 + 0.4 * density[..., None]), 0, 1))


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
    return cv2.GaussianBlur(layer, (0, 0), rng.uniform(1.5, 8))


def motion(rng: Rng, size: Size) -> Array:
    """Any of the plainer families smeared along a line."""
    layer = rng.choice(np.array([solid, leaves, fur, net], object))(rng, size)
    length, angle = int(rng.integers(4, 24)), rng.uniform(0, 2 * np.pi)
    kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
    tip = (int(length + length * np.cos(angle)), int(length + length * np.sin(angle)))
    cv2.line(kernel, (length, length), tip, 1.0, 1)
    return cv2.filter2D(layer, -1, kernel / kernel.sum())


def several(rng: Rng, size: Size) -> Array:
    """Two objects of different families, one before the other."""
    choices = np.array([hair, fur, leaves, net, glass, feather, solid, rough, wisps], object)
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
}
WEIGHTS = {"hair": 4.0, "fur": 3.0, "solid": 2.0, "rough": 2.0, "several": 2.0}  # the others: 1

# ---------------------------------------------------------------- the camera


def unpremultiply(rng: Rng, layer: Array) -> tuple[Array, Array]:
    """Foreground colour, spread to where nothing was painted, and alpha."""
    alpha = np.clip(layer[..., 3], 0, 1)
    alpha = np.where(alpha < 1 / 128, 0, np.where(alpha > 127 / 128, 1, alpha)).astype(np.float32)
    wide = cv2.GaussianBlur(layer, (0, 0), 8)
    nearby = wide[..., :3] / np.maximum(wide[..., 3:], 1e-3)
    colour = layer[..., :3] / np.maximum(layer[..., 3:], 1e-3)
    return np.clip(np.where(alpha[..., None] > 0, colour, nearby), 0, 1).astype(np.float32), alpha


def shadow(rng: Rng, background: Array, alpha: Array) -> Array:
    """Darkens the background beside the object."""
    dx, dy = rng.normal(0, 12, 2)
    cast = cv2.warpAffine(alpha, np.array([[1, 0, dx], [0, 1, dy]], np.float32), alpha.shape[::-1])
    cast = cv2.GaussianBlur(cast, (0, 0), rng.uniform(2, 12))
    return background * (1 - rng.uniform(0.2, 0.8) * cast[..., None])


def camera_noise(rng: Rng, image: Array) -> NDArray[np.uint8]:
    """Sensor noise and JPEG artefacts; [H, W, 3] in 0..1 to uint8."""
    if rng.random() < 0.7:
        level = rng.uniform(0, 0.025)
        grain = rng.standard_normal(image.shape, np.float32) * level
        image = image + grain * (0.4 + image)
    stored = np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        _, data = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 98))])
        stored = cv2.imdecode(data, cv2.IMREAD_COLOR).astype(np.uint8)
    return stored


def draw_scene(rng: Rng, size: Size, family: str | None = None) -> Scene:
    """One scene of a random family, or of the one named; the same generator state gives the same scene."""
    if family is None:
        weights = np.array([WEIGHTS.get(name, 1.0) for name in FAMILIES])
        family = str(rng.choice(list(FAMILIES), p=weights / weights.sum()))
    layer = FAMILIES[family](rng, size)
    if rng.random() < 0.6:  # the lens
        layer = cv2.GaussianBlur(layer, (0, 0), rng.uniform(0.3, 1.1))
    foreground, alpha = unpremultiply(rng, layer)
    light = 1 + rng.uniform(0, 0.8) * (ramp(rng, size)[..., None] - 0.5)
    foreground = np.clip(foreground * light, 0, 1)
    background = texture(rng, size, blurred=0.75)
    if rng.random() < 0.25:  # colours that hardly differ
        near = rng.uniform(0.3, 0.8) * (background.mean((0, 1)) - foreground.mean((0, 1)))
        foreground = np.clip(foreground + near.astype(np.float32), 0, 1)
    if rng.random() < 0.3:
        background = shadow(rng, background, alpha)
    # Light adds up before the camera encodes it. Cameras differ in how they encode (raw files hardly do):
    # the mixture happens under a random gamma, and colours stay display-encoded on both sides of it.
    gamma = 1.0 if rng.random() < 0.6 else rng.uniform(1.4, 2.4)
    mixed = alpha[..., None] * foreground**gamma + (1 - alpha[..., None]) * background**gamma
    image = camera_noise(rng, mixed ** (1 / gamma))
    trimap = random_trimap(rng, alpha)
    return Scene(image, alpha, foreground.astype(np.float32), background.astype(np.float32), trimap, family)


def contact_sheet(seed: int, columns: int = 6, size: Size = Size(160, 200)) -> NDArray[np.uint8]:
    """One row per family of image, trimap and alpha in turn, RGB."""
    rows = []
    for number, family in enumerate(FAMILIES):
        tiles = []
        for column in range(columns):
            scene = draw_scene(np.random.default_rng((seed, number, column)), Size(320, 400), family)
            greys = [cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB) for grey in (scene.trimap, np.uint8(scene.alpha * 255))]
            tiles += [cv2.resize(tile, size[::-1], interpolation=cv2.INTER_AREA) for tile in (scene.image, *greys)]
        rows.append(np.hstack(tiles))
    return np.vstack(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Writes a contact sheet of scenes, one row per family.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sheet = contact_sheet(options.seed)
    if not cv2.imwrite(str(options.out), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)):
        raise SystemExit(f"cannot write {options.out}")
