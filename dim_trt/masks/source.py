"""What a source of masks is, and what is asked of its masks."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dim_trt.arrays import kind
from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2

U8: TypeAlias = NDArray[np.uint8]
F32: TypeAlias = NDArray[np.float32]
FOUND = 0.5  # from here on a pixel is the object's
ROUNDING = 1e-3  # by so much floats may leave 0..1


class MaskSource(Protocol):
    """A function from pictures to soft masks; any callable will do."""

    def __call__(self, img: U8, /) -> F32:
        """[height, width] float32 in 0..1: how sure it is that a pixel belongs to an object.

        `img`: [height, width, 3] uint8 BGR.
        """


def mask_of(source: MaskSource, img: U8) -> F32:
    """The source's mask of a picture, as large as it, in 0..1.

    Args:
        source: as `MaskSource`.
        img: [height, width, 3] uint8 BGR.

    Raises:
        InvalidInput: img is no picture, or what the source returned is no mask of it.
    """
    if not isinstance(img, np.ndarray) or img.dtype != np.uint8 or img.ndim != 3 or img.shape[2] != 3 or not img.size:
        raise InvalidInput(f"img: expected uint8 [height, width, 3], got {kind(img)}")
    mask: Any = source(img)
    if not isinstance(mask, np.ndarray) or mask.dtype.kind != "f" or mask.shape != img.shape[:2]:
        raise InvalidInput(
            f"mask source: expected floating point {list(img.shape[:2])} in 0..1 of this picture, got {kind(mask)}"
        )
    if not (mask.min() >= -ROUNDING and mask.max() <= 1 + ROUNDING):  # false for NaN
        raise InvalidInput(
            f"mask source: expected values in 0..1, got {float(mask.min()):.3g} to {float(mask.max()):.3g}"
        )
    return np.clip(mask.astype(np.float32), 0, 1)


def largest_object(mask: F32) -> F32:
    """The mask [height, width] in 0..1 without all objects but the one with the most pixels of at least 0.5.

    What is soft goes with the object that is nearest.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats((mask >= FOUND).view(np.uint8), connectivity=8)
    if count <= 2:
        return mask
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    to_it, to_others = (
        cv2.distanceTransform((~pixels).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        for pixels in (labels == largest, (labels != largest) & (labels != 0))
    )
    return np.where(to_it <= to_others, mask, np.float32(0))
