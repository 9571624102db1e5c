"""What the golden plans are run on, and what comes out. The picture is arithmetic alone, so that no library's random
numbers are in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-5  # of alpha between instruction sets; rounding alone


def picture() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Image [37, 51, 3] and trimap [37, 51], with an unknown stripe."""
    y, x, c = np.mgrid[:37, :51, :3]
    img = ((x * x + 7 * x * y + 31 * y + 57 * c * (x + 1)) % 251).astype(np.uint8)
    trimap = np.full((37, 51), 128, np.uint8)
    trimap[:, :12], trimap[:, 40:] = 0, 255
    return img, trimap


def expected(plan: Path) -> NDArray[np.float32]:
    """Alpha [37, 51] of a golden plan."""
    alpha: NDArray[np.float32] = np.load(plan.with_name(f"{plan.stem}_alpha.npy"))
    return alpha
