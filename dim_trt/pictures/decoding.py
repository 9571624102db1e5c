"""Bytes of a file to a picture: upright, with its color profile and its transparency, or one sentence why not.

Pillow reads the headers (`headers`) and most pixels of 8 bits. JPEG's pixels are read by libjpeg-turbo by way of
simplejpeg, which says what is damaged where Pillow is silent; PNG's, those of more bits and the formats that Pillow
does not know by OpenCV.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from dim_trt import opencv
from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2
from dim_trt.pictures import png, profiles
from dim_trt.pictures.headers import Header, listening, read_header
from dim_trt.pictures.limit import DEFAULT, Limits
from dim_trt.pictures.picture import Picture

Decoder: TypeAlias = Callable[[bytes, Header], Picture]

NOT_A_PICTURE = "not a picture that Pillow or OpenCV can decode, or damaged"
# What libjpeg mentions of files whose pixels are whole.
HARMLESS = re.compile("JFIF revision|Adobe color transform|Invalid SOS parameters")
TURNED = ("TIFF",)  # by Pillow and by OpenCV, whether asked to or not
BITS, PHOTOMETRIC, EXTRA_SAMPLES, SAMPLE_FORMAT = 258, 262, 338, 339  # TIFF's tags
GRAY_OR_RGB, ASSOCIATED, UNASSOCIATED, FLOATS = (1, 2), 1, 2, 3  # and values of theirs


def decode(data: bytes, limits: Limits = DEFAULT) -> Picture:
    """The picture that the bytes of a file hold; of several in one file the first.

    Args:
        data: the file, whole, in any format that Pillow or OpenCV reads.
        limits: what is refused.

    Returns:
        The picture as it is stored, but upright: 8 bits, 16 or floats, gray or BGR. CMYK and Lab become sRGB.

    Raises:
        InvalidInput: this is no picture, a damaged one, or one of too many pixels.
        BackendUnavailable: OpenCV is not installed.
    """
    opencv.require()
    header = read_header(data)
    if header.size:
        limits.check(*header.size)
    damage = "; ".join(header.complaints)
    if header.format == "JPEG":
        picture, complaint = _jpeg(data, header)
        damage = "; ".join(filter(None, (damage, complaint)))
        _refuse_damage(damage, limits)
    else:
        _refuse_damage(damage, limits)
        picture = DECODERS.get(header.format, _by_pillow)(data, header)
    limits.check(*picture.size)  # its header may not have told
    if header.format not in TURNED:
        picture = picture.turned(header.orientation)
    return replace(picture, orientation=header.orientation, damage=damage or None)


def _refuse_damage(damage: str, limits: Limits) -> None:
    if damage and not limits.accept_damaged:
        raise InvalidInput(f"the file is damaged ({damage}); --accept-damaged (accept_damaged) takes what can be read")


def _jpeg(data: bytes, header: Header) -> tuple[Picture, str | None]:
    """And what libjpeg says of damaged data."""
    assert header.image is not None
    order = {"L": "GRAY", "CMYK": "CMYK"}.get(header.image.mode, "BGR")
    complaint = None
    try:
        pixels = simplejpeg.decode_jpeg(data, order)
    except ValueError as failure:
        complaint = None if HARMLESS.search(str(failure)) else str(failure)
        try:
            pixels = simplejpeg.decode_jpeg(data, order, strict=False)
        except ValueError:  # of headers, which are less strict elsewhere
            return _by_pillow(data, header), complaint
    if order == "CMYK":
        image = Image.fromarray(255 - pixels, "CMYK")  # stored as Adobe has it, inverted
        return Picture(profiles.to_srgb(image, profiles.usable(header.icc_profile, profiles.CMYK))), complaint
    return _colored(pixels[:, :, 0] if order == "GRAY" else pixels, header), complaint


def _png(data: bytes, header: Header) -> Picture:
    if len(data) < png.HEADER_END:
        raise InvalidInput(NOT_A_PICTURE)
    depth, kind = png.depth_and_kind(data)
    if depth < 8 or kind == png.PALETTE:
        return _by_pillow(data, header)
    pixels = _by_opencv(png.pixels_only(data, is_damaged=bool(header.complaints)))
    if kind in png.WITH_ALPHA:
        opacity = pixels[:, :, 3]
        pixels = pixels[:, :, 0] if kind == png.GRAY_ALPHA else pixels[:, :, :3]
        return _colored(pixels, header, opacity)
    key = png.transparent_key(data)
    if key is not None and len(key) == (1 if pixels.ndim == 2 else 3):
        matches = pixels == np.array(key[::-1] if len(key) == 3 else key[0])
        is_key = matches.all(2) if pixels.ndim == 3 else matches
        return _colored(pixels, header, np.where(is_key, 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype))
    return _colored(pixels, header)


def _tiff(data: bytes, header: Header) -> Picture:
    """Pillow has the palettes and separations, OpenCV the floats and 16 bits; of 8 it multiplies colors by alpha."""
    bits = int(np.max(header.tags.get(BITS, 1)))
    is_float = FLOATS in np.atleast_1d(header.tags.get(SAMPLE_FORMAT, 1))
    if header.image is not None and (bits <= 8 or header.tags.get(PHOTOMETRIC) not in GRAY_OR_RGB):
        return _by_pillow(data, header)
    pixels = _by_opencv(data)
    if pixels.dtype != (np.float32 if is_float else np.uint16):
        raise InvalidInput(f"expected TIFF of 8 or 16 bits or floats, gray, RGB or RGBA, got {bits} bits otherwise")
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return _colored(pixels, header)
    extra = header.tags.get(EXTRA_SAMPLES, (UNASSOCIATED,))  # OpenCV itself writes alpha without a word
    colors, opacity = pixels[:, :, :3], pixels[:, :, 3]
    if ASSOCIATED in extra:
        return _colored(_straight(colors, opacity), header, opacity)
    return _colored(colors, header, opacity if UNASSOCIATED in extra else None)


def _netpbm(data: bytes, header: Header) -> Picture:
    is_deep = re.match(rb"P[56]\s(?:\s|#[^\n]*\n|\d+\s){2,}65535\s", data[:4096])
    return _colored(_by_opencv(data), header) if is_deep else _by_pillow(data, header)


def _jpeg_2000(data: bytes, header: Header) -> Picture:
    """By OpenCV, which keeps 16 bits; what it cannot, by Pillow."""
    try:
        return _channels(_by_opencv(data), header)
    except InvalidInput:
        return _by_pillow(data, header)


def _avif(data: bytes, header: Header) -> Picture:
    """Pillow says nothing of damage, OpenCV does."""
    if cv2.haveImageWriter("x.avif"):  # then it has readers, too; asking for these opens a file
        _by_opencv(data)
    return _by_pillow(data, header)


def _by_opencv(data: bytes) -> NDArray[Any]:
    with opencv.silent():
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
        except cv2.error as failure:  # for example more pixels than OPENCV_IO_MAX_IMAGE_PIXELS
            raise InvalidInput(f"{NOT_A_PICTURE}: {failure.err}") from failure
    if pixels is None:
        raise InvalidInput(NOT_A_PICTURE)
    return pixels


def _unknown(data: bytes, header: Header) -> Picture:
    return _channels(_by_opencv(data), header)


def _by_pillow(data: bytes, header: Header) -> Picture:
    image = header.image
    if image is None:
        raise InvalidInput(NOT_A_PICTURE)
    try:
        with listening():
            image.load()
            return _from_pillow(image, header)
    except (InvalidInput, MemoryError):
        raise
    except Exception as failure:  # Pillow's decoders raise whatever damaged data leads to
        raise InvalidInput(f"{NOT_A_PICTURE}: {failure}") from failure


def _from_pillow(image: Image.Image, header: Header) -> Picture:
    mode, indices = image.mode, None
    if mode in ("CMYK", "LAB"):
        space = profiles.CMYK if mode == "CMYK" else profiles.LAB
        return Picture(profiles.to_srgb(image, profiles.usable(header.icc_profile, space)))
    if mode in ("F", "I", "I;16", "I;16B", "I;16L"):
        return _colored(_deep_gray(np.asarray(image)), header)
    if mode == "P":
        indices = np.asarray(image)
    has_alpha = mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    is_gray = mode in ("1", "L", "LA", "La")
    wanted = ("LA" if is_gray else "RGBA") if has_alpha else ("L" if is_gray else "RGB")
    converted = image if mode == wanted else image.convert(wanted)
    order = {"RGB": "BGR", "RGBA": "BGRA"}.get(wanted, wanted)
    shape = (image.height, image.width, len(order)) if len(order) > 1 else (image.height, image.width)
    pixels = np.frombuffer(converted.tobytes("raw", order), np.uint8).reshape(shape)
    if not has_alpha:
        return replace(_colored(pixels, header), indices=indices)
    colors = pixels[:, :, 0] if is_gray else pixels[:, :, :3]
    return replace(_colored(colors, header, pixels[:, :, -1]), indices=indices)


def _deep_gray(pixels: NDArray[Any]) -> NDArray[Any]:
    if np.issubdtype(pixels.dtype, np.floating):
        return pixels.astype(np.float32)
    if pixels.size and not 0 <= pixels.min() <= pixels.max() <= 65535:
        raise InvalidInput(f"expected 8 or 16 bits or floats, got {pixels.dtype} with values of {pixels.max()}")
    return pixels.astype(np.uint16)


def _channels(pixels: NDArray[Any], header: Header) -> Picture:
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise InvalidInput(f"expected 8 or 16 bits or floats, got {pixels.dtype}")
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        return _colored(pixels[:, :, :3], header, pixels[:, :, 3])
    return _colored(pixels, header)


def _colored(pixels: NDArray[Any], header: Header, opacity: NDArray[Any] | None = None) -> Picture:
    profile = profiles.usable(header.icc_profile, profiles.GRAY if pixels.ndim == 2 else profiles.RGB)
    if opacity is not None:
        is_opaque = opacity.min() == (1 if opacity.dtype == np.float32 else np.iinfo(opacity.dtype).max)
        opacity = None if is_opaque else np.ascontiguousarray(opacity)
    return Picture(np.ascontiguousarray(pixels), opacity, profile)


def _straight(colors: NDArray[Any], opacity: NDArray[Any]) -> NDArray[Any]:
    """Colors that were multiplied by alpha, divided by it."""
    top = 1 if opacity.dtype == np.float32 else np.iinfo(opacity.dtype).max
    divided: NDArray[np.float64] = (
        colors.astype(np.float64) * top / np.maximum(opacity, 1e-9 if top == 1 else 1)[:, :, None]
    )
    if top == 1:
        return divided.astype(np.float32)
    return np.asarray(np.minimum(np.rint(divided), top), opacity.dtype)


DECODERS: dict[str, Decoder] = {
    "PNG": _png,
    "TIFF": _tiff,
    "PPM": _netpbm,
    "JPEG2000": _jpeg_2000,
    "AVIF": _avif,
    "": _unknown,
}
