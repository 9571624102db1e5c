"""What one run of `python -m dim_trt.video` is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from dim_trt import trimaps
from dim_trt.tracking.key_frames import AtCut
from dim_trt.video.decoding import RawFrames
from dim_trt.video.formats import Content
from dim_trt.video.reading import Unreadable
from dim_trt.video.segments import FRAMES


@dataclass(frozen=True)
class ClipJob:
    """What `python -m dim_trt.video` takes; see its help."""

    source: str
    known: Path  # trimap or mask, or a folder or video of them
    results: Mapping[Content, str]
    are_masks: bool = False
    erode: trimaps.Radius = trimaps.ERODE
    dilate: trimaps.Radius = trimaps.DILATE
    fixed: bool = False
    key_frames: bool = False
    at_cut: AtCut = "stop"
    report: Path | None = None
    stop_when_lost: bool = False
    raw: RawFrames | None = None
    rate: Fraction | None = None  # of pictures
    unreadable: Unreadable = "stop"
    background: str = "#ffffff"
    estimate_colors: bool = True
    alpha_depth: int = 8
    color_depth: int = 8
    audio: bool = True
    segment_frames: int = FRAMES
    restart: bool = False
    plan: Path | None = None
    precision: str = "fp32"
    device: str = "auto"
    threads: int | None = None
    memory_limit_mb: int | None = None
    max_pixels: int | None = None

    def depth(self, content: Content) -> int:
        """Bits of a result's channels."""
        return self.alpha_depth if content == "alpha" else self.color_depth
