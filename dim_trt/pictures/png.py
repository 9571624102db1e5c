"""PNG's chunks: whole or damaged, what decides the pixels, and where a color profile goes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
HEADER_END = len(SIGNATURE) + 25
LARGEST_CHUNK = 2**31 - 1
PALETTE, GRAY_ALPHA, WITH_ALPHA = 3, 4, (4, 6)  # the header's number of what a pixel is


def damage(data: bytes) -> str | None:
    """What is wrong with the file, or None: each chunk carries a checksum."""
    last = b""
    for kind, content, checksum in _chunks(data):
        if checksum is None or zlib.crc32(content, zlib.crc32(kind)) != checksum:
            return "it is cut off" if checksum is None else f"the checksum of its {_name(kind)} is wrong"
        last = kind
    return None if last == b"IEND" else "it is cut off"


def pixels_only(data: bytes, *, is_damaged: bool) -> bytes:
    """The file without what libpng would turn, convert or complain by: metadata, profiles, further pictures; with right
    checksums where they are not."""
    parts: list[bytes | memoryview] = [SIGNATURE]
    for kind, content, checksum in _chunks(data):
        if kind in PIXELS:
            if is_damaged:
                checksum = zlib.crc32(content, zlib.crc32(kind))
            parts += [struct.pack(">I", len(content)), kind, content, struct.pack(">I", checksum or 0)]
    return b"".join(parts)


def exif(data: bytes) -> bytes | None:
    """EXIF data, wherever it stands."""
    return next((b"Exif\0\0" + bytes(content) for kind, content, _ in _chunks(data) if kind == b"eXIf"), None)


def transparent_key(data: bytes) -> tuple[int, ...] | None:
    """The one value or color (RGB) that is transparent, of a picture with no alpha channel and no palette."""
    for kind, content, _ in _chunks(data):
        if kind == b"IDAT":
            return None
        if kind == b"tRNS" and len(content) in (2, 6):
            return struct.unpack(f">{len(content) // 2}H", content)
    return None


def size(data: bytes) -> tuple[int, int] | None:
    """(height, width)."""
    if len(data) < HEADER_END:
        return None
    width, height = struct.unpack_from(">2I", data, 16)
    return height, width


def depth_and_kind(data: bytes) -> tuple[int, int]:
    """Bits of a channel, and what a pixel is."""
    return data[24], data[25]


def with_profile(data: bytes, profile: bytes) -> bytes:
    content = b"ICC profile\0\0" + zlib.compress(profile)
    chunk = struct.pack(">I", len(content)) + b"iCCP" + content + struct.pack(">I", zlib.crc32(b"iCCP" + content))
    return data[:HEADER_END] + chunk + data[HEADER_END:]


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, int | None]]:
    """(kind, content, checksum; None where the file ends before it)."""
    view, start = memoryview(data), len(SIGNATURE)
    while start + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 8 + length
        if length > LARGEST_CHUNK or end + 4 > len(data):
            yield kind, view[start + 8 :], None
            return
        yield kind, view[start + 8 : end], struct.unpack_from(">I", data, end)[0]
        if kind == b"IEND":
            return
        start = end + 4


def _name(kind: bytes) -> str:
    return kind.decode("latin-1")
