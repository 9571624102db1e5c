"""Pictures with ground truth to score on, in RGB: alphamatting.com and Composition-1k, see dim_trt.scoring.datasets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.scoring.datasets import TruthFiles, find_samples, layouts
from dim_trt.scoring.evaluation import read_content
from training.data.samples import DataError

TRIMAPS = {"narrow": "trimap1", "wide": "trimap2"}


def alphamatting(folder: Path, trimaps: str = "narrow") -> list[TruthFiles]:
    """`trimaps` is a key of TRIMAPS. Raises DataError for a folder or file that is missing."""
    return _samples(folder, "alphamatting", TRIMAPS[trimaps])


def composition1k(folder: Path) -> list[TruthFiles]:
    """Every picture in `merged/`. Raises DataError where a folder, a trimap or an alpha is missing."""
    return _samples(folder, "composition1k", None)


def find_sets(folder: Path) -> dict[str, list[TruthFiles]]:
    """The pictures of any layout: of alphamatting.com with each kind of trimap that is there, by a key of TRIMAPS, of
    the others by the layout. Raises DataError for a folder or file that is missing."""
    kinds = {name: trimaps for name, trimaps in TRIMAPS.items() if trimap_folder(folder, trimaps)}
    if kinds:
        return {name: _samples(folder, "alphamatting", trimaps) for name, trimaps in kinds.items()}
    try:
        layout, samples = find_samples(folder)
    except InvalidInput as error:
        raise DataError(str(error)) from error
    return {layout: samples}


def trimap_folder(folder: Path, trimaps: str) -> bool:
    """Whether alphamatting.com's layout is there with these trimaps."""
    return any(all((folder / part).is_dir() for part in variant) for variant in layouts(trimaps)["alphamatting"])


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
