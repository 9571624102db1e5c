"""Trimaps from alpha, as wide and as uneven as hands draw them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def random_trimap(
    rng: np.random.Generator, alpha: NDArray[np.float32], radii: tuple[float, float] = (1.5, 60.0)
) -> NDArray[np.uint8]:
    """Dilation and erosion with separate random radii (pixels, drawn on a log scale) of alpha [H, W].

    Known pixels never contradict alpha: 0 only where alpha is 0, 255 only where it is 1, else 128.
    """
    low, high = np.log(radii[0]), np.log(radii[1])
    outside, inside = np.exp(rng.uniform(low, high, 2))
    # distances instead of morphology: the same discs, at a cost that does not grow with the radius
    to_object = cv2.distanceTransform((alpha == 0).astype(np.uint8), cv2.DIST_L2, 5)
    to_rest = cv2.distanceTransform((alpha == 1).astype(np.uint8), cv2.DIST_L2, 5)
    if rng.random() < 0.5:  # an uneven hand
        cells = (max(2, alpha.shape[0] // 40), max(2, alpha.shape[1] // 40))
        wobble = cv2.resize(rng.uniform(0.3, 1.7, cells).astype(np.float32), alpha.shape[::-1])
        outside, inside = outside * wobble, inside * wobble
    trimap = np.full(alpha.shape, 128, np.uint8)
    trimap[(to_object > outside)] = 0
    trimap[(to_rest > inside)] = 255
    if rng.random() < 0.3 and alpha.min() < alpha.max():
        leave_spots_open(rng, trimap, radii[1] / 2)
    # with no pixel of a kind the distances are meaningless
    trimap[(trimap == 0) & (alpha != 0)] = 128
    trimap[(trimap == 255) & (alpha != 1)] = 128
    return trimap


def leave_spots_open(rng: np.random.Generator, trimap: NDArray[np.uint8], reach: float) -> None:
    """Marks a few ellipses of up to `reach` pixels unknown, whatever is there: a hand is not sure everywhere."""
    for _ in range(int(rng.integers(1, 12))):
        centre = [int(rng.integers(side)) for side in reversed(trimap.shape)]
        axes = [int(axis) for axis in rng.uniform(3, reach, 2)]
        cv2.ellipse(trimap, centre, axes, rng.uniform(0, 180), 0, 360, 128, -1)
