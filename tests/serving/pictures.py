"""Pictures of requests, as files."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dim_trt.pictures import decode, encode

HEIGHT, WIDTH = 61, 83
U8 = NDArray[np.uint8]


def img(height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> U8:
    """BGR."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def trimap(height: int = HEIGHT, width: int = WIDTH) -> U8:
    made = np.zeros((height, width), np.uint8)
    made[:, width // 4 :] = 128
    made[:, width // 2 :] = 255
    made[height // 2 :, width * 3 // 4 :] = 128
    return made


def png(levels: Any) -> bytes:
    return encode(levels, ".png")


def pixels(data: bytes) -> NDArray[Any]:
    """As stored, BGR or BGRA."""
    return decode(data).stored()


def bomb(side: int = 65000) -> bytes:
    """A small PNG of over four gigapixels, all of them black."""
    row = b"\0" * (1 + (side + 7) // 8)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(row * 1000) for _ in range(side // 1000)) + packer.flush()

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg(levels: U8, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(levels[:, :, ::-1]).save(stream, "JPEG", quality=95, **options)
    return stream.getvalue()
