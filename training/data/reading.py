"""Picture files for training: colors and alpha as arrays, and what a look at a file's beginning and end tells of it."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from training.data.samples import DataError

ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
Alpha = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]
SLACK = 1e-3  # of floats, which were computed
LOWEST, HIGHEST = 2, 253  # of 8 bits: JPEG and resizing leave such levels where alpha was 0 and 1
TAIL = 64  # bytes at a file's end that hold its last mark
READERS = 16  # at a time: a disk of a network takes its time for each
Image.MAX_IMAGE_PIXELS = None  # nothing is decoded by it but what may be truncated; OpenCV has its own limit


class UnreadableError(DataError):
    """One file that cannot be used. args: the file, and why."""

    def __init__(self, path: Path, reason: str):
        super().__init__(path, reason)
        self.path = path

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.args[1]}"


class Header(NamedTuple):
    """Size in pixels; transparent: whether there is an alpha channel."""

    height: int
    width: int
    transparent: bool


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".")


def ends_well(tail: bytes, suffix: str) -> bool:
    """Whether the last bytes of a file are the last of a PNG or JPEG; other formats notice it when they are opened."""
    if suffix == ".png":
        return b"IEND" in tail
    return suffix not in (".jpg", ".jpeg") or tail.rstrip(b"\0").endswith(b"\xff\xd9")


def read_header(path: Path) -> Header:
    """Without decoding, unless the file's end looks wrong. Raises UnreadableError: missing, truncated or no picture."""
    try:
        with path.open("rb") as stream, Image.open(stream) as picture:
            header = Header(picture.height, picture.width, picture.has_transparency_data)
            stream.seek(max(0, path.stat().st_size - TAIL))
            if not ends_well(stream.read(), path.suffix.lower()):  # something may follow it
                stream.seek(0)
                picture.load()
            return header
    except UnidentifiedImageError:  # 16 bits or floats in three channels, which OpenCV reads
        values = decode(path)
        return Header(values.shape[0], values.shape[1], values.ndim == 3 and values.shape[2] == 4)
    except (OSError, SyntaxError, ValueError) as error:
        raise UnreadableError(path, f"missing, truncated or no picture ({error})") from error


def read_headers(paths: Iterable[Path]) -> tuple[dict[Path, Header], list[UnreadableError]]:
    """Of many files, several at a time, behind a progress bar; and what is wrong with those that have none."""

    def attempt(path: Path) -> Header | UnreadableError:
        try:
            return read_header(path)
        except UnreadableError as error:
            return error

    files, pool = list(dict.fromkeys(paths)), ThreadPoolExecutor(READERS)
    try:
        bar = tqdm(pool.map(attempt, files), "pictures", len(files), unit="file", disable=None, leave=False)
        found = list(bar)
    finally:
        pool.shutdown(cancel_futures=True)
    headers = {path: one for path, one in zip(files, found, strict=True) if isinstance(one, Header)}
    return headers, [one for one in found if isinstance(one, UnreadableError)]


def decode(path: Path) -> NDArray[Any]:
    """[H, W] or [H, W, C] in OpenCV's order, of the type that the file holds, and as it is stored: a camera's rotation
    mark would part a color from its alpha. Raises UnreadableError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableError(path, f"missing or unreadable ({error.strerror})") from error
    values = None
    if ends_well(data[-TAIL:], path.suffix.lower()) or is_whole(path):  # OpenCV would make up what a JPEG lacks
        try:
            values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
        except cv2.error:
            values = None
    if values is None:
        raise UnreadableError(path, "truncated, or no picture that OpenCV reads")
    return np.asarray(values)


def is_whole(path: Path) -> bool:
    """Whether all of it can be decoded."""
    try:
        with Image.open(path) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def color_of(values: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    """RGB [H, W, 3] of what `decode` gave for `path`; 16 bits become 8, floats are 0..1."""
    color = values if values.ndim == 3 else values[..., None]
    color = color[..., 2::-1] if color.shape[2] >= 3 else color[..., :1].repeat(3, 2)
    if color.dtype == np.uint16:
        color = color >> 8
    elif np.issubdtype(color.dtype, np.floating):
        color = np.clip(np.nan_to_num(color), 0, 1) * 255 + 0.5
    elif color.dtype != np.uint8:
        raise UnreadableError(path, f"expected 8 or 16 bits or floats, got {color.dtype}")
    return np.ascontiguousarray(color, np.uint8)


def alpha_of(values: NDArray[Any], path: Path) -> Alpha:
    """[H, W] of what `decode` gave for `path`: 8 or 16 bits, or floats in 0..1.

    Of a transparent picture its alpha channel, unless that is opaque everywhere; of others their gray, or first color.
    Whole numbers up to 1 are 0 and 1, not 0 and 1/255. Of 8 bits up to LOWEST is 0, from HIGHEST on 255.
    """
    channels = values if values.ndim == 3 else values[..., None]
    transparent = channels.shape[2] == 4 and channels[..., 3].min() != channels[..., 3].max()
    alpha = channels[..., 3 if transparent else 0]
    lowest, highest = alpha.min(), alpha.max()
    if np.issubdtype(alpha.dtype, np.floating):
        if not (lowest >= -SLACK and highest <= 1 + SLACK):  # so for NaN
            raise UnreadableError(path, f"alpha: expected floats in 0..1, got {lowest:g} to {highest:g}")
        alpha = np.clip(alpha, 0, 1).astype(np.float32)
    elif alpha.dtype not in (np.uint8, np.uint16):
        raise UnreadableError(path, f"alpha: expected 8 or 16 bits or floats, got {alpha.dtype}")
    elif highest == 1:
        alpha = alpha.astype(np.uint8) * np.uint8(255)
    if alpha.dtype == np.uint8:
        alpha = np.where(alpha <= LOWEST, 0, np.where(alpha >= HIGHEST, 255, alpha)).astype(np.uint8)
    if alpha.min() == alpha.max():
        raise UnreadableError(path, f"alpha is {lowest:g} everywhere; nothing to learn from it")
    return np.ascontiguousarray(alpha)


def opaque(alpha: Alpha) -> float:
    """What stands for alpha 1 in an array of this type."""
    return {1: 255.0, 2: 65535.0, 4: 1.0}[alpha.itemsize]
