"""Pictures with known alpha, drawn by rules: endless training data that belongs to nobody else.

A family paints one kind of foreground as a premultiplied RGBA layer; `draw_scene` puts it over a
background as a camera would see it and adds a trimap. `python -m training.scenes` writes a contact sheet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.families import FAMILIES, WEIGHTS
from training.scenes.textures import Array, Rng, Size, noise, ramp, texture
from training.scenes.trimap import random_trimap

Level = TypeVar("Level", np.uint8, np.float32)


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


def spread(color: NDArray[Level], painted: NDArray[np.bool_]) -> NDArray[Level]:
    """Color [H, W, C] as it is where `painted` [H, W], elsewhere that of the nearest painted pixel."""
    if not painted.any():
        return color
    rest = (~painted).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(rest, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colors = np.empty((nearest.max() + 1, color.shape[2]), color.dtype)  # by the label of a painted pixel
    colors[nearest[painted]] = color[painted]
    return np.asarray(colors[nearest])


def unpremultiply(rng: Rng, layer: Array) -> tuple[Array, Array]:
    """Foreground color, spread to where nothing was painted, and alpha."""
    alpha = np.clip(layer[..., 3], 0, 1)
    alpha = np.where(alpha < 1 / 128, 0, np.where(alpha > 127 / 128, 1, alpha)).astype(np.float32)
    color = np.clip(layer[..., :3] / np.maximum(layer[..., 3:], 1e-3), 0, 1).astype(np.float32)
    return spread(color, alpha > 0), alpha


def light(rng: Rng, size: Size) -> Array:
    """Light and shade on the object, [H, W], about 1: a slope, and soft folds as on a body with light from one side."""
    slope = 1 + rng.uniform(0, 0.8) * (ramp(rng, size) - 0.5)
    folds = noise(rng, size, int(rng.integers(2, 5)), 0.35) - 0.5
    return np.asarray(slope * np.exp(rng.uniform(0.5, 2.4) * folds), np.float32)


def crevices(rng: Rng, size: Size) -> Array:
    """Dark gaps in the object, [H, W] factors: what lies too deep for light belongs to the object as well."""
    relief = noise(rng, size, int(rng.integers(3, 40)), rng.uniform(0.35, 0.7))
    depth = np.clip((rng.uniform(0.2, 0.45) - relief) * rng.uniform(4, 40), 0, 1)
    return np.asarray(1 - rng.uniform(0.5, 1) * depth, np.float32)


def lamps(rng: Rng) -> Array:
    """Color [3] of the light on an object, or on what is behind it: warm to cool."""
    warmth, tint = rng.normal(0, 0.15), rng.normal(0, 0.04)
    return np.asarray(np.exp([warmth, tint, -warmth]), np.float32)


def shadow(rng: Rng, background: Array, alpha: Array) -> Array:
    """Darkens the background beside the object."""
    dx, dy = rng.normal(0, 12, 2)
    cast = cv2.warpAffine(alpha, np.array([[1, 0, dx], [0, 1, dy]], np.float32), alpha.shape[::-1])
    cast = cv2.GaussianBlur(cast, (0, 0), rng.uniform(2, 12))
    return np.asarray(background * (1 - rng.uniform(0.2, 0.8) * cast[..., None]))


def camera_noise(rng: Rng, image: Array) -> NDArray[np.uint8]:
    """Sensor noise and JPEG artefacts; [H, W, 3] in 0..1 to uint8."""
    if rng.random() < 0.7:
        level = rng.uniform(0, 0.025)
        grain = rng.standard_normal(image.shape, np.float32) * level
        image = image + grain * (0.4 + image)
    stored = np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        _, data = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 98))])
        stored = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
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
    foreground = foreground * light(rng, size)[..., None] * lamps(rng)
    if rng.random() < 0.35:
        foreground = foreground * crevices(rng, size)[..., None]
    foreground = np.clip(foreground, 0, 1)
    background = np.clip(texture(rng, size, blurred=0.85) * lamps(rng), 0, 1)
    if rng.random() < 0.15:  # colors that hardly differ
        near = rng.uniform(0.3, 0.8) * (background.mean((0, 1)) - foreground.mean((0, 1)))
        foreground = np.clip(foreground + near.astype(np.float32), 0, 1)
    if rng.random() < 0.3:
        background = shadow(rng, background, alpha)
    # Light adds up before the camera encodes it. Cameras differ in how they encode (raw files hardly do):
    # the mixture happens under a random gamma, and colors stay display-encoded on both sides of it.
    gamma = 1.0 if rng.random() < 0.6 else rng.uniform(1.4, 2.4)
    mixed = alpha[..., None] * foreground**gamma + (1 - alpha[..., None]) * background**gamma
    image = camera_noise(rng, mixed ** (1 / gamma))
    trimap = random_trimap(rng, alpha)
    return Scene(image, alpha, foreground.astype(np.float32), background.astype(np.float32), trimap, family)
