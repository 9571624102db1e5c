"""SAD and MSE of a matting method on a folder in the layout of alphamatting.com, and on scenes held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from training.data import DataError
from training.families import FAMILIES
from training.model import DeepImageMatting
from training.preprocess import network_input, pad_to_stride
from training.scenes import Scene, draw_scene
from training.textures import Size

Method = Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[Any]]  # RGB image, trimap -> alpha [H, W]
HELD_OUT = 0xDEAD5EED  # begins the seeds of held-out scenes; no training run has a seed like this
SCENE_SIZE = Size(288, 352)


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
    planes = torch.from_numpy(pad_to_stride(network_input(image, trimap)))[None]
    with torch.inference_mode():
        alpha = model(planes.to(next(model.parameters()).device))[0, 0].float().cpu().numpy()
    alpha = alpha[: trimap.shape[0], : trimap.shape[1]]
    return np.where(trimap == 0, 0, np.where(trimap == 255, 1, alpha)).astype(np.float32)


def network(model: DeepImageMatting) -> Method:
    return lambda image, trimap: predict(model, image, trimap)


def score(alpha: NDArray[Any], truth: NDArray[Any], trimap: NDArray[np.uint8]) -> Score:
    error = (alpha - truth)[(trimap != 0) & (trimap != 255)].astype(np.float64)
    return Score(float(np.abs(error).sum() / 1000), float(np.square(error).mean()) if error.size else 0.0)


def validate(method: Method, folder: Path, trimaps: str = "trimap1") -> dict[str, Score]:
    """Scores by picture at native size; `trimaps` is "trimap1" (narrow) or "trimap2" (wide)."""
    scores = {}
    for truth_path in sorted((folder / "gt").glob("*.png")):
        image = cv2.cvtColor(read(folder / "input" / truth_path.name, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        trimap = read(folder / trimaps / truth_path.name, cv2.IMREAD_GRAYSCALE)
        truth = read(truth_path, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        if not image.shape[:2] == trimap.shape == truth.shape:
            raise DataError(f"{truth_path.name}: sizes differ: input {image.shape[:2]}, {trimaps} {trimap.shape}, "
                             f"gt {truth.shape}")  # fmt: skip
        scores[truth_path.stem] = score(method(image.astype(np.uint8), trimap), truth, trimap)
    if not scores:
        raise FileNotFoundError(f"{folder / 'gt'}: no pictures; expected input/, {trimaps}/ and gt/ with *.png")
    return scores


def held_out_scene(seed: int, family: str, number: int, size: Size = SCENE_SIZE) -> Scene:
    """A scene that no training run draws, with pixels of all three kinds in its trimap: other methods need them."""
    rng = np.random.default_rng((HELD_OUT, seed, list(FAMILIES).index(family), number))
    while True:
        scene = draw_scene(rng, size, family)
        if len(np.unique(scene.trimap)) == 3:
            return scene


def validate_scenes(methods: Mapping[str, Method], family: str, count: int, seed: int) -> dict[str, Score]:
    """The mean score of each method on `count` held-out scenes of one family."""
    scenes = [held_out_scene(seed, family, number) for number in range(count)]
    results = {}
    for name, method in methods.items():
        scores = [score(method(scene.image, scene.trimap), scene.alpha, scene.trimap) for scene in scenes]
        results[name] = mean_score(dict(enumerate(scores)))
    return results


def mean_score(scores: Mapping[Any, Score]) -> Score:
    return Score(*(float(column) for column in np.mean(list(scores.values()), 0)))
