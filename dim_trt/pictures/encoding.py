"""A picture to the bytes of a file, with its color profile where the format holds one."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from dim_trt import opencv
from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath
from dim_trt.opencv import cv2
from dim_trt.pictures import png, profiles
from dim_trt.pictures.picture import Levels

ALPHA_SUFFIXES = (".png", ".tif", ".tiff", ".webp", ".exr")  # formats that hold a fourth channel
DEEP_SUFFIXES = (".png", ".tif", ".tiff", ".exr")  # formats that hold 16 bits
JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
TIFF_SUFFIXES = (".tif", ".tiff")
PROFILE_SUFFIXES = (".png", *TIFF_SUFFIXES, ".webp", *JPEG_SUFFIXES)  # formats that hold a color profile
JPEG_QUALITY = 95
WEBP_EFFORT = {"quality": 70, "method": 4}  # without loss these say how long to look for fewer bytes
FAST = 1  # of zlib: photographs hardly shrink by more


def encode(levels: Levels, suffix: str, icc_profile: bytes | None = None) -> bytes:
    """The file of a picture.

    Args:
        levels: [height, width] gray, [height, width, 3] BGR or [height, width, 4] BGRA with straight alpha; uint8 or
            uint16. EXR gets the same display-encoded values as float32 in 0..1; WebP is written without loss.
        suffix: of the format, ".png" for example.
        icc_profile: of the colors; a format that holds none gets them in sRGB. None is sRGB.

    Raises:
        InvalidInput: the format does not hold such a picture, or is not one that can be written here.
    """
    suffix = suffix.lower()
    channels = levels.shape[2] if levels.ndim == 3 else 1
    check_suffix(suffix, channels=channels, depth=levels.dtype.itemsize * 8)
    profile = icc_profile if channels > 1 else None
    if profile is not None and suffix not in PROFILE_SUFFIXES:
        levels, profile = _in_srgb(levels, profile), None
    if suffix in TIFF_SUFFIXES:
        return _tiff(levels, profile)
    if suffix in JPEG_SUFFIXES:
        return _by_pillow(levels, "JPEG", profile, quality=JPEG_QUALITY)
    if suffix == ".webp":
        return _by_pillow(levels, "WEBP", profile, lossless=True, exact=True, **WEBP_EFFORT)
    data = _by_opencv(levels / np.float32(np.iinfo(levels.dtype).max) if suffix == ".exr" else levels, suffix)
    return png.with_profile(data, profile) if profile is not None else data


def check_suffix(suffix: str, *, channels: int = 3, depth: int = 8) -> None:
    """Raise InvalidInput unless the suffix is of a format that holds such a picture, and that can be written here."""
    suffix = suffix.lower()
    for needed, allowed, what in (
        (channels == 4, ALPHA_SUFFIXES, "an alpha channel"),
        (depth == 16, DEEP_SUFFIXES, "16 bits"),
    ):
        if needed and suffix not in allowed:
            raise InvalidInput(f"expected a format with {what} ({', '.join(allowed)}), got {suffix!r}")
    if suffix == ".exr" and not can_write(suffix):
        raise InvalidInput(
            "this OpenCV cannot write EXR: it was built without OpenEXR, or wants OPENCV_IO_ENABLE_OPENEXR=1 in the "
            "environment; 16-bit .tif holds as much"
        )
    if not can_write(suffix):
        raise InvalidInput(f"expected a picture's suffix such as .png, got {suffix!r}")


def can_write(suffix: str) -> bool:
    """Whether files with this suffix, ".png" for example, are written here."""
    if suffix in PROFILE_SUFFIXES:
        return True
    try:
        return bool(suffix) and bool(cv2.haveImageWriter(f"x{suffix}"))
    except cv2.error:  # of OpenCV 4, for EXR that is switched off
        return False


def suffix_of(path: StrPath) -> str:
    return Path(path).suffix.lower()


def _in_srgb(levels: Levels, profile: bytes) -> Levels:
    converted = levels.copy()
    converted[:, :, :3] = profiles.convert(levels[:, :, :3], profile, None)
    return converted


def _by_opencv(levels: NDArray[Any], suffix: str) -> bytes:
    with opencv.silent():
        try:
            ok, data = cv2.imencode(suffix, levels)
        except cv2.error as failure:
            raise InvalidInput(f"OpenCV cannot write this picture in this format: {failure.err}") from failure
    if not ok:
        raise InvalidInput("OpenCV cannot write this picture in this format")
    return data.tobytes()


def _by_pillow(levels: Levels, name: str, profile: bytes | None, **options: Any) -> bytes:
    stream = io.BytesIO()
    try:
        Image.fromarray(_rgb(levels)).save(stream, name, icc_profile=profile, **options)
    except (OSError, ValueError) as failure:  # more pixels on a side than the format has
        raise InvalidInput(f"{name} cannot hold this picture of {levels.shape[1]}x{levels.shape[0]} px") from failure
    return stream.getvalue()


def _tiff(levels: Levels, profile: bytes | None) -> bytes:
    """One strip, deflated, rows as differences. Pillow writes no RGB of 16 bits, OpenCV neither profile nor what the
    fourth channel is."""
    height, width = levels.shape[:2]
    channels = levels.shape[2] if levels.ndim == 3 else 1
    rows = _rgb(levels).reshape(height, width, channels)
    differences = np.concatenate([rows[:, :1], np.diff(rows, axis=1)], axis=1)
    strip = zlib.compress(differences.astype(levels.dtype.newbyteorder("<"), copy=False).tobytes(), FAST)
    tags = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    tags[256], tags[257], tags[278] = width, height, height  # all rows in one strip
    tags[258], tags[277] = (levels.dtype.itemsize * 8,) * channels, channels
    tags[259], tags[317] = 8, 2  # deflated differences
    tags[262] = 2 if channels > 1 else 1  # RGB, or gray with black as 0
    tags[273], tags[279] = 0, len(strip)  # where it begins, counted from the end of these tags
    tags[282] = tags[283] = 72
    tags[284] = 1
    if channels == 4:
        tags[338] = 2  # straight alpha
    if profile is not None:
        tags.tagtype[34675] = 7
        tags[34675] = profile
    stream = io.BytesIO()
    tags.save(stream)
    stream.write(strip)
    return stream.getvalue()


def _rgb(levels: Levels) -> Levels:
    if levels.ndim == 2:
        return cast(Levels, np.ascontiguousarray(levels))
    code = cv2.COLOR_BGRA2RGBA if levels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return cast(Levels, cv2.cvtColor(np.ascontiguousarray(levels), code))
