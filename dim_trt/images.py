"""Pictures from and to files. Arrays are [height, width, channels] in OpenCV's channel order (BGR)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath, write_atomic

Levels = NDArray[np.uint8] | NDArray[np.uint16]

ALPHA_SUFFIXES = (".png", ".tif", ".tiff", ".webp")  # formats that hold a fourth channel
DEEP_SUFFIXES = (".png", ".tif", ".tiff")  # formats that hold 16 bits


def read_image(path: StrPath, argument: str = "image") -> NDArray[np.uint8]:
    """[height, width, 3] uint8 BGR, turned as EXIF says; grayscale is spread, 16 bits become 8, alpha is left out."""
    return np.asarray(_decode(path, cv2.IMREAD_COLOR, argument), np.uint8)


def read_trimap(path: StrPath, argument: str = "trimap") -> NDArray[np.uint8]:
    """[height, width] uint8: 0 background, 255 foreground, 128 unknown (every other value in the file)."""
    gray = _read_gray(path, argument)
    trimap = np.full(gray.shape, 128, np.uint8)
    trimap[gray == 0] = 0
    trimap[gray == np.iinfo(gray.dtype).max] = 255
    return trimap


def read_alpha(path: StrPath, argument: str = "alpha") -> NDArray[np.float32]:
    """[height, width] float32 in 0..1 from 8 or 16 bits."""
    gray = _read_gray(path, argument)
    return gray.astype(np.float32) / np.float32(np.iinfo(gray.dtype).max)


def quantize_alpha(alpha: NDArray[np.float32], depth: int) -> Levels:
    """Alpha in 0..1 -> 0..255 (depth 8) or 0..65535 (depth 16), rounded to the nearest."""
    levels: Levels = np.rint(alpha * np.float32(2**depth - 1)).astype(np.uint8 if depth == 8 else np.uint16)
    return levels


def check_format(path: StrPath, argument: str, *, channels: int = 3, depth: int = 8) -> None:
    """Raise InvalidInput unless the name's suffix is a format that holds such a picture; for checks before the work."""
    suffix = Path(path).suffix.lower()
    allowed = ALPHA_SUFFIXES if channels == 4 else DEEP_SUFFIXES if depth == 16 else None
    if allowed and suffix not in allowed:
        what = "an alpha channel" if channels == 4 else "16 bits"
        raise InvalidInput(
            f"{argument}: {os.fspath(path)!r}: expected a format with {what} ({', '.join(allowed)}), got {suffix!r}"
        )
    if not suffix or not cv2.haveImageWriter(f"x{suffix}"):
        raise InvalidInput(f"{argument}: {os.fspath(path)!r}: expected a picture's suffix such as .png, got {suffix!r}")


def write_image(path: StrPath, picture: Levels, argument: str = "output") -> None:
    """Write a gray, BGR or BGRA picture of 8 or 16 bits; the file appears whole or not at all."""
    channels = picture.shape[2] if picture.ndim == 3 else 1
    check_format(path, argument, channels=channels, depth=picture.dtype.itemsize * 8)
    ok, data = cv2.imencode(Path(path).suffix, picture)
    if not ok:
        raise InvalidInput(f"{argument}: {os.fspath(path)!r}: OpenCV cannot write this picture in this format")
    write_atomic(path, [data.tobytes()], what="picture")


def _read_gray(path: StrPath, argument: str) -> Levels:
    """[height, width]; a picture with three equal channels counts as gray."""
    picture = _decode(path, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH, argument)
    if picture.dtype not in (np.uint8, np.uint16):
        raise InvalidInput(f"{argument}: {os.fspath(path)!r}: expected 8 or 16 bits, got {picture.dtype}")
    if picture.ndim == 3:
        if (picture != picture[:, :, :1]).any():
            raise InvalidInput(f"{argument}: {os.fspath(path)!r}: expected a grayscale picture, got colours")
        picture = picture[:, :, 0]
    return np.ascontiguousarray(picture)


def _decode(path: StrPath, flags: int, argument: str) -> NDArray[Any]:
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as failure:
        reason = failure.strerror or failure
        raise InvalidInput(f"{argument}: cannot read {os.fspath(path)!r}: {reason}") from failure
    try:
        picture = cv2.imdecode(data, flags) if data.size else None
    except cv2.error as failure:  # for example more pixels than OPENCV_IO_MAX_IMAGE_PIXELS
        raise InvalidInput(f"{argument}: cannot decode {os.fspath(path)!r}: {failure.err}") from failure
    if picture is None:
        raise InvalidInput(f"{argument}: {os.fspath(path)!r} is not a picture that OpenCV can decode, or is damaged")
    return picture
