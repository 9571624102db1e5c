"""What drawn scenes and photographs have in common, in figures: the same measures on both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dim_trt.scoring.datasets import find_samples
from dim_trt.scoring.evaluation import read_content
from training.scenes.drawing import draw_scene
from training.scenes.textures import Array, Size

PATCH = 96  # pixels, of a background whose spectrum is measured
RIM = (10, 20)  # pixels from the outline: the rim ends, the inside begins
DRAWN_SIZE = Size(480, 640)

Picture = tuple[NDArray[np.uint8], NDArray[np.uint8], Array]  # RGB image, trimap, alpha in 0..1


class Statistics(NamedTuple):
    """Of one picture; NaN where it has nothing to measure.

    lightness_range: levels of gray, 5 to 95 %, of the blurred foreground: its light and shade.
    rim_texture: contrast of fine detail near the outline, relative to that inside.
    black: percent of the foreground below level 16.
    hue_spread: degrees, circular deviation of the foreground's hues, weighted by saturation.
    saturation: mean of the foreground's, 0 to 1.
    islands: known regions in the trimap, for 100 000 pixels.
    unknown: percent of the picture.
    unknown_reach: pixels from the known, of the unknown pixels farthest from it (95 %).
    slope: of the background's power spectrum, log over log.
    foreground_off_line, background_off_line: levels, root mean square: how far the colors of 3×3 pixels lie from the
        line that fits them best. Closed-form matting takes them to lie on one (Levin et al. 2008, section 3).
    """

    lightness_range: float
    rim_texture: float
    black: float
    hue_spread: float
    saturation: float
    islands: float
    unknown: float
    unknown_reach: float
    slope: float
    foreground_off_line: float
    background_off_line: float


def measure(image: NDArray[np.uint8], trimap: NDArray[np.uint8], alpha: Array) -> Statistics:
    """Of an RGB image [H, W, 3], its trimap and true alpha [H, W]."""
    solid = alpha >= 1
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    known = (trimap != 128).astype(np.uint8)
    reach = cv2.distanceTransform(1 - known, cv2.DIST_L2, 5)[known == 0] if known.any() else np.zeros(0)
    return Statistics(
        _lightness_range(gray, solid),
        _rim_texture(gray, solid),
        100 * float((image[solid].max(-1) < 16).mean()) if solid.any() else np.nan,
        *_hue_and_saturation(image, solid),
        1e5 * (cv2.connectedComponents(known)[0] - 1) / known.size,
        100 * float(1 - known.mean()),
        float(np.percentile(reach, 95)) if reach.size else np.nan,
        _slope(gray, alpha <= 0),
        _off_line(image, solid),
        _off_line(image, alpha <= 0),
    )


def _lightness_range(gray: Array, solid: NDArray[np.bool_]) -> float:
    weight = cv2.GaussianBlur(solid.astype(np.float32), (0, 0), 8)
    blurred = cv2.GaussianBlur(gray * solid, (0, 0), 8) / np.maximum(weight, 1e-6)
    return float(np.subtract(*np.percentile(blurred[solid], [95, 5]))) if solid.any() else np.nan


def _rim_texture(gray: Array, solid: NDArray[np.bool_]) -> float:
    detail = np.abs(gray - cv2.GaussianBlur(gray, (0, 0), 2))
    depth = cv2.distanceTransform(solid.astype(np.uint8), cv2.DIST_L2, 5)
    rim, inside = (depth > 4) & (depth < RIM[0]), depth > RIM[1]
    return float(detail[rim].mean() / max(detail[inside].mean(), 1e-3)) if rim.any() and inside.any() else np.nan


def _hue_and_saturation(image: NDArray[np.uint8], solid: NDArray[np.bool_]) -> tuple[float, float]:
    if not solid.any():
        return np.nan, np.nan
    hue, saturation, _ = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)[solid].T
    mean = np.average(np.exp(1j * np.radians(hue)), weights=saturation + 1e-6)
    return float(np.degrees(np.sqrt(-2 * np.log(np.clip(abs(mean), 1e-9, 1))))), float(saturation.mean())


def _slope(gray: Array, background: NDArray[np.bool_]) -> float:
    """Of the mean spectrum of all patches that are background alone."""
    window = np.outer(np.hanning(PATCH), np.hanning(PATCH))
    power = np.zeros((PATCH, PATCH))
    for top in range(0, gray.shape[0] - PATCH + 1, PATCH // 2):
        for left in range(0, gray.shape[1] - PATCH + 1, PATCH // 2):
            at = (slice(top, top + PATCH), slice(left, left + PATCH))
            if background[at].all():
                power += np.abs(np.fft.fft2((gray[at] - gray[at].mean()) * window)) ** 2
    if not power.any():
        return np.nan
    cycles = np.hypot(*np.meshgrid(*[np.fft.fftfreq(PATCH) * PATCH] * 2))
    rings = [np.log(power[(cycles >= ring) & (cycles < ring + 1)].mean()) for ring in range(2, PATCH // 3)]
    return float(np.polyfit(np.log(np.arange(2, PATCH // 3)), rings, 1)[0])


def _off_line(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """Over all windows that lie in the mask."""
    color = image.astype(np.float64)
    inside = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) > 0
    if not inside.any():
        return np.nan
    mean = cv2.blur(color, (3, 3))[inside]
    products = (color[..., :, None] * color[..., None, :]).reshape(*mask.shape, 9)
    second = np.stack([cv2.blur(products[..., i], (3, 3))[inside] for i in range(9)], -1).reshape(-1, 3, 3)
    spread = np.linalg.eigvalsh(second - mean[:, :, None] * mean[:, None, :])  # ascending
    return float(np.sqrt(np.clip(spread[:, :2].sum(1), 0, None).mean()))


def drawn(count: int, seed: int) -> Iterator[Picture]:
    """So many scenes, of families as they are in training."""
    for number in range(count):
        scene = draw_scene(np.random.default_rng((seed, number)), DRAWN_SIZE)
        yield scene.image, scene.trimap, scene.alpha


def photographs(folder: Path) -> Iterator[Picture]:
    """Those of alphamatting.com, with narrow and with wide trimaps. Raises dim_trt.InvalidInput."""
    for trimaps in ("trimap1", "trimap2"):
        for sample in find_samples(folder, "alphamatting", trimaps)[1]:
            image, trimap, alpha = read_content(sample)
            yield np.ascontiguousarray(image[:, :, ::-1]), trimap, alpha


def table(columns: Mapping[str, Iterable[Picture]]) -> str:
    """Markdown: the median of every figure, and what lies between its quartiles."""
    measured = {name: np.array([measure(*picture) for picture in pictures]) for name, pictures in columns.items()}
    lines = [f"| | {' | '.join(measured)} |", "| --- |" + " ---: |" * len(measured)]
    for index, field in enumerate(Statistics._fields):
        cells = []
        for values in measured.values():
            low, middle, high = np.nanpercentile(values[:, index], [25, 50, 75])
            cells.append(f"{middle:.2f} ({low:.2f} to {high:.2f})")
        lines.append(f"| {field.replace('_', ' ')} | {' | '.join(cells)} |")
    return "\n".join(lines)
