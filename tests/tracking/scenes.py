"""A clip of a disc that moves over a background, with its truth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dim_trt.tracking.sources import Frame
from dim_trt.trimaps import from_alpha

HEIGHT, WIDTH = 131, 203
U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


def texture(seed: int, height: int = HEIGHT, width: int = 2 * WIDTH) -> F32:
    rng = np.random.default_rng(seed)
    noise = rng.random((height, width, 3), np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return (255 * (blurred - blurred.min()) / np.ptp(blurred)).astype(np.float32)


BACKGROUND, OBJECT = texture(1), texture(2)


def scene(index: int, *, step: int = 3, pan: int = 0, second_x: int | None = None) -> tuple[Frame, F32]:
    """A disc that moves by `step` px a frame over a background that moves by `-pan`; a square at `second_x`."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    centre = 60 + step * index
    alpha = np.clip(32.5 - np.hypot(x - centre, y - 66), 0, 1).astype(np.float32)
    body = OBJECT[:, WIDTH - step * index : 2 * WIDTH - step * index]
    picture = alpha[..., None] * body + (1 - alpha[..., None]) * BACKGROUND[:, pan * index : pan * index + WIDTH]
    if second_x is not None:
        inside = (np.abs(x - second_x) <= 14) & (np.abs(y - 20) <= 14)
        picture[inside], alpha[inside] = (40, 250, 40), 1
    return Frame(index, picture.astype(np.uint8), index / 25), alpha


def truth_trimap(alpha: F32) -> U8:
    return from_alpha(alpha, low=0.01, high=0.99, erode=5, dilate=5)
