"""ICC profiles: what makes numbers of a picture colors. None stands for sRGB, as it does for files without one."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from dim_trt.errors import InvalidInput

RGB, GRAY, CMYK, LAB = b"RGB ", b"GRAY", b"CMYK", b"Lab "
SPACE = slice(16, 20)  # of the profile's header


def usable(profile: bytes | None, space: bytes) -> bytes | None:
    """The profile, if it is one of these colors."""
    return profile if profile is not None and len(profile) > 128 and profile[SPACE] == space else None


def convert(pixels: NDArray[Any], source: bytes | None, target: bytes | None) -> NDArray[Any]:
    """[height, width, 3] uint8 BGR in `target`'s numbers.

    Raises:
        InvalidInput: the pixels are of 16 bits, or a profile cannot be used.
    """
    if source == target:
        return pixels
    if pixels.dtype != np.uint8:
        raise InvalidInput("a picture of 16 bits is not converted to another color profile; keep its own, or save 8")
    return _transformed(Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1])), source, target)


def spread_gray(gray: NDArray[Any], profile: bytes | None) -> NDArray[Any]:
    """[height, width] -> [height, width, 3] sRGB of the same type."""
    if profile is not None:
        ramp = _transformed(Image.fromarray(np.arange(256, dtype=np.uint8)[None]), profile, None)[0, :, 1]
        if gray.dtype == np.uint8:
            gray = ramp[gray]
        else:
            levels = np.interp(np.arange(65536) / 257, np.arange(256), ramp.astype(np.float64) * 257)
            gray = np.rint(levels).astype(np.uint16)[gray]
    return np.repeat(gray[:, :, None], 3, axis=2)


def to_srgb(image: Image.Image, profile: bytes | None) -> NDArray[np.uint8]:
    """[height, width, 3] BGR of a picture of mode CMYK or LAB."""
    if profile is not None:
        return _transformed(image, profile, None)
    if image.mode == "LAB":
        return _apply(image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"))
    return np.asarray(image.convert("RGB"))[:, :, ::-1]


def _transformed(image: Image.Image, source: bytes | None, target: bytes | None) -> NDArray[np.uint8]:
    try:
        return _apply(image, _opened(source), _opened(target))
    except (ImageCms.PyCMSError, OSError, ValueError) as failure:
        raise InvalidInput(f"its color profile cannot be used: {failure}; save the picture with another") from failure


def _apply(image: Image.Image, source: Any, target: Any) -> NDArray[np.uint8]:
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    converted = ImageCms.profileToProfile(image, source, target, intent, "RGB", flags=flags)
    assert converted is not None  # it is not in place
    return np.ascontiguousarray(np.asarray(converted)[:, :, ::-1])


def _opened(profile: bytes | None) -> Any:
    return ImageCms.createProfile("sRGB") if profile is None else ImageCms.ImageCmsProfile(io.BytesIO(profile))
