"""Pictures with trimaps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]


def random_picture(seed: int, height: int, width: int) -> tuple[U8, U8]:
    """Noise with some structure (RGB), and a trimap of random blocks with all kinds of unknown values."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / (3 + c) + y / (5 - c)) for c in range(3)], -1) * 60 + 128
    img = np.clip(waves + rng.normal(0, 40, (height, width, 3)), 0, 255).astype(np.uint8)
    kinds = np.array([0, 255, 1, 128, 254], np.uint8)
    blocks = rng.choice(kinds, p=[0.3, 0.3, 0.1, 0.2, 0.1], size=(height // 24 + 1, width // 24 + 1))
    trimap = np.kron(blocks, np.ones((24, 24), np.uint8))[:height, :width].copy()
    trimap[0, 0] = 127  # never without unknown pixels
    return img, trimap


def calibration_folder(folder: Path) -> Path:
    """`folder` with one small picture to calibrate with, for tests of what int8 is built from, not of how well."""
    img, trimap = random_picture(0, 61, 97)
    cv2.imwrite(str(folder / "small.png"), img)
    cv2.imwrite(str(folder / "small_trimap.png"), trimap)
    return folder
