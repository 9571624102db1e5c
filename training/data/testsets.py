"""Pictures with ground truth to score on, in RGB: alphamatting.com and Composition-1k, see dim_trt.scoring.datasets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.scoring.datasets import TruthFiles, find_samples
from dim_trt.scoring.evaluation import read_content
from training.data.samples import DataError

TRIMAPS = {"narrow": "trimap1", "wide": "trimap2"}


def alphamatting(folder: Path, trimaps: str = "narrow") -> list[TruthFiles]:
    """`trimaps` is a key of TRIMAPS. Raises DataError for a folder or file that is missing."""
    return _samples(folder, "alphamatting", TRIMAPS[trimaps])


def composition1k(folder: Path) -> list[TruthFiles]:
    """Every picture in `merged/`. Raises DataError where a folder, a trimap or an alpha is missing."""
    return _samples(folder, "composition1k", None)


def load(sample: TruthFiles) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
    """RGB image [H, W, 3], trimap [H, W] and true alpha [H, W] in 0..1. Raises DataError."""
    try:
        img, trimap, truth = read_content(sample)
    except InvalidInput as error:
        raise DataError(f"{sample.name}: {error}") from error
    return np.ascontiguousarray(img[:, :, ::-1]), trimap, truth


def _samples(folder: Path, layout: str, trimap_set: str | None) -> list[TruthFiles]:
    try:
        return find_samples(folder, layout, trimap_set)[1]
    except InvalidInput as error:
        raise DataError(str(error)) from error
