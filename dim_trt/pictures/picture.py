"""A picture in memory, as its file holds it, and what an engine takes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dim_trt import foreground
from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2
from dim_trt.pictures import profiles

Levels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]

TURNS = {  # what makes upright
    5: "by 90 degrees clockwise and mirror it",
    6: "by 90 degrees clockwise",
    7: "by 90 degrees counterclockwise and mirror it",
    8: "by 90 degrees counterclockwise",
}
FLIPS = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}  # of OpenCV, after transposing for 5 to 8


@dataclass(frozen=True)
class Picture:
    """What `decode` gives, upright.

    pixels: [height, width] gray or [height, width, 3] BGR; uint8, uint16, or float32 as stored.
    opacity: [height, width] of the same type, the picture's own transparency; None where every pixel is opaque.
    icc_profile: of the colors; None is sRGB.
    orientation: EXIF's, 1 to 8, which was undone; 1 is upright as stored.
    indices: [height, width] uint8 of a picture with a palette, beside its colors.
    damage: what the decoder said of a damaged file that was accepted.
    """

    pixels: NDArray[Any]
    opacity: NDArray[Any] | None = None
    icc_profile: bytes | None = None
    orientation: int = 1
    indices: NDArray[np.uint8] | None = None
    damage: str | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def stored(self) -> NDArray[Any]:
        """All channels in one array: [height, width], [height, width, 3] BGR or [height, width, 4] BGRA of any type."""
        if self.opacity is None:
            return self.pixels
        colors = np.repeat(self.pixels[:, :, None], 3, axis=2) if self.pixels.ndim == 2 else self.pixels
        return np.dstack([colors, self.opacity])

    def turned(self, orientation: int) -> Picture:
        """Upright, if it is stored as this EXIF orientation says."""
        if orientation not in range(2, 9):
            return self
        parts: dict[str, Any] = {
            name: upright(getattr(self, name), orientation) for name in ("pixels", "opacity", "indices")
        }
        return replace(self, orientation=orientation, **parts)


def upright(array: NDArray[Any] | None, orientation: int) -> NDArray[Any] | None:
    if array is None or orientation == 1:
        return array
    turned = cv2.transpose(array) if orientation > 4 else array
    return np.asarray(cv2.flip(turned, FLIPS[orientation]) if orientation in FLIPS else turned)


def turn_advice(size: tuple[int, ...], expected: tuple[int, ...], orientation: int = 1) -> str | None:
    """What to do about a trimap of this (height, width) that fits its picture only turned; None where it does not.

    `orientation`: EXIF's, of the picture, which was undone.
    """
    if size == expected or size != expected[::-1]:
        return None
    if orientation in TURNS:
        return (
            f"it fits the picture as it is stored, not as its EXIF orientation, {orientation}, shows it; turn it "
            f"{TURNS[orientation]}, do not scale it"
        )
    return "it fits when turned by 90 degrees: one of the two has lost its orientation; turn it, do not scale it"


def as_image(picture: Picture, *, srgb: bool = False) -> Picture:
    """The picture with pixels [height, width, 3] BGR, uint8 or uint16, as engines and `render` take it.

    Gray is spread, by its profile if it has one. Colors that full transparency hides are replaced by those of what is
    visible nearby, so that they come back in no result. `srgb` converts from the picture's profile, to 8 bits.

    Raises:
        InvalidInput: the pixels are floats, or the profile cannot be used.
    """
    pixels, profile = picture.pixels, picture.icc_profile
    if pixels.dtype not in (np.uint8, np.uint16):
        raise InvalidInput(
            f"expected 8 or 16 bits, got {pixels.dtype}, of which nothing says what is white; save it with 16 bits"
        )
    if pixels.ndim == 2:
        pixels, profile = profiles.spread_gray(pixels, profile), None
    if srgb and profile is not None:
        pixels, profile = profiles.convert(to_8_bits(pixels), profile, None), None
    if picture.opacity is not None and not picture.opacity.all():
        pixels = _without_hidden(pixels, picture.opacity)
    return replace(picture, pixels=pixels, icc_profile=profile)


def quantize_alpha(alpha: NDArray[np.float32], depth: int) -> Levels:
    """Alpha in 0..1 -> 0..255 (depth 8) or 0..65535 (depth 16), rounded to the nearest."""
    scaled = np.asarray(alpha * np.float32(2**depth - 1))
    levels: Levels = np.rint(scaled, out=scaled).astype(np.uint8 if depth == 8 else np.uint16)
    return levels


def to_8_bits(levels: Levels) -> NDArray[np.uint8]:
    """16 bits rounded to the nearest of 8; 8 as they are."""
    if levels.dtype == np.uint8:
        return levels.view(np.uint8)
    return ((levels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def to_floats(levels: Levels) -> NDArray[np.float32]:
    """0..1."""
    return levels.astype(np.float32) / np.float32(np.iinfo(levels.dtype).max)


def _without_hidden(pixels: NDArray[Any], opacity: NDArray[Any]) -> NDArray[Any]:
    hidden = opacity == 0
    if hidden.all():
        return np.zeros_like(pixels)
    filled = pixels.copy()
    filled[hidden] = 0
    spread, _ = foreground.estimate(to_8_bits(filled), (~hidden).astype(np.float32))
    filled[hidden] = spread[hidden].astype(pixels.dtype) * (257 if pixels.dtype == np.uint16 else 1)
    return filled
