"""How far masks are off, on pictures with true masks and on drawn ones held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from training.data.masks import OBJECT_FAMILIES, Masked, MaskFiles, check_masks, draw_masked, find_masks, read_masked
from training.data.preprocess import salient_input
from training.salient import SalientObjects
from training.validation import CHOOSING_SEED, HELD_OUT, SCENE_SIZE, SCENES, SCENES_OF_EACH, mean_score

MaskFunction = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # RGB image -> soft mask [H, W]


class MaskScore(NamedTuple):
    """mae: mean absolute error over the picture; iou: intersection over union of what is above one half."""

    mae: float
    iou: float

    @property
    def error(self) -> float:
        """What networks are chosen by."""
        return self.mae

    def words(self) -> str:
        return f"MAE {self.mae:.4f} IoU {self.iou:.3f}"

    def chosen_by(self) -> str:
        return f"MAE {self.mae:.4f}"


def score_mask(mask: NDArray[np.float32], truth: NDArray[np.float32]) -> MaskScore:
    """Two empty masks agree."""
    said, is_object = mask >= 0.5, truth >= 0.5
    union = np.count_nonzero(said | is_object)
    iou = np.count_nonzero(said & is_object) / union if union else 1.0
    return MaskScore(float(np.abs(mask - truth).mean()), float(iou))


def find_objects(model: SalientObjects, image: NDArray[np.uint8], half: bool = False) -> NDArray[np.float32]:
    """The soft mask [H, W] of an RGB image [H, W, 3] in 0..1, scaled as an engine does it.

    half: bfloat16 arithmetic.
    """
    device = next(model.parameters()).device
    planes = torch.from_numpy(salient_input(image))[None].to(device)
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
        small = model(planes)[0, 0].float().cpu().numpy()
    mask = cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(mask, 0, 1), np.float32)


@dataclass(frozen=True)
class HeldOutMask:
    """A drawn picture that no training run draws."""

    family: str
    number: int
    seed: int = CHOOSING_SEED

    def load(self) -> Masked:
        seed = (HELD_OUT, self.seed, OBJECT_FAMILIES.index(self.family), self.number)
        return draw_masked(np.random.default_rng(seed), SCENE_SIZE, self.family)[0]


@dataclass(frozen=True)
class MaskValidation:
    """Sets of pictures by name. A network is the better, the lower the mean over the sets of their mean MAE."""

    sets: Mapping[str, Sequence[MaskFiles | HeldOutMask]]

    def __str__(self) -> str:
        """Which pictures these are: figures of the same ones compare."""
        return ", ".join(f"{name} ({len(pictures)})" for name, pictures in self.sets.items())

    def scores(self, method: MaskFunction, cancelled: Callable[[], bool]) -> dict[str, MaskScore] | None:
        """The mean of each set; None where it was cancelled."""
        results = {}
        for name, pictures in self.sets.items():
            scores = []
            for picture in pictures:
                if cancelled():
                    return None
                masked = picture.load() if isinstance(picture, HeldOutMask) else read_masked(picture)
                scores.append(score_mask(method(masked.image), masked.mask))
            results[name] = mean_score(dict(enumerate(scores)))
        return results


def open_mask_validation(places: Sequence[str]) -> MaskValidation:
    """places: folders in a layout of training.data.masks, or SCENES. Raises DataError: for files that are missing or
    truncated, too."""
    sets: dict[str, Sequence[MaskFiles | HeldOutMask]] = {}
    for place in places:
        if place == SCENES:
            sets[SCENES] = [HeldOutMask(family, i) for i in range(SCENES_OF_EACH) for family in OBJECT_FAMILIES]
        else:
            files = find_masks(Path(place))
            check_masks(files)
            name = Path(place).name
            sets[place if name in sets else name] = files
    return MaskValidation(sets)
