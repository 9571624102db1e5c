"""What alpha is for: cutouts and new backgrounds. Pictures are [height, width, 3] uint8 BGR."""

from __future__ import annotations

import re

import cv2
import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.images import quantize_alpha

Colour = tuple[int, int, int]  # blue, green, red


def parse_colour(text: str) -> Colour:
    """'#rrggbb' -> (blue, green, red)."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise InvalidInput(f"background: expected a colour '#rrggbb', got {text!r}")
    red, green, blue = bytes.fromhex(text[1:])
    return blue, green, red


def cutout(img: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """[height, width, 4] BGRA: the picture's own colours with straight (not premultiplied) alpha."""
    return np.dstack([img, quantize_alpha(alpha, 8)]).astype(np.uint8, copy=False)


def composite(
    img: NDArray[np.uint8], alpha: NDArray[np.float32], background: NDArray[np.uint8] | Colour
) -> NDArray[np.uint8]:
    """alpha · img + (1 - alpha) · background on the stored values, over a colour or a picture of the same size."""
    behind = np.asarray(background, np.float32)
    if behind.shape not in ((3,), img.shape):
        raise InvalidInput(f"background: expected a colour or a picture {list(img.shape)}, got {list(behind.shape)}")
    blend = behind + alpha[:, :, None] * (img.astype(np.float32) - behind)
    return np.clip(np.rint(blend), 0, 255).astype(np.uint8)


def cover(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """`picture` scaled, without distortion, until it covers (height, width), and cropped around its centre."""
    height, width = size
    scale = max(height / picture.shape[0], width / picture.shape[1])
    scaled_height = max(height, round(picture.shape[0] * scale))
    scaled_width = max(width, round(picture.shape[1] * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, (scaled_width, scaled_height), interpolation=interpolation)
    top, left = (scaled_height - height) // 2, (scaled_width - width) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width], np.uint8)
