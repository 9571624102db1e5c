"""What a bank of scenes is made of, a number at a time: a layer, where to look in it, and a texture."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.scenes.families import FAMILIES, likely_families
from training.scenes.textures import Array, Size, texture

POINTS = 256  # of each layer


class Painting(NamedTuple):
    """family: its place in FAMILIES; layer: [B, B, 4] uint8 premultiplied RGBA; points: [POINTS, 2] int16, random
    pixels (row, column) at the edge of what is painted, or where it is partly transparent; texture: [B, B, 4] uint8
    RGB and a byte that says nothing, so that a pixel is one number."""

    family: int
    layer: NDArray[np.uint8]
    points: NDArray[np.int16]
    texture: NDArray[np.uint8]


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
    family = int(rng.choice(len(FAMILIES), p=likely_families()))
    while len(found) == 0:  # nothing was painted, or everything: nothing to learn
        layer = whole_levels(list(FAMILIES.values())[family](rng, size))
        found = edges(layer[..., 3])
    points = found[rng.integers(len(found), size=POINTS)].astype(np.int16)
    behind = np.full((side, side, 4), 255, np.uint8)
    behind[..., :3] = whole_levels(texture(rng, size, blurred=0.75))
    return Painting(family, layer, points, behind)


def version() -> str:
    """Changes with the code that paints."""
    names = ("families", "hair", "painting", "shapes", "textures")
    code = b"".join(Path(__file__).with_name(f"{name}.py").read_bytes() for name in names)
    return hashlib.sha256(code).hexdigest()
