"""What Pillow reads of a file before its pixels: format, size, orientation, color profile."""

from __future__ import annotations

import contextlib
import io
import re
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from PIL import (  # each registers its format
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    QoiImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from dim_trt.errors import InvalidInput
from dim_trt.pictures import png

PLUGINS = (
    PngImagePlugin.PngImageFile,
    JpegImagePlugin.JpegImageFile,
    WebPImagePlugin.WebPImageFile,
    TiffImagePlugin.TiffImageFile,
    AvifImagePlugin.AvifImageFile,
    GifImagePlugin.GifImageFile,
    BmpImagePlugin.BmpImageFile,
    Jpeg2KImagePlugin.Jpeg2KImageFile,
    PpmImagePlugin.PpmImageFile,
    QoiImagePlugin.QoiImageFile,
    TgaImagePlugin.TgaImageFile,  # last: it has no signature
)
JPEG = ("JPEG", MpoImagePlugin.MpoImageFile.format)
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
WIDTH, HEIGHT, ORIENTATION, ICC_PROFILE = 256, 257, 274, 34675  # TIFF's and EXIF's tags
# Pillow's warnings that mean that something is lost; it also warns of what is only unusual.
LOSS = re.compile("corrupt|truncated|malformed", re.IGNORECASE)


@dataclass(frozen=True)
class Header:
    """format: Pillow's name, "" where Pillow does not know it. image: its pixels are not loaded yet. tags: TIFF's.
    complaints: why the file is damaged."""

    format: str = ""
    size: tuple[int, int] | None = None  # (height, width), as stored
    orientation: int = 1
    icc_profile: bytes | None = None
    image: Image.Image | None = None
    tags: Mapping[int, Any] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()


def read_header(data: bytes) -> Header:
    """Never fails: what cannot be read here is left to the decoder.

    Raises:
        InvalidInput: it is HEIC, and pillow-heif is not installed.
    """
    with listening() as said:
        tags = _tiff_tags(data) if data[:4] in TIFF_SIGNATURES else {}
        image = _opened(data)
        orientation = tags.get(ORIENTATION) or (_orientation(image, data) if image else 1)
    complaints = tuple(message for message in dict.fromkeys(said) if LOSS.search(message))
    if data.startswith(png.SIGNATURE) and (damage := png.damage(data)):
        complaints += (damage,)
    if image is None and data.startswith(png.SIGNATURE):
        return Header("PNG", png.size(data), complaints=complaints)
    if image is None:
        size = (tags[HEIGHT], tags[WIDTH]) if {HEIGHT, WIDTH} <= set(tags) else None
        return Header("TIFF" if tags else "", size, orientation, tags.get(ICC_PROFILE), None, tags, complaints)
    name = "JPEG" if image.format in JPEG else str(image.format)
    profile = image.info.get("icc_profile") or tags.get(ICC_PROFILE) or None
    return Header(name, (image.height, image.width), orientation, profile, image, tags, complaints)


@contextlib.contextmanager
def listening() -> Iterator[list[str]]:
    """What Pillow warns of in the block, instead of the warnings. One block at a time, as Python has it."""
    said: list[str] = []
    with _one_listens, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield said
        said += [str(warning.message).strip() for warning in caught]


_one_listens = threading.Lock()


def _opened(data: bytes) -> Image.Image | None:
    """As Image.open, which has a limit of its own for pixels, one for the whole process."""
    for plugin in PLUGINS:
        factory, accept = Image.OPEN[str(plugin.format)]
        try:
            if accept is None or accept(data[:16]):
                return factory(io.BytesIO(data), "")
        except Exception:  # whatever a damaged header leads to; a decoder will say what is wrong
            continue
    return _opened_heif(data) if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS else None


def _opened_heif(data: bytes) -> Image.Image | None:
    try:
        pillow_heif: Any = import_module("pillow_heif")
    except ImportError as failure:
        raise InvalidInput("HEIC needs pillow-heif, which is not installed: pip install pillow-heif") from failure
    try:
        image: Image.Image = pillow_heif.HeifImageFile(io.BytesIO(data))  # upright already
    except Exception:
        return None
    return image


def _orientation(image: Image.Image, data: bytes) -> int:
    if image.format == "PNG" and (exif := png.exif(data)):
        image.info["exif"] = exif
    try:
        found = Image.Image.getexif(image).get(ORIENTATION, 1)  # that of PNG reads all pixels to look behind them
    except Exception:  # of damaged EXIF data
        return 1
    return found if isinstance(found, int) else 1


def _tiff_tags(data: bytes) -> dict[int, Any]:
    """Those of the first picture; Pillow itself opens no TIFF of, for example, floats in three channels."""
    stream = io.BytesIO(data)
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(data[:16] if data[2:3] in b"+" else data[:8])
        stream.seek(directory.next)
        directory.load(stream)
        return dict(directory)
    except Exception:
        return {}
