"""Foregrounds with alpha, as files."""

import cv2
import numpy as np


def disc(height, width):
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height / 2, x - width / 2)
    return np.clip(255 * (min(height, width) / 3 - distance) / 8, 0, 255).astype(np.uint8)


def write(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def fill(fg, alpha, names, ending=".png"):
    for number, name in enumerate(names):
        height, width = 91 + 10 * number, 123
        noise = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
        write(fg / f"{name}{ending}", noise)
        write(alpha / f"{name}.png", disc(height, width))
