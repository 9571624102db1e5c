"""Arrays that callers pass: their checks, whose messages name the argument, what was expected and what came."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput

Floats: TypeAlias = NDArray[np.floating[Any]]
Mask: TypeAlias = NDArray[np.bool_]

LABELS_BELOW = 16  # who counts to less in 8 or 16 bits has numbered something


def check_alphas(alpha: Floats, **others: Floats) -> None:
    """Raise InvalidInput unless all are [height, width] floating point in 0..1 of one size."""
    for name, array in {"alpha": alpha, **others}.items():
        if not isinstance(array, np.ndarray) or array.ndim != 2 or not np.issubdtype(array.dtype, np.floating):
            raise InvalidInput(f"{name}: expected a [height, width] floating point array in 0..1, got {kind(array)}")
        if array.shape != alpha.shape:
            raise InvalidInput(f"{name}: expected the size of alpha, {list(alpha.shape)}, got {list(array.shape)}")
        if array.size and not (array.min() >= 0 and array.max() <= 1):  # false for NaN
            raise InvalidInput(f"{name}: expected values in 0..1, got some outside or NaN")


def kind(array: object) -> str:
    """What came, for a message: dtype and shape, or the type of what is no array."""
    return f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__


def unknown_pixels(trimap: NDArray[np.uint8]) -> Mask:
    """[height, width]: where the trimap is neither 0 nor 255."""
    unknown: Mask = (trimap != 0) & (trimap != 255)
    return unknown
