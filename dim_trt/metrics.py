"""How far an alpha is from the truth, over a named region."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput

REGIONS = ("unknown", "whole")


def sad(
    alpha: NDArray[np.floating],
    truth: NDArray[np.floating],
    trimap: NDArray[np.uint8] | None = None,
    *,
    region: str = "unknown",
) -> float:
    """Sum of absolute differences divided by 1000, as published tables give it.

    Args:
        alpha, truth: [height, width] floating point in 0..1.
        trimap: [height, width] uint8; needed for the unknown region (every value but 0 and 255).
        region: "unknown" or "whole".
    """
    return float(np.abs(_differences(alpha, truth, trimap, region)).sum() / 1000)


def mse(
    alpha: NDArray[np.floating],
    truth: NDArray[np.floating],
    trimap: NDArray[np.uint8] | None = None,
    *,
    region: str = "unknown",
) -> float:
    """Mean squared difference; arguments as in `sad`."""
    return float(np.square(_differences(alpha, truth, trimap, region)).mean())


def mad(
    alpha: NDArray[np.floating],
    truth: NDArray[np.floating],
    trimap: NDArray[np.uint8] | None = None,
    *,
    region: str = "unknown",
) -> float:
    """Mean absolute difference; arguments as in `sad`."""
    return float(np.abs(_differences(alpha, truth, trimap, region)).mean())


def unknown_pixels(trimap: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """[height, width]: where the trimap is neither 0 nor 255."""
    unknown: NDArray[np.bool_] = (trimap != 0) & (trimap != 255)
    return unknown


def _differences(
    alpha: NDArray[np.floating], truth: NDArray[np.floating], trimap: NDArray[np.uint8] | None, region: str
) -> NDArray[np.float64]:
    """The region's differences in float64; raises InvalidInput where there is nothing sensible to compare."""
    if region not in REGIONS:
        raise InvalidInput(f"region: expected one of {', '.join(REGIONS)}, got {region!r}")
    for name, array in (("alpha", alpha), ("truth", truth)):
        if not isinstance(array, np.ndarray) or array.ndim != 2 or not np.issubdtype(array.dtype, np.floating):
            raise InvalidInput(f"{name}: expected a [height, width] floating point array in 0..1, got {_kind(array)}")
        if array.shape != alpha.shape:
            raise InvalidInput(f"truth: expected the size of alpha, {list(alpha.shape)}, got {list(array.shape)}")
        if not ((array >= 0) & (array <= 1)).all():  # false for NaN
            raise InvalidInput(f"{name}: expected values in 0..1, got some outside or NaN")
    difference = alpha.astype(np.float64) - truth.astype(np.float64)
    if region == "unknown":
        if not isinstance(trimap, np.ndarray) or trimap.dtype != np.uint8 or trimap.shape != alpha.shape:
            raise InvalidInput(
                f"trimap: expected uint8 {list(alpha.shape)} for the unknown region, got {_kind(trimap)}"
            )
        difference = difference[unknown_pixels(trimap)]
    if difference.size == 0:
        raise InvalidInput(f"region: the {region} region has no pixel, there is nothing to compare")
    return difference


def _kind(array: object) -> str:
    return f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
