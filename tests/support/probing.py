"""What a video file says of itself, by two readers: PyAV's FFmpeg, and the ffprobe of the system where there is one."""

from __future__ import annotations

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
from av.stream import Disposition

Prober = Literal["pyav", "ffprobe"]
HAS_FFPROBE = shutil.which("ffprobe") is not None
PROBERS: tuple[Prober, ...] = ("pyav", "ffprobe") if HAS_FFPROBE else ("pyav",)


def streams(path: Path, prober: Prober) -> list[dict[str, Any]]:
    """Of pictures and sound: type, codec, tag, start in seconds, aspect, rate, layout, default, tags (lower case)."""
    return _by_ffprobe(path) if prober == "ffprobe" else _by_pyav(path)


def file_tags(path: Path, prober: Prober) -> dict[str, str]:
    """Keys in lower case."""
    if prober == "pyav":
        with av.open(str(path)) as container:
            return _lower(container.metadata)
    return _lower(_ffprobe(path, "-show_format")["format"].get("tags", {}))


def chapters(path: Path, prober: Prober) -> list[tuple[float, float, str]]:
    """(start, end, title), seconds."""
    if prober == "pyav":
        with av.open(str(path)) as container:
            return [
                (float(one["start"] * base), float(one["end"] * base), one["metadata"]["title"])
                for one in container.chapters()
                if (base := one["time_base"])
            ]
    found = _ffprobe(path, "-show_chapters")["chapters"]
    return [(float(one["start_time"]), float(one["end_time"]), one["tags"]["title"]) for one in found]


def _by_pyav(path: Path) -> list[dict[str, Any]]:
    found = []
    with av.open(str(path)) as container:
        for stream in container.streams:
            if stream.type not in ("video", "audio"):
                continue
            context = stream.codec_context
            is_video = stream.type == "video"
            found.append(
                {
                    "type": stream.type,
                    "codec": context.codec.canonical_name,
                    "tag": context.codec_tag.rstrip("\0"),
                    "start": float((stream.start_time or 0) * stream.time_base),
                    "aspect": (stream.sample_aspect_ratio or Fraction(1)) if is_video else None,
                    "rate": None if is_video else context.sample_rate,
                    "layout": None if is_video else context.layout.name,
                    "default": bool(stream.disposition & Disposition.default),
                    "tags": _lower(stream.metadata),
                }
            )
    return found


def _by_ffprobe(path: Path) -> list[dict[str, Any]]:
    return [
        {
            "type": one["codec_type"],
            "codec": one["codec_name"],
            "tag": "" if one["codec_tag_string"].startswith("[0]") else one["codec_tag_string"],
            "start": float(one.get("start_time", 0)),
            "aspect": Fraction(one.get("sample_aspect_ratio", "1:1").replace(":", "/")),
            "rate": int(one.get("sample_rate", 0)) or None,
            "layout": one.get("channel_layout"),
            "default": bool(one["disposition"]["default"]),
            "tags": _lower(one.get("tags", {})),
        }
        for one in _ffprobe(path, "-show_streams")["streams"]
        if one["codec_type"] in ("video", "audio")
    ]


def _ffprobe(path: Path, what: str) -> Any:
    command = ["ffprobe", "-v", "error", what, "-of", "json", str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def _lower(tags: dict[str, str]) -> dict[str, str]:
    return {key.lower(): value for key, value in tags.items()}
