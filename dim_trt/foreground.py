"""The colors of foreground and background under a matte, so that no old background shines through a cutout.

A mixed pixel shows alpha · F + (1 - alpha) · B. The picture's own color there is not F: cut out with it, an object has
a rim of its old background. F and B are found by Germer, Uelwer, Conrad and Harmeling, Fast Multi-Level Foreground
Estimation (ICPR 2020, arXiv 2006.14970), on the values as they are stored (display-encoded), as mattes are estimated.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dim_trt import _core
from dim_trt.arrays import advise, as_numpy, check_alphas
from dim_trt.errors import InvalidInput

Level = TypeVar("Level", np.uint8, np.float32)


def estimate(
    img: NDArray[Level], alpha: NDArray[np.floating], *, threads: int | None = None
) -> tuple[NDArray[Level], NDArray[Level]]:
    """Foreground and background colors of a picture with a matte.

    Args:
        img: [height, width, 3] uint8, or float32 in 0..1; any channel order.
        alpha: [height, width] floating point in 0..1.
        threads: CPU threads; None is all cores. Their number changes no bit of the result.

    Returns:
        (foreground, background), each of img's shape and type. Where alpha is exactly 1 the foreground is img to the
        bit, where it is exactly 0 the background is; where alpha says nothing about a layer its colors are spread from
        nearby, so that scaling a cutout mixes in nothing foreign.

    Raises:
        InvalidInput: an array has another type, shape or range, or NaN, or threads is not a whole number from 1.
    """
    matted = check_matted(img, alpha)
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise InvalidInput(f"threads: expected a whole number from 1, or None for all cores, got {threads!r}")
    return _core.estimate_foreground(*matted, threads=threads or 0)


def check_matted(img: NDArray[Level], alpha: NDArray[np.floating]) -> tuple[NDArray[Level], NDArray[np.float32]]:
    """img and alpha of `estimate`, without gaps. Raises InvalidInput."""
    img, alpha = as_numpy(img, "img"), as_numpy(alpha, "alpha")
    _check_picture(img)
    check_alphas(alpha)
    if alpha.shape != img.shape[:2]:
        raise InvalidInput(
            f"alpha: expected the height and width of img, {list(img.shape[:2])}, got {list(alpha.shape)}"
        )
    return np.ascontiguousarray(img), np.ascontiguousarray(alpha, np.float32)


def _check_picture(img: NDArray[Level]) -> None:
    advise(img, "img")
    if not isinstance(img, np.ndarray) or img.dtype not in (np.uint8, np.float32):
        got = img.dtype if isinstance(img, np.ndarray) else type(img).__name__
        raise InvalidInput(f"img: expected an array of uint8, or of float32 in 0..1, got {got}")
    if img.ndim != 3 or img.shape[2] != 3 or img.size == 0:
        raise InvalidInput(f"img: expected shape (height, width, 3) with sides of at least 1, got {img.shape}")
    if img.dtype == np.float32 and not (img.min() >= 0 and img.max() <= 1):  # false for NaN
        raise InvalidInput("img: expected float32 values in 0..1, got some outside or NaN; divide by the largest")
