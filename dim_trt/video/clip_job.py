"""What one run of `python -m dim_trt.video` is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from dim_trt.masks.families import Normalization
from dim_trt.pictures.limit import DEFAULT, Limits
from dim_trt.pictures.rendering import Content
from dim_trt.tracking.key_frames import AtCut
from dim_trt.trimaps import TrimapRule
from dim_trt.trimaps.files import GIVEN
from dim_trt.video.decoding import RawFrames
from dim_trt.video.reading import Unreadable
from dim_trt.video.segments import FRAMES

# What a run that stopped may go on with another value of, as no bit of what is written depends on it: one that stops at
# a cut or at an unreadable frame has written nothing of what is behind.
HARMLESS = {"at_cut", "unreadable", "report", "stop_when_lost", "audio", "restart", "device", "threads",
            "memory_limit_mb", "limits"}  # fmt: skip
# What counts by what is in the files, or by what was made of it.
NAMED_BY_CONTENT = {"source", "known", "key_frames", "rule", "results", "background", "plan", "precision"}


@dataclass(frozen=True)
class ClipJob:
    """What `python -m dim_trt.video` takes; see its help."""

    source: str
    known: Path | None  # trimap or mask, or a folder or video of them; None with `auto`
    results: Mapping[Content, str]
    rule: TrimapRule = GIVEN
    auto: str | None = None  # source of masks, as `masks.open_source` takes it
    auto_size: tuple[int, int] | None = None
    auto_norm: Normalization | None = None
    auto_largest: bool = False
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
    limits: Limits = DEFAULT
    orientations: int = 1
    closed_form: bool = False

    def depth(self, content: Content) -> int:
        """Bits of a result's channels."""
        return self.alpha_depth if content == "alpha" else self.color_depth
