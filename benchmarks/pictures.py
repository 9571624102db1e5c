"""Pictures to measure with: drawn ones with a given share of unknown pixels, and those of a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dim_trt.scoring.evaluation import alphamatting_samples, read_content

UNKNOWN = 128
WAVES = 7  # of the outline of the object that `thin_band` draws
SCENE_SEED = 0
SCENE_FAMILY = "fur"


class Picture(NamedTuple):
    """RGB image [height, width, 3] and trimap [height, width], both uint8; the true alpha in 0..1 where it is known."""

    name: str
    img: NDArray[np.uint8]
    trimap: NDArray[np.uint8]
    truth: NDArray[np.float32] | None = None

    @property
    def unknown(self) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = (self.trimap != 0) & (self.trimap != 255)
        return mask


def truth_of(picture: Picture) -> NDArray[np.float32]:
    """For what needs the true alpha."""
    if picture.truth is None:
        raise ValueError(f"{picture.name}: its true alpha is not known")
    return picture.truth


def digest(pictures: Sequence[Picture]) -> str:
    """SHA-256 of all that is in them but their names."""
    found = hashlib.sha256()
    for picture in pictures:
        for array in (picture.img, picture.trimap, truth_of(picture)):
            found.update(repr((array.shape, array.dtype.str)).encode())
            found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def stripe(height: int, width: int, unknown: float) -> Picture:
    """Background, unknown in that share of the rows, foreground."""
    trimap = np.zeros((height, width), np.uint8)
    band = max(1, round(height * unknown))
    start = (height - band) // 2
    trimap[start : start + band] = UNKNOWN
    trimap[start + band :] = 255
    if unknown >= 1:
        trimap[0, 0] = 0  # one known pixel: without any the engine warns
    return Picture(f"{width}x{height}", noise(height, width), trimap)


def thin_band(height: int, width: int, unknown: float) -> Picture:
    """An object with a wavy outline; unknown is that share of the pixels, those nearest to the outline."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    dy, dx = (y - height / 2) / height, (x - width / 2) / width
    outline = 0.3 + 0.03 * np.sin(WAVES * np.arctan2(dy, dx))
    distance = (np.hypot(dy, dx) - outline) * np.float32(min(height, width))
    trimap = np.where(distance < 0, 255, 0).astype(np.uint8)
    trimap[np.abs(distance) <= np.quantile(np.abs(distance), unknown)] = UNKNOWN
    return Picture(f"{width}x{height} band", noise(height, width), trimap)


def with_unknown(picture: Picture, unknown: float) -> Picture:
    """The same picture with that share of the pixels unknown, those nearest to the outline of its true alpha."""
    inside = (truth_of(picture) >= 0.5).astype(np.uint8)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5) + cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    trimap = 255 * inside
    trimap[distance <= np.quantile(distance, unknown)] = UNKNOWN
    if unknown >= 1:
        trimap[0, 0] = 255 * inside[0, 0]  # one known pixel: without any the engine warns
    return picture._replace(name=f"{picture.name}, {unknown:.0%} unknown", trimap=trimap)


def alphamatting(folder: Path, trimap_set: str) -> Iterator[Picture]:
    """The pictures of a folder in the layout of alphamatting.com, at their own size."""
    for sample in alphamatting_samples(folder, trimap_set):
        img, trimap, truth = read_content(sample)
        yield Picture(sample.name, np.ascontiguousarray(img[:, :, ::-1]), trimap, truth)


def scene(height: int, width: int, family: str = SCENE_FAMILY, number: int = 0) -> Picture:
    """A drawn scene that no training run has. Needs the extra train."""
    from training.scenes.textures import Size
    from training.validation import held_out_scene

    drawn = held_out_scene(SCENE_SEED, family, number, Size(height, width))
    return Picture(f"{width}x{height} {family}", drawn.image, drawn.trimap, drawn.alpha)
