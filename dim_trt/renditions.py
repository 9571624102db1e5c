"""One picture from files to files: read, matte, and write alpha with all that is made of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dim_trt import trimaps
from dim_trt.engine import Engine
from dim_trt.pictures.composite import WHITE, Color, composite, cutout, parse_color, premultiplied, read_background
from dim_trt.pictures.files import (
    Levels,
    check_format,
    quantize_alpha,
    read_deep_image,
    read_image,
    write_images,
)
from dim_trt.trimaps.files import GIVEN, read_trimap


@dataclass(frozen=True)
class Rendering:
    """What is made of every picture alike."""

    alpha_depth: int = 8  # bits of alpha
    color_depth: int = 8  # bits of the pictures with colors
    background: str = WHITE  # '#rrggbb', 'checkerboard' or a file
    estimate_colors: bool = True  # else the picture's own, old background included
    rule: trimaps.TrimapRule = GIVEN  # what the second files are


@dataclass(frozen=True)
class PictureJob:
    """The files of one picture; what is None is not written."""

    image: Path
    trimap: Path  # or a mask
    alpha: Path
    cutout: Path | None = None
    premultiplied: Path | None = None
    composite: Path | None = None

    def outputs(self) -> list[Path]:
        return [path for path in (self.alpha, self.cutout, self.premultiplied, self.composite) if path]


@dataclass(frozen=True)
class Loaded:
    """A job's pictures in memory."""

    img: NDArray[np.uint8]
    trimap: NDArray[np.uint8]
    background: NDArray[np.uint8] | Color


def check_outputs(job: PictureJob, settings: Rendering) -> None:
    """Raise InvalidInput for a name whose format cannot hold what is asked for; before any work."""
    check_format(job.alpha, "alpha", depth=settings.alpha_depth)
    for path, name, channels in (
        (job.cutout, "cutout", 4),
        (job.premultiplied, "premultiplied", 4),
        (job.composite, "composite", 3),
    ):
        if path:
            check_format(path, name, channels=channels, depth=settings.color_depth)


def load(job: PictureJob, settings: Rendering) -> Loaded:
    img = read_image(job.image)
    trimap = read_trimap(job.trimap, settings.rule)
    size = (img.shape[0], img.shape[1])
    return Loaded(img, trimap, read_background(settings.background, size) if job.composite else parse_color(WHITE))


def matte(engine: Engine, job: PictureJob, loaded: Loaded, settings: Rendering) -> float:
    """Write the job's files, all or none of them; the engine's latency in ms."""
    start = time.perf_counter()
    alpha = np.asarray(engine.run(loaded.img, loaded.trimap))
    latency_ms = (time.perf_counter() - start) * 1e3
    pictures: dict[Path, Levels] = {job.alpha: quantize_alpha(alpha, settings.alpha_depth)}
    if job.cutout or job.premultiplied or job.composite:
        colors = find_colors(engine, job, loaded.img, alpha, settings)
        if job.cutout:
            pictures[job.cutout] = cutout(colors, alpha)
        if job.premultiplied:
            pictures[job.premultiplied] = premultiplied(colors, alpha)
        if job.composite:
            pictures[job.composite] = composite(colors, alpha, loaded.background)
    write_images(pictures)
    return latency_ms


def find_colors(
    engine: Engine, job: PictureJob, img: NDArray[np.uint8], alpha: NDArray[np.float32], settings: Rendering
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """[height, width, 3] of the foreground: uint8, or float32 in 0..1 where 16 bits are asked for."""
    if settings.color_depth == 8:
        return engine.foreground(img, alpha)[0] if settings.estimate_colors else img
    deep = read_deep_image(job.image)
    return engine.foreground(deep, alpha)[0] if settings.estimate_colors else deep
