"""Types of command line arguments: what argparse makes of a word, or why not."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from pathlib import Path

from dim_trt.errors import InvalidInput
from dim_trt.files import is_address
from dim_trt.pictures.composite import parse_color

SIZE_FORMAT = "WIDTHxHEIGHT"
MOST_THREADS = 1024
# The sixteen colors that HTML has had names for since its beginning.
NAMED_COLORS = {
    "black": "#000000", "silver": "#c0c0c0", "gray": "#808080", "white": "#ffffff", "maroon": "#800000",
    "red": "#ff0000", "purple": "#800080", "fuchsia": "#ff00ff", "green": "#008000", "lime": "#00ff00",
    "olive": "#808000", "yellow": "#ffff00", "navy": "#000080", "blue": "#0000ff", "teal": "#008080", "aqua": "#00ffff",
}  # fmt: skip


def file_name(text: str) -> str:
    """As it is, so that a folder's slash at the end is seen."""
    if not text:
        raise ArgumentTypeError("expected a name, got ''")
    return text


def file_path(text: str) -> Path:
    return Path(file_name(text))


def place(text: str) -> Path | str:
    """A path; or an address, such as s3://bucket/folder, as it is."""
    return file_name(text) if is_address(text) else Path(file_name(text))


def thread_count(text: str) -> int:
    return whole_number(text, 1, MOST_THREADS)


def megabytes(text: str) -> int:
    return whole_number(text, 0, 2**31 - 1)


def parse_size(text: str) -> tuple[int, int]:
    """ "1920x1080", width first as cameras, screens and FFmpeg write it, as (height, width)."""
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if not match:
        raise ArgumentTypeError(f"expected {SIZE_FORMAT} such as 1920x1080, got {text!r}")
    return int(match[2]), int(match[1])


def background(text: str) -> str:
    """A color as '#rrggbb', else the text: a file's name or 'checkerboard'."""
    if text.lower() == "transparent":
        raise ArgumentTypeError("a composite has no transparency; --cutout writes the foreground without background")
    if text.lower() in NAMED_COLORS and Path(text).exists():
        return text
    try:
        return color(text) or file_name(text)
    except InvalidInput as failure:
        raise ArgumentTypeError(str(failure).removeprefix("background: ")) from failure


def color(text: str, argument: str = "background") -> str | None:
    """'#rrggbb' of a color: written so, as '#rgb', or one that has a name; None for other text.

    Raises:
        InvalidInput: it begins with # and is no color.
    """
    if re.fullmatch(r"#[0-9a-fA-F]{3}", text):
        text = "#" + "".join(2 * digit for digit in text[1:])
    if text.startswith("#"):
        parse_color(text, argument)
        return text
    return NAMED_COLORS.get(text.lower())


def whole_number(text: str, least: int, most: int) -> int:
    """Raises ArgumentTypeError for other text."""
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise ArgumentTypeError(f"expected a whole number from {least} to {most}, got {text!r}")
    return number
