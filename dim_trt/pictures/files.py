"""Pictures from and to files: what `decode` and `encode` do with bytes, with errors that name the file."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath, read_whole, write_atomic
from dim_trt.pictures.composite import CHECKERBOARD, Color, parse_color
from dim_trt.pictures.decoding import decode
from dim_trt.pictures.encoding import check_suffix, encode, suffix_of
from dim_trt.pictures.limit import DEFAULT, Limits
from dim_trt.pictures.picture import Levels, Picture, as_image, to_8_bits

LOGGER = logging.getLogger("dim_trt")


@contextlib.contextmanager
def naming(path: StrPath, argument: str) -> Iterator[None]:
    """InvalidInput of the block names the argument and the file."""
    try:
        yield
    except InvalidInput as failure:
        raise InvalidInput(f"{argument}: {os.fspath(path)!r}: {failure}") from failure


def read_picture(path: StrPath, argument: str = "image", limits: Limits = DEFAULT) -> Picture:
    """What `decode` makes of the file; a damaged one that `limits` accept is a warning."""
    try:
        data = read_whole(path)
    except (OSError, ValueError) as failure:  # ValueError: a NUL in the name
        reason = getattr(failure, "strerror", None) or failure
        raise InvalidInput(f"{argument}: cannot read {os.fspath(path)!r}: {reason}") from failure
    with naming(path, argument):
        picture = decode(data, limits)
    if picture.damage:
        LOGGER.warning("%s: %r is damaged (%s)", argument, os.fspath(path), picture.damage)
    return picture


def read_image(path: StrPath, argument: str = "image", limits: Limits = DEFAULT) -> NDArray[np.uint8]:
    """[height, width, 3] uint8 BGR, upright; gray is spread, 16 bits become 8, transparency is left out."""
    picture = read_picture(path, argument, limits)
    with naming(path, argument):
        return to_8_bits(as_image(picture).pixels)


def read_unchanged(path: StrPath, argument: str, limits: Limits = DEFAULT) -> NDArray[Any]:
    """What the file holds, upright: [height, width], [height, width, 3] BGR or [height, width, 4] BGRA of any type."""
    return read_picture(path, argument, limits).stored()


def read_background(text: str, limits: Limits = DEFAULT) -> Color | Picture | None:
    """A color, a picture, or None for a checkerboard: what `behind` takes."""
    if text.startswith("#"):
        return parse_color(text)
    return None if text == CHECKERBOARD else read_picture(text, "background", limits)


def check_format(path: StrPath, argument: str, *, channels: int = 3, depth: int = 8) -> None:
    """Raise InvalidInput unless the name's suffix is a format that holds such a picture; for checks before the work."""
    with naming(path, argument):
        check_suffix(suffix_of(path), channels=channels, depth=depth)


def write_image(path: StrPath, picture: Levels, argument: str = "output", icc_profile: bytes | None = None) -> None:
    """Write what `encode` makes of the picture; the file appears whole or not at all."""
    with naming(path, argument):
        data = encode(picture, suffix_of(path), icc_profile)
    write_atomic(path, [data], what="picture")
