"""What the golden plans are run on: arithmetic alone, so that no library's random numbers are in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def picture() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Image [37, 51, 3] and trimap [37, 51], with an unknown stripe."""
    y, x, c = np.mgrid[:37, :51, :3]
    img = ((x * x + 7 * x * y + 31 * y + 57 * c * (x + 1)) % 251).astype(np.uint8)
    trimap = np.full((37, 51), 128, np.uint8)
    trimap[:, :12], trimap[:, 40:] = 0, 255
    return img, trimap
