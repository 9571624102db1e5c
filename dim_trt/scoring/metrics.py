"""How far an alpha is from the truth, over a named area: SAD, MSE, MAD, gradient and connectivity error.

The definitions are those of the official evaluation of Composition-1k (the code of Ning Xu that comes with the data
set of Xu et al., Deep Image Matting, CVPR 2017); gradient and connectivity are from Rhemann et al., A Perceptually
Motivated Online Benchmark for Image Matting, CVPR 2009. Other code in use differs: some leaves out the min-max
normalisation of the gradient error, divides it by 10 instead of 1000, or counts the background as a component, which
makes connectivity about 5 % smaller. Figures compare only where area and units are the same: print `UNITS` with them.

An area without pixels is refused: neither 0 nor NaN would be a fair value for a picture that has nothing to compare.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dim_trt.arrays import Floats, Mask, check_alphas, kind, unknown_pixels
from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2

Doubles = NDArray[np.float64]

AREAS = {"unknown": "unknown region", "whole": "whole picture"}  # where alpha is compared: name, in words
UNITS = {
    "sad": "sum of |alpha - truth| / 1000",
    "mse": "mean of (alpha - truth)^2",
    "mad": "mean of |alpha - truth|",
    "gradient": "sum of (difference of gradient magnitudes, sigma 1.4)^2 / 1000",
    "connectivity": "sum of |difference of connectivity, step 0.1, 4 neighbours, threshold 0.15| / 1000",
}
METRICS = tuple(UNITS)

SIGMA = 1.4  # px, of the derivative of a Gaussian
HALF_SIZE = math.ceil(SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * SIGMA * 0.01)))  # below 0.01: left out
LEVELS = 10  # thresholds of alpha, 0.1 apart
CONNECTED = 0.15  # a smaller distance to the level at which a pixel is connected counts as none


def sad(alpha: Floats, truth: Floats, trimap: NDArray[np.uint8] | None = None, *, area: str = "unknown") -> float:
    """Sum of absolute differences divided by 1000, as published tables give it.

    Args:
        alpha, truth: [height, width] floating point in 0..1.
        trimap: [height, width] uint8; needed for the unknown region (every value but 0 and 255).
        area: "unknown" or "whole".

    Raises:
        InvalidInput: an array has another type, size or range, or NaN, or the area has no pixel.
    """
    return float(np.abs(_differences(alpha, truth, trimap, area)).sum() / 1000)


def mse(alpha: Floats, truth: Floats, trimap: NDArray[np.uint8] | None = None, *, area: str = "unknown") -> float:
    """Mean squared difference; arguments and errors as in `sad`."""
    return float(np.square(_differences(alpha, truth, trimap, area)).mean())


def mad(alpha: Floats, truth: Floats, trimap: NDArray[np.uint8] | None = None, *, area: str = "unknown") -> float:
    """Mean absolute difference; arguments and errors as in `sad`."""
    return float(np.abs(_differences(alpha, truth, trimap, area)).mean())


def gradient(alpha: Floats, truth: Floats, trimap: NDArray[np.uint8] | None = None, *, area: str = "unknown") -> float:
    """Sum of squared differences of the gradients' magnitudes, divided by 1000; arguments and errors as in `sad`.

    Each matte is stretched to 0..1 (MATLAB's mat2gray) and convolved with the derivatives of a Gaussian of sigma 1.4,
    9×9, of unit L2 norm, its border replicated: equations (2) and (3) of Rhemann et al. with q = 2.
    """
    return _gradient(alpha, truth, area_pixels(alpha, truth, trimap, area))


def connectivity(
    alpha: Floats, truth: Floats, trimap: NDArray[np.uint8] | None = None, *, area: str = "unknown"
) -> float:
    """Sum of absolute differences of the degrees of connectivity, divided by 1000; arguments and errors as in `sad`.

    The source is the largest 4-connected component of the pixels where both mattes reach a threshold (among equals the
    first one column by column, as MATLAB orders them). A pixel is connected up to the last threshold, in steps of 0.1,
    before it is outside the source, and what alpha has above that counts from 0.15 on: equation (4) of Rhemann et al.
    with p = 1. Components are those of the whole picture whatever the area, and alpha is compared with thresholds in
    single precision, as in the official code.
    """
    return _connectivity(alpha, truth, area_pixels(alpha, truth, trimap, area))


def measure(
    alpha: Floats, truth: Floats, trimap: NDArray[np.uint8] | None = None, *, area: str = "unknown"
) -> dict[str, float]:
    """All of `METRICS` by name, checking the arrays once; arguments and errors as in `sad`."""
    pixels = area_pixels(alpha, truth, trimap, area)
    difference = np.abs(alpha[pixels].astype(np.float64) - truth[pixels])
    return {
        "sad": float(difference.sum() / 1000),
        "mse": float(np.square(difference).mean()),
        "mad": float(difference.mean()),
        "gradient": _gradient(alpha, truth, pixels),
        "connectivity": _connectivity(alpha, truth, pixels),
    }


def overlap(alpha: Floats, truth: Floats) -> float:
    """Intersection over union of the pixels of at least 0.5, over the whole picture; 1 where neither has any.

    Arguments and errors as in `sad`.
    """
    check_alphas(alpha, truth=truth)
    inside, within = alpha >= 0.5, truth >= 0.5
    union = int(np.count_nonzero(inside | within))
    return float(np.count_nonzero(inside & within) / union) if union else 1.0


def check_trimap(trimap: NDArray[np.uint8] | None, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """The trimap; raises InvalidInput unless it is uint8 of this (height, width)."""
    if not isinstance(trimap, np.ndarray) or trimap.dtype != np.uint8 or trimap.shape != size:
        raise InvalidInput(f"trimap: expected uint8 {list(size)} for the unknown region, got {kind(trimap)}")
    return trimap


def area_pixels(alpha: Floats, truth: Floats, trimap: NDArray[np.uint8] | None, area: str) -> Mask:
    """[height, width]: the area; raises InvalidInput where there is nothing sensible to compare."""
    if area not in AREAS:
        raise InvalidInput(f"area: expected one of {', '.join(AREAS)}, got {area!r}")
    check_alphas(alpha, truth=truth)
    if area == "unknown":
        pixels = unknown_pixels(check_trimap(trimap, alpha.shape))
    else:
        pixels = np.ones(alpha.shape, np.bool_)
    if not pixels.any():
        raise InvalidInput(f"area: the {AREAS[area]} has no pixel, there is nothing to compare")
    return pixels


def _differences(alpha: Floats, truth: Floats, trimap: NDArray[np.uint8] | None, area: str) -> Doubles:
    """Of the area's pixels, in float64."""
    pixels = area_pixels(alpha, truth, trimap, area)
    difference: Doubles = alpha[pixels].astype(np.float64) - truth[pixels]
    return difference


def _gradient(alpha: Floats, truth: Floats, pixels: Mask) -> float:
    """Of checked arrays. Only the bounding box of the pixels is filtered, with what the filter reads around it."""
    inner = _bounding_box(pixels)
    outer = tuple(slice(max(side.start - HALF_SIZE, 0), side.stop + HALF_SIZE) for side in inner)
    magnitudes = (_magnitude(_stretch(matte, outer)) for matte in (alpha, truth))
    difference = np.subtract(*magnitudes)[pixels[outer]]
    return float(np.dot(difference, difference) / 1000)


def _bounding_box(pixels: Mask) -> tuple[slice, slice]:
    """Rows and columns that hold every true pixel; there is at least one."""
    rows, columns = (np.flatnonzero(pixels.any(axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _stretch(matte: Floats, part: tuple[slice, ...]) -> Doubles:
    """A part of the matte after its smallest value became 0 and its largest 1; a constant one stays as it is."""
    low, high = float(matte.min()), float(matte.max())
    values = matte[part].astype(np.float64)
    return (values - low) / (high - low) if high > low else values


def _magnitude(matte: Doubles) -> Doubles:
    """Of the gradient at a scale of SIGMA. The 9×9 kernels are products of two vectors, so unit norm is theirs too."""
    offsets = np.arange(-HALF_SIZE, HALF_SIZE + 1)
    smooth = np.exp(-(offsets**2) / (2 * SIGMA**2))
    slope = -offsets * smooth
    smooth, slope = smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)
    along = [
        cv2.sepFilter2D(matte, cv2.CV_64F, kernel_x, kernel_y, borderType=cv2.BORDER_REPLICATE)
        for kernel_x, kernel_y in ((slope, smooth), (smooth, slope))
    ]
    magnitude: Doubles = np.sqrt(np.square(along[0]) + np.square(along[1]))
    return magnitude


def _connectivity(alpha: Floats, truth: Floats, pixels: Mask) -> float:
    """Of checked arrays."""
    level = _connected_level(np.minimum(alpha, truth).astype(np.float32))[pixels]
    degrees = []
    for matte in (alpha, truth):
        above = matte[pixels].astype(np.float64) - level
        degrees.append(above * (above >= CONNECTED))
    return float(np.abs(np.subtract(*degrees)).sum() / 1000)


def _connected_level(lower: NDArray[np.float32]) -> Doubles:
    """[height, width]: the last threshold, 0..1, before each pixel is outside the largest component.

    lower: the smaller of alpha and truth; where it reaches a threshold, both do.
    """
    inside = np.ones(lower.shape, np.bool_)
    level = np.ones(lower.shape)
    for step in range(1, LEVELS + 1):
        leaves = inside & ~_largest_component(lower >= np.float32(step / LEVELS))
        level[leaves] = (step - 1) / LEVELS
        inside &= ~leaves
        if not inside.any():
            break
    return level


def _largest_component(pixels: Mask) -> Mask:
    """The largest 4-connected component; none where no pixel is true."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(pixels.view(np.uint8), connectivity=4)
    areas = stats[1:, cv2.CC_STAT_AREA]  # 0 is what is false
    if areas.size == 0:
        return np.zeros_like(pixels)
    equals = 1 + np.flatnonzero(areas == areas.max())
    left = stats[equals, cv2.CC_STAT_LEFT]
    equals = equals[left == left.min()]
    column = labels[:, left.min()]
    largest: Mask = labels == column[np.isin(column, equals)][0]
    return largest
