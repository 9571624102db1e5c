"""Pictures from and to files. Arrays are [height, width, channels] in OpenCV's channel order (BGR)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath, write_atomic, write_together
from dim_trt.opencv import cv2
from dim_trt.pictures.limit import check_header, check_pixels

Levels = NDArray[np.uint8] | NDArray[np.uint16]

ALPHA_SUFFIXES = (".png", ".tif", ".tiff", ".webp", ".exr")  # formats that hold a fourth channel
DEEP_SUFFIXES = (".png", ".tif", ".tiff", ".exr")  # formats that hold 16 bits


def read_image(path: StrPath, argument: str = "image") -> NDArray[np.uint8]:
    """[height, width, 3] uint8 BGR, turned as EXIF says; grayscale is spread, 16 bits become 8, alpha is left out."""
    return np.asarray(_decode(path, cv2.IMREAD_COLOR, argument), np.uint8)


def read_deep_image(path: StrPath, argument: str = "image") -> NDArray[np.float32]:
    """As `read_image`, but [height, width, 3] float32 in 0..1 with all that 16 bits hold."""
    picture = _decode(path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH, argument)
    _require_levels(picture, path, argument)
    return picture.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max)


def read_unchanged(path: StrPath, argument: str) -> NDArray[Any]:
    """The array that the file holds: [height, width] or [height, width, channels] of any type."""
    return _decode(path, cv2.IMREAD_UNCHANGED, argument)


def quantize_alpha(alpha: NDArray[np.float32], depth: int) -> Levels:
    """Alpha in 0..1 -> 0..255 (depth 8) or 0..65535 (depth 16), rounded to the nearest."""
    levels: Levels = np.rint(alpha * np.float32(2**depth - 1)).astype(np.uint8 if depth == 8 else np.uint16)
    return levels


def check_format(path: StrPath, argument: str, *, channels: int = 3, depth: int = 8) -> None:
    """Raise InvalidInput unless the name's suffix is a format that holds such a picture; for checks before the work."""
    suffix = Path(path).suffix.lower()
    for needed, allowed, what in (
        (channels == 4, ALPHA_SUFFIXES, "an alpha channel"),
        (depth == 16, DEEP_SUFFIXES, "16 bits"),
    ):
        if needed and suffix not in allowed:
            formats = ", ".join(allowed)
            raise InvalidInput(
                f"{argument}: {os.fspath(path)!r}: expected a format with {what} ({formats}), got {suffix!r}"
            )
    if suffix == ".exr" and not can_write(suffix):
        raise InvalidInput(
            f"{argument}: {os.fspath(path)!r}: this OpenCV cannot write EXR: it was built without OpenEXR, or wants "
            "OPENCV_IO_ENABLE_OPENEXR=1 in the environment; 16-bit .tif holds as much"
        )
    if not suffix or not can_write(suffix):
        raise InvalidInput(f"{argument}: {os.fspath(path)!r}: expected a picture's suffix such as .png, got {suffix!r}")


def can_write(suffix: str) -> bool:
    """Whether this OpenCV writes files with this suffix, ".png" for example."""
    try:
        return bool(cv2.haveImageWriter(f"x{suffix}"))
    except cv2.error:  # of OpenCV 4, for EXR that is switched off
        return False


def write_image(path: StrPath, picture: Levels, argument: str = "output") -> None:
    """Write a gray, BGR or BGRA picture of 8 or 16 bits; the file appears whole or not at all.

    EXR gets the same display-encoded values as float32 in 0..1; WebP is written without loss.
    """
    write_atomic(path, [encoded(path, picture, argument)], what="picture")


def write_images(pictures: Mapping[Path, Levels]) -> None:
    """As `write_image` for pictures that belong together: all appear, or none."""
    write_together({path: [encoded(path, picture)] for path, picture in pictures.items()}, what="picture")


def encoded(path: StrPath, picture: Levels, argument: str = "output") -> bytes:
    """What `write_image` writes."""
    channels = picture.shape[2] if picture.ndim == 3 else 1
    check_format(path, argument, channels=channels, depth=picture.dtype.itemsize * 8)
    suffix = Path(path).suffix.lower()
    stored = picture / np.float32(np.iinfo(picture.dtype).max) if suffix == ".exr" else picture
    ok, data = cv2.imencode(suffix, stored)  # WebP without loss
    if not ok:
        raise InvalidInput(f"{argument}: {os.fspath(path)!r}: OpenCV cannot write this picture in this format")
    return data.tobytes()


def _require_levels(picture: NDArray[Any], path: StrPath, argument: str) -> None:
    if picture.dtype not in (np.uint8, np.uint16):
        raise InvalidInput(f"{argument}: {os.fspath(path)!r}: expected 8 or 16 bits, got {picture.dtype}")


def _decode(path: StrPath, flags: int, argument: str) -> NDArray[Any]:
    try:
        data = np.fromfile(path, np.uint8)
    except (OSError, ValueError) as failure:  # ValueError: a NUL in the name
        reason = getattr(failure, "strerror", None) or failure
        raise InvalidInput(f"{argument}: cannot read {os.fspath(path)!r}: {reason}") from failure
    check_header(data, path, argument)
    try:
        picture = cv2.imdecode(data, flags) if data.size else None
    except cv2.error as failure:  # for example more pixels than OPENCV_IO_MAX_IMAGE_PIXELS
        raise InvalidInput(f"{argument}: cannot decode {os.fspath(path)!r}: {failure.err}") from failure
    if picture is None:
        raise InvalidInput(f"{argument}: {os.fspath(path)!r} is not a picture that OpenCV can decode, or is damaged")
    check_pixels(picture.shape[0], picture.shape[1], path, argument)  # its header may not have told
    return picture
