"""Whether a file goes on to its end: downloads and copies that broke off can be read, but have fewer frames."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
from av.container.input import InputContainer
from av.video.stream import VideoStream

MATROSKA_SEGMENT, EBML_HEADER = b"\x18\x53\x80\x67", b"\x1a\x45\xdf\xa3"


def expected_frames(container: InputContainer, stream: VideoStream, source: Path, packets: int) -> int | None:
    """How many frames there would be, where the file ends before they do; None: nothing says so.

    Args:
        packets: of the stream, that were found by reading to the end.
    """
    formats = container.format.name.split(",")
    if "mov" in formats or "avi" in formats:
        # The index has what the edit list leaves; the count in the header has all.
        count = len(stream.index_entries) if "mov" in formats else stream.frames
        return count if count > packets else None
    if "matroska" in formats and _is_cut_short(source):
        rate = stream.average_rate or Fraction(25)
        return max(packets, round(Fraction(container.duration or 0, av.time_base) * rate))
    return None


def _is_cut_short(source: Path) -> bool:
    """Whether a Matroska file is shorter than it says."""
    try:
        with source.open("rb") as stream:
            head, size = stream.read(4096), stream.seek(0, os.SEEK_END)
    except OSError:
        return False
    if not head.startswith(EBML_HEADER):
        return False
    header_bytes, start = _number(head, 4)
    place = start + (header_bytes or 0)
    if head[place : place + 4] != MATROSKA_SEGMENT:
        return False
    segment_bytes, start = _number(head, place + 4)
    return segment_bytes is not None and start + segment_bytes > size


def _number(data: bytes, place: int) -> tuple[int | None, int]:
    """(value, what comes behind it) of a variable-length integer; None: the value is unknown, or the data end."""
    first = data[place] if place < len(data) else 0
    length = 9 - first.bit_length()
    if length > 8:
        return None, place + 1
    value = int.from_bytes(data[place : place + length], "big") & ((1 << 7 * length) - 1)
    return (None if value == (1 << 7 * length) - 1 else value), place + length
