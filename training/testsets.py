"""Pictures with ground truth to score on, in the layouts of alphamatting.com and of Composition-1k.

alphamatting.com: `input/`, `trimap1/` (narrow), `trimap2/` (wide) and `gt/`, with the same names.

Composition-1k, once its 50 test foregrounds are composed onto 1000 backgrounds of Pascal VOC (by the script that comes
with it, or MMEditing's preprocess_comp1k_dataset.py): `merged/`, `trimaps/` and `alpha_copy/` or `alpha/` side by side,
or as MMEditing leaves them in `[Combined_Dataset/]Test_set/`, with trimaps and alpha in its `Adobe-licensed images/`.
A picture `merged/boy_7.png` has the trimap `boy_7.png` and the alpha `boy_7.png`, or `boy.png` for all that show it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data import DataError
from training.folders import PARTS, pictures, read

TRIMAPS = {"narrow": "trimap1", "wide": "trimap2"}


class Picture(NamedTuple):
    """Three files of one size."""

    name: str
    image: Path
    trimap: Path
    truth: Path


def alphamatting(folder: Path, trimaps: str = "narrow") -> list[Picture]:
    """`trimaps` is a key of TRIMAPS. Raises DataError for an empty folder; a missing file is found when it is read."""
    images, regions, truths = (folder / name for name in ("input", TRIMAPS[trimaps], "gt"))
    names = sorted(path.name for path in truths.glob("*.png"))
    if not names:
        raise DataError(f"{truths}: no pictures; expected input/, {TRIMAPS[trimaps]}/ and gt/ with *.png")
    return [Picture(Path(name).stem, images / name, regions / name, truths / name) for name in names]


def composition1k(folder: Path) -> list[Picture]:
    """Every picture in `merged/`. Raises DataError where a folder, a trimap or an alpha is missing."""
    root = next((at for at in (folder / "Combined_Dataset/Test_set", folder / "Test_set") if at.is_dir()), folder)
    images = pictures(find(root, "merged"))
    trimap_folder, truth_folder = find(root, "trimaps"), find(root, "alpha_copy", "alpha")
    trimaps, truths = pictures(trimap_folder), pictures(truth_folder)
    shared = not images.keys() <= truths.keys()  # one alpha for all pictures of a foreground
    found = []
    for name, image in images.items():
        truth = name.rpartition("_")[0] if shared else name
        for wanted, there, where in ((name, trimaps, trimap_folder), (truth, truths, truth_folder)):
            if wanted not in there:
                raise DataError(f"{image}: no picture {wanted} in {where}")
        found.append(Picture(name, image, trimaps[name], truths[truth]))
    if not found:
        raise DataError(f"{root / 'merged'}: no pictures")
    return found


def find(root: Path, *names: str) -> Path:
    """The first of these folders in `root` or in a part of it."""
    for place in (root, *(root / part for part in PARTS)):
        for name in names:
            if (place / name).is_dir():
                return place / name
    raise DataError(f"{root}: no folder {' or '.join(names)} in it; for the layouts see training/testsets.py")


def load(picture: Picture) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
    """RGB image [H, W, 3], trimap [H, W] and true alpha [H, W] in 0..1. Raises DataError."""
    image = read(picture.image, cv2.IMREAD_COLOR)
    trimap, truth = (read(path, cv2.IMREAD_GRAYSCALE) for path in (picture.trimap, picture.truth))
    if not image.shape[:2] == trimap.shape == truth.shape:
        raise DataError(f"{picture.name}: sizes differ: {picture.image} {image.shape[:2]}, {picture.trimap} "
                        f"{trimap.shape}, {picture.truth} {truth.shape}")  # fmt: skip
    return np.ascontiguousarray(image), trimap, truth.astype(np.float32) / np.float32(255)
