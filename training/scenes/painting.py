"""What scenes are made of: an object on a layer, and what is behind it; a bank has them by number."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.scenes.families import FAMILIES, likely_families
from training.scenes.textures import Array, Rng, Size, noise, texture

POINTS = 256  # of each layer


class Painting(NamedTuple):
    """family: its place in FAMILIES; layer: [B, B, 4] uint8 premultiplied RGBA; points: [POINTS, 2] int16, random
    pixels (row, column) at the edge of what is painted, or where it is partly transparent; texture: [B, B, 4] uint8
    RGB and a byte that says nothing, so that a pixel is one number."""

    family: int
    layer: NDArray[np.uint8]
    points: NDArray[np.int16]
    texture: NDArray[np.uint8]


def crevices(rng: Rng, size: Size) -> Array:
    """Dark gaps in the object, [H, W] factors: what lies too deep for light belongs to the object as well."""
    relief = noise(rng, size, int(rng.integers(3, 40)), rng.uniform(0.35, 0.7))
    depth = np.clip((rng.uniform(0.2, 0.45) - relief) * rng.uniform(4, 40), 0, 1)
    return np.asarray(1 - rng.uniform(0.5, 1) * depth, np.float32)


def front(rng: Rng, size: Size, family: str) -> Array:
    """An object: a premultiplied layer [H, W, 4] float32."""
    layer = FAMILIES[family](rng, size)
    if rng.random() < 0.35:
        layer = np.dstack([layer[..., :3] * crevices(rng, size)[..., None], layer[..., 3]])
    return np.asarray(layer, np.float32)


def behind(rng: Rng, size: Size) -> Array:
    """A background [H, W, 3] float32."""
    return texture(rng, size, blurred=0.85)


def edges(alpha: NDArray[np.uint8]) -> NDArray[np.int64]:
    """[K, 2]: pixels that are neither 0 nor 255, or unlike the one above or left of them."""
    found = (alpha > 0) & (alpha < 255)
    found[1:] |= alpha[1:] != alpha[:-1]
    found[:, 1:] |= alpha[:, 1:] != alpha[:, :-1]
    return np.argwhere(found)


def whole_levels(picture: Array) -> NDArray[np.uint8]:
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def paint(seed: tuple[int, ...], number: int, side: int) -> Painting:
    """Number `number` of the endless sequence that belongs to the seed; the pictures are `side` pixels square."""
    rng, size, found = np.random.default_rng((*seed, number)), Size(side, side), np.zeros((0, 2), np.int64)
    names = list(FAMILIES)
    family = int(rng.choice(len(FAMILIES), p=likely_families()))
    while len(found) == 0:  # nothing was painted, or everything: nothing to learn
        layer = whole_levels(front(rng, size, names[family]))
        found = edges(layer[..., 3])
    points = found[rng.integers(len(found), size=POINTS)].astype(np.int16)
    background = np.full((side, side, 4), 255, np.uint8)
    background[..., :3] = whole_levels(behind(rng, size))
    return Painting(family, layer, points, background)


def version() -> str:
    """Changes with the code that paints."""
    names = ("families", "hair", "painting", "shapes", "textures")
    code = b"".join(Path(__file__).with_name(f"{name}.py").read_bytes() for name in names)
    return hashlib.sha256(code).hexdigest()
