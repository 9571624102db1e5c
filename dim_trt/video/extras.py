"""What a clip has beside pictures and sound: timecode, titles, chapters go along, the rest is named."""

from __future__ import annotations

import logging
from fractions import Fraction

import av
from av.container.input import InputContainer
from av.container.output import OutputContainer
from av.video.stream import VideoStream

LOGGER = logging.getLogger("dim_trt")
# Of a stream that is copied; FFmpeg counts timecodes by it.
KEEPS_FRAME_RATE = int(av.__version__.split(".")[0]) >= 18
# Of the container or of how it was made, so no longer true.
OWN = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name", "vendor_id")
STATISTICS = ("_statistics", "bps", "number_of_frames", "number_of_bytes")


def copy_extras(source: InputContainer, joined: OutputContainer, video: VideoStream, origin: Fraction) -> None:
    """Timecode, titles and chapters of a clip for a file that is to be written.

    Args:
        video: of `joined`.
        origin: the time, in seconds, that becomes 0.
    """
    joined.metadata.update({key: value for key, value in source.metadata.items() if _is_kept(key)})
    before = source.streams.best("video")
    for key, value in before.metadata.items() if before else ():
        if key.lower() in ("language", "title"):
            video.metadata[key] = value
    if timecode := _timecode(source):
        joined.metadata["timecode"] = timecode
        if joined.format.name in ("mov", "mp4") and not KEEPS_FRAME_RATE:
            LOGGER.warning(
                "timecode: %s is left out, as PyAV %s cannot write it into %s; use PyAV 18 (from Python 3.11 on)",
                timecode,
                av.__version__,
                joined.format.name,
            )
    shifted = []
    for chapter in source.chapters():
        ticks = round(origin / (chapter["time_base"] or 1))
        start, end = (max(0, chapter[side] - ticks) for side in ("start", "end"))
        shifted.append(chapter | {"start": start, "end": end})
    if shifted:
        joined.set_chapters(shifted)


def left_out(source: InputContainer) -> str:
    """A sentence about streams that no result gets; empty where there is none."""
    streams = source.streams
    data = len(streams.data) - sum("timecode" in stream.metadata for stream in streams.data)
    if source.chapters() and "mov" in source.format.name:
        data -= 1  # which holds their titles
    counts = {
        "further video": len(streams.video) - 1,
        "subtitles": len(streams.subtitles),
        "data": data,
        "attachment": len(streams.attachments),
    }
    names = [f"{count} of {kind}" for kind, count in counts.items() if count > 0]
    return f"streams that are left out: {', '.join(names)}" if names else ""


def _timecode(source: InputContainer) -> str:
    for metadata in (source.metadata, *(stream.metadata for stream in source.streams)):
        for key, value in metadata.items():
            if key.lower() == "timecode":
                return value
    return ""


def _is_kept(key: str) -> bool:
    return key.lower() not in (*OWN, "timecode") and not key.lower().startswith(STATISTICS)
