"""Small pictures as cameras and programs write them: turned, with profiles, with transparency; read by Pillow alone."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

ORIENTATION = 0x0112
# How a picture that is upright is stored with each EXIF orientation: the inverse of what a viewer does.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
P3 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}


@functools.cache
def srgb_profile() -> bytes:
    """Made once: it holds the second when it was made."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def p3_profile() -> bytes:
    """Display P3: sRGB's with other primaries."""
    profile = bytearray(srgb_profile())
    (count,) = struct.unpack(">I", profile[128:132])
    for index in range(count):
        tag, offset, _ = struct.unpack(">4sII", profile[132 + 12 * index : 144 + 12 * index])
        if tag in P3:
            profile[offset + 8 : offset + 20] = struct.pack(">3i", *(round(value * 65536) for value in P3[tag]))
    return bytes(profile)


def gray_profile(gamma: float) -> bytes:
    """A gray ICC profile (version 2) with this gamma and D50."""

    def block(kind: bytes, content: bytes) -> bytes:
        content = kind + bytes(4) + content
        return content + bytes(-len(content) % 4)

    white = struct.pack(">3i", round(0.9642 * 65536), 65536, round(0.8249 * 65536))
    tags = {
        b"desc": block(b"desc", struct.pack(">I", 5) + b"gray\0" + bytes(78)),
        b"cprt": block(b"text", b"none\0"),
        b"wtpt": block(b"XYZ ", white),
        b"kTRC": block(b"curv", struct.pack(">IH", 1, round(gamma * 256))),
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content
    size = start + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + white
    return header.ljust(128, b"\0") + table + body


def saved(image: Image.Image, form: str, orientation: int = 1, **options: Any) -> bytes:
    """The file of a picture that is shown as `image`."""
    turn, stream = STORED[orientation], io.BytesIO()
    if orientation != 1:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        options["exif"] = exif
    (image if turn is None else image.transpose(turn)).save(stream, form, **options)
    return stream.getvalue()


def saved_deep(image: Image.Image, orientation: int = 1, icc_profile: bytes | None = None) -> bytes:
    """As `saved`, a PNG of 16 bits, which Pillow does not write: its chunks are put in by hand."""
    turn = STORED[orientation]
    stored = np.asarray(image if turn is None else image.transpose(turn)).astype(np.uint16) * 257
    ok, data = cv2.imencode(".png", stored[:, :, ::-1])
    assert ok
    png = data.tobytes()
    if icc_profile:
        png = _with_chunk(png, b"iCCP", b"x\0\0" + zlib.compress(icc_profile))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return _with_chunk(png, b"eXIf", exif.tobytes()[6:])


def _with_chunk(png: bytes, kind: bytes, content: bytes) -> bytes:
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return png[:33] + chunk + png[33:]


def shown(data: bytes) -> NDArray[np.uint8]:
    """[height, width, 3 or 4] RGB(A) in sRGB, as a viewer with color management shows it."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    profile = image.info.get("icc_profile")
    if image.mode not in ("RGB", "RGBA") and not (profile and image.mode == "L"):
        image = image.convert("RGBA" if "A" in image.mode or "transparency" in image.info else "RGB")
    if not profile:
        return np.asarray(image)
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB" if image.mode == "L" else image.mode)
    assert converted is not None
    return np.asarray(converted)


def smooth(height: int, width: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """Colors that change slowly, so that lossy formats keep them."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(20, 236, (4, 5, channels), np.uint8).squeeze())
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
