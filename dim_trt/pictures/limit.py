"""How large a picture may be that is read from a file: a small file can hold more pixels than there is memory."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from typing import Any

import imagesize
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath

MAX_PIXELS = 2**28  # 16384x16384, what plans for the CPU take at once

_max_pixels = MAX_PIXELS


@contextlib.contextmanager
def limit_pixels(most: int) -> Iterator[None]:
    """While it lasts, reading a picture of more pixels raises InvalidInput, in every thread of the process."""
    global _max_pixels
    if most < 1:
        raise InvalidInput(f"max_pixels: expected a whole number from 1, got {most}")
    before, _max_pixels = _max_pixels, most
    try:
        yield
    finally:
        _max_pixels = before


def check_header(data: NDArray[Any], path: StrPath, argument: str) -> None:
    """Raise InvalidInput where the first bytes of a picture's file say that it is too large."""
    try:
        width, height = imagesize.get(io.BytesIO(data.tobytes()))
    except Exception:  # whatever a damaged or unknown header leads to; decoding it says what is wrong
        return
    if width > 0 and height > 0:  # else the format does not tell
        check_pixels(int(height), int(width), path, argument)


def check_pixels(height: int, width: int, path: StrPath, argument: str) -> None:
    if height * width > _max_pixels:
        raise InvalidInput(
            f"{argument}: {os.fspath(path)!r}: expected at most {_max_pixels} pixels (max_pixels), got "
            f"{height * width} ({width}x{height}); scale the picture down or allow more with --max-pixels"
        )
