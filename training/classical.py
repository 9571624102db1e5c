"""Matting without a network, to compare with: closed-form and KNN matting of pymatting, where that is installed."""

from __future__ import annotations

import contextlib
import importlib
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.data.preprocess import canonical_trimap

if TYPE_CHECKING:
    from training.validation import MattingFunction  # imports torch, which these methods do without

NAMES = {"cf": "estimate_alpha_cf", "knn": "estimate_alpha_knn"}


class MethodUnavailableError(RuntimeError):
    """The message says what to install."""


def classical(name: str) -> MattingFunction:
    """`cf` or `knn`; raises MethodUnavailableError without pymatting."""
    try:
        pymatting = importlib.import_module("pymatting")
    except ImportError as error:
        raise MethodUnavailableError(f"--method {name} needs pymatting ({error}): pip install pymatting") from error
    estimate = getattr(pymatting, NAMES[name])

    def matte(image: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> NDArray[Any]:
        known = np.array([0.0, 0.5, 1.0])[canonical_trimap(trimap).astype(int) // 127]
        with contextlib.redirect_stdout(io.StringIO()):  # what its solver tried first
            alpha = estimate(image.astype(np.float64) / 255, known)
        return np.asarray(np.clip(alpha, 0, 1))

    return matte
