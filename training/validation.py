"""SAD and MSE of a network on a folder in the layout of alphamatting.com."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from training.model import DeepImageMatting
from training.preprocess import network_input, pad_to_stride


class Score(NamedTuple):
    """sad: sum of |error| over unknown pixels, in thousands; mse: mean squared error over them."""

    sad: float
    mse: float


def read(path: Path, flag: int) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), flag)
    if picture is None:
        raise FileNotFoundError(f"{path}: missing or unreadable picture")
    return picture.astype(np.uint8)


def predict(model: DeepImageMatting, image: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Alpha [H, W] of an RGB image [H, W, 3] and a trimap [H, W], exact where the trimap is known."""
    planes = pad_to_stride(network_input(image, trimap))
    with torch.inference_mode():
        alpha = model(torch.from_numpy(planes)[None])[0, 0].numpy()[: trimap.shape[0], : trimap.shape[1]]
    return np.where(trimap == 0, 0, np.where(trimap == 255, 1, alpha)).astype(np.float32)


def score(alpha: NDArray[Any], truth: NDArray[Any], trimap: NDArray[np.uint8]) -> Score:
    error = (alpha - truth)[(trimap != 0) & (trimap != 255)].astype(np.float64)
    return Score(float(np.abs(error).sum() / 1000), float(np.square(error).mean()) if error.size else 0.0)


def validate(model: DeepImageMatting, folder: Path, trimaps: str = "trimap1") -> dict[str, Score]:
    """Scores by picture at native size; `trimaps` is "trimap1" (narrow) or "trimap2" (wide)."""
    scores = {}
    for truth_path in sorted((folder / "gt").glob("*.png")):
        image = cv2.cvtColor(read(folder / "input" / truth_path.name, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        trimap = read(folder / trimaps / truth_path.name, cv2.IMREAD_GRAYSCALE)
        truth = read(truth_path, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        scores[truth_path.stem] = score(predict(model, image.astype(np.uint8), trimap), truth, trimap)
    if not scores:
        raise FileNotFoundError(f"{folder / 'gt'}: no pictures; expected input/, {trimaps}/ and gt/ with *.png")
    return scores


def mean_score(scores: dict[str, Score]) -> Score:
    return Score(*(float(column) for column in np.mean(list(scores.values()), 0)))
