"""What alpha is for: cutouts and new backgrounds.

Colors are [height, width, 3] BGR: uint8 gives results of 8 bits, float32 in 0..1 results of 16. To leave the old
background behind they should be those of `dim_trt.foreground.estimate`, not the picture's own. Everything is mixed on
the values as they are stored (display-encoded), which is how mattes are defined and estimated in this field; programs
that mix in linear light show a slightly different edge.
"""

from __future__ import annotations

import re
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2
from dim_trt.pictures import profiles
from dim_trt.pictures.picture import Levels, Picture, as_image, quantize_alpha, to_8_bits

Color: TypeAlias = tuple[int, int, int]  # blue, green, red
Colors: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]
Background: TypeAlias = NDArray[np.uint8] | Color

WHITE = "#ffffff"
CHECKERBOARD = "checkerboard"
CHECKS = (255, 204)  # light and dark squares, as editors draw "transparent"


def parse_color(text: str, argument: str = "background") -> Color:
    """'#rrggbb' -> (blue, green, red)."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise InvalidInput(f"{argument}: expected a color '#rrggbb', got {text!r}")
    red, green, blue = bytes.fromhex(text[1:])
    return blue, green, red


def cutout(colors: Colors, alpha: NDArray[np.float32]) -> Levels:
    """[height, width, 4] BGRA: the colors as they are, with straight (not premultiplied) alpha."""
    if _check(colors, alpha) == 8:
        return cast(Levels, cv2.merge((colors, quantize_alpha(alpha, 8))))
    return quantize_alpha(np.asarray(cv2.merge((colors, alpha)), np.float32), 16)


def premultiplied(colors: Colors, alpha: NDArray[np.float32]) -> Levels:
    """[height, width, 4] BGRA: colors times alpha, and alpha. No color exceeds its alpha."""
    depth = _check(colors, alpha)
    light = colors.astype(np.float32)
    if depth == 8:
        light *= np.float32(1 / 255)
    light *= _three(alpha)
    return cast(Levels, cv2.merge((quantize_alpha(light, depth), quantize_alpha(alpha, depth))))


def composite(colors: Colors, alpha: NDArray[np.float32], background: Background) -> Levels:
    """alpha · colors + (1 - alpha) · background, over a color or an 8-bit picture of the same size."""
    depth = _check(colors, alpha)
    behind = np.asarray(background, np.float32)
    if behind.shape not in ((3,), colors.shape):
        got = list(behind.shape)
        raise InvalidInput(f"background: expected a color or a picture {list(colors.shape)}, got {got}")
    if depth == 16:
        behind = behind / np.float32(255)
    height, width = alpha.shape  # whole rows at a time: NumPy is slow where the innermost side is three
    rows_behind = np.tile(behind, width) if behind.ndim == 1 else behind.reshape(height, -1)
    rows = colors.astype(np.float32).reshape(height, -1)
    rows -= rows_behind
    rows *= _three(alpha).reshape(height, -1)
    rows += rows_behind
    blend = rows.reshape(colors.shape)
    if depth == 16:
        return quantize_alpha(np.clip(blend, 0, 1, out=blend), depth)
    return np.clip(np.rint(blend, out=blend), 0, 255, out=blend).astype(np.uint8)


def behind(background: Color | Picture | None, size: tuple[int, int], icc_profile: bytes | None = None) -> Background:
    """The background of a picture of this (height, width), in the numbers of its color profile.

    `background`: a color in sRGB, a picture, which is scaled to cover, or None for a checkerboard.

    Raises:
        InvalidInput: the picture is of floats, or a profile cannot be used.
    """
    if isinstance(background, tuple):
        blue, green, red = profiles.convert(np.array([[background]], np.uint8), None, icc_profile)[0, 0].tolist()
        return blue, green, red
    if background is None:
        return profiles.convert(checkerboard(size), None, icc_profile)
    image = as_image(background)
    covering = cover(to_8_bits(image.pixels), size)
    return profiles.convert(covering, image.icc_profile, icc_profile)


def checkerboard(size: tuple[int, int], square_px: int = 16) -> NDArray[np.uint8]:
    """[height, width, 3]: gray squares that stand for transparency."""
    rows, columns = (np.arange(side) // square_px for side in size)
    light = (rows[:, None] + columns[None, :]) % 2 == 0
    return np.dstack([np.where(light, *CHECKS).astype(np.uint8)] * 3)


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


def _three(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """[height, width, 3]: the same for each color."""
    return np.asarray(cv2.merge((alpha, alpha, alpha)), np.float32)


def _check(colors: Colors, alpha: NDArray[np.float32]) -> int:
    """The depth of results, 8 or 16; raises InvalidInput for other types and shapes."""
    if colors.dtype not in (np.uint8, np.float32) or colors.ndim != 3 or colors.shape[2] != 3:
        got = f"{colors.dtype} {list(colors.shape)}"
        raise InvalidInput(f"colors: expected uint8, or float32 in 0..1, [height, width, 3], got {got}")
    if alpha.shape != colors.shape[:2]:
        size = list(colors.shape[:2])
        raise InvalidInput(f"alpha: expected the height and width of the colors, {size}, got {list(alpha.shape)}")
    return 8 if colors.dtype == np.uint8 else 16
