"""Which codec, pixels and container a result of `dim_trt.video` gets, by the suffix of its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import av
from av.codec import Codec

from dim_trt.errors import BackendUnavailable, InvalidInput
from dim_trt.pictures.rendering import CHANNELS, Content

STANDARD_OUTPUT = "-"
PNG, RAW = "png", "rawvideo"


@dataclass(frozen=True)
class Format:
    """How pictures are stored.

    muxer: FFmpeg's name of the container; "" for a folder of PNG pictures and for bytes on standard output.
    depth: bits of the pictures that go into the encoder.
    even: width and height must be even.
    copied: beginnings of the names of audio codecs that are copied, as players know them in this container.
    audio: encoder of other audio; "" where there is none to keep.
    """

    codec: str
    muxer: str
    pixel_format: str
    depth: int
    options: Mapping[str, str]
    even: bool = False
    copied: tuple[str, ...] = ()
    audio: str = ""

    @property
    def is_video(self) -> bool:
        return bool(self.muxer)


# Everything below is fixed, the number of threads of encoders too, whose bits may depend on it: so a run that was
# interrupted and goes on writes the same packets.
QUANTIZER = 4  # of ProRes; as fine as its own search would choose, which takes four times as long
PRORES = {"vendor": "apl0", "flags": "+qscale", "global_quality": str(QUANTIZER * 118), "threads": "4"}
VP9 = {"crf": "18", "b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1", "auto-alt-ref": "0", "threads": "4"}
FFV1 = {"level": "3", "slices": "4", "slicecrc": "1", "g": "1", "threads": "4"}
# No B-frames: one order for all times. Without mbtree, whose bits differ in one run of thirty.
H264 = {"crf": "16", "preset": "veryfast", "bf": "0", "mbtree": "0", "threads": "4"}
MOV_AUDIO = ("aac", "alac", "mp3", "ac3", "eac3", "pcm_")
MP4_AUDIO = ("aac", "alac", "mp3", "ac3", "eac3", "opus", "flac")


def choose(path: str, content: Content, depth: int = 8) -> Format:
    """The format for a name: .mov is ProRes, .webm VP9, .mkv FFV1, .mp4 H.264, no suffix PNG files, "-" raw.

    Args:
        depth: bits of each channel that are asked for; more than 8 are for FFV1 and PNG.

    Raises:
        InvalidInput: the suffix is none of these, or its format cannot hold alpha or that many bits.
        BackendUnavailable: this FFmpeg has no such encoder.
    """
    suffix, channels = Path(path).suffix.lower(), CHANNELS[content]
    if path == STANDARD_OUTPUT:
        chosen = Format(RAW, "", "", 8, {})
    elif not suffix:
        chosen = Format(PNG, "", "", depth, {})
    elif suffix == ".mov":
        pixels = "yuva444p10le" if channels == 4 else "yuv422p10le"
        profile = "4444" if channels == 4 else "hq"
        chosen = Format("prores_ks", "mov", pixels, 8, PRORES | {"profile": profile}, False, MOV_AUDIO, "pcm_s16le")
    elif suffix == ".webm":
        pixels = "yuva420p" if channels == 4 else "yuv420p"
        chosen = Format("libvpx-vp9", "webm", pixels, 8, VP9, False, ("opus", "vorbis"), "libopus")
    elif suffix == ".mkv":
        by_channels = (
            {1: "gray", 3: "bgr0", 4: "bgra"} if depth == 8 else {1: "gray16le", 3: "gbrp16le", 4: "gbrap16le"}
        )
        pixels = by_channels[channels]
        chosen = Format("ffv1", "matroska", pixels, depth, FFV1, False, ("",), "flac")
    elif suffix == ".mp4":
        chosen = Format("libx264", "mp4", "yuv420p", 8, H264, True, MP4_AUDIO, "aac")
    else:
        raise InvalidInput(
            f"{content}: {path!r}: expected .mov (ProRes), .webm (VP9), .mkv (FFV1), .mp4 (H.264), no suffix (a folder "
            f"of PNG pictures) or - (raw frames to standard output), got {suffix!r}"
        )
    if suffix == ".mp4" and channels == 4:
        raise InvalidInput(f"{content}: {path!r}: .mp4 holds no alpha; use .mov, .webm, .mkv or a folder")
    if depth > chosen.depth:
        raise InvalidInput(f"{content}: {path!r}: {depth} bits go into .mkv or a folder of PNG pictures")
    _require_encoder(chosen)
    return chosen


def _require_encoder(chosen: Format) -> None:
    if not chosen.is_video:
        return
    try:
        Codec(chosen.codec, "w")
    except av.FFmpegError as failure:
        raise BackendUnavailable(
            f"the FFmpeg of this PyAV has no encoder {chosen.codec}; the wheels of pip install av have it"
        ) from failure
