"""Colors of foreground pictures where nothing of them is seen."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Level = TypeVar("Level", np.uint8, np.float32)


def spread(color: NDArray[Level], painted: NDArray[np.bool_]) -> NDArray[Level]:
    """Color [H, W, C] as it is where `painted` [H, W], elsewhere that of the nearest painted pixel."""
    if not painted.any():
        return color
    rest = (~painted).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(rest, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colors = np.empty((nearest.max() + 1, color.shape[2]), color.dtype)  # by the label of a painted pixel
    colors[nearest[painted]] = color[painted]
    return np.asarray(colors[nearest])
