"""SAD and MSE of a matting method on pictures with ground truth, and on scenes held out."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dim_trt.errors import InvalidInput
from dim_trt.scoring.datasets import TruthFiles
from dim_trt.scoring.metrics import mse, sad
from training.data.preprocess import network_input
from training.data.reading import read_headers
from training.data.samples import DataError
from training.data.testsets import find_sets, load
from training.model import DeepImageMatting
from training.scenes.drawing import Scene, draw_scene
from training.scenes.families import FAMILIES
from training.scenes.textures import Size

MattingFunction = Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[Any]]  # RGB image, trimap -> alpha [H, W]
HELD_OUT = 0xDEAD5EED  # begins the seeds of held-out scenes; no training run has a seed like this
SCENE_SIZE = Size(288, 352)
SCENES = "scenes"  # the name of held-out scenes among folders to validate on
SCENES_OF_EACH = 2  # family
CHOOSING_SEED = 1  # of those that choose a network; seed 0 has those of the model card


ScoreT = TypeVar("ScoreT")  # a NamedTuple of figures


class Score(NamedTuple):
    """sad: sum of |error| over unknown pixels, in thousands; mse: mean squared error over them."""

    sad: float
    mse: float

    @property
    def error(self) -> float:
        """What networks are chosen by."""
        return self.sad

    def words(self) -> str:
        return f"SAD {self.sad:.2f} MSE {1000 * self.mse:.1f}e-3"

    def chosen_by(self) -> str:
        return f"SAD {self.sad:.2f}"


def infer(model: DeepImageMatting, planes: Tensor, half: bool) -> NDArray[np.float32]:
    """[1, 4, H, W] -> alpha [H, W], on the device of the network."""
    device = next(model.parameters()).device
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
        alpha: NDArray[np.float32] = model(planes.to(device))[0, 0].float().cpu().numpy()
    return alpha


def predict(
    model: DeepImageMatting, image: NDArray[np.uint8], trimap: NDArray[np.uint8], half: bool = False
) -> NDArray[np.float32]:
    """Alpha [H, W] of an RGB image [H, W, 3] and a trimap [H, W], exact where the trimap is known.

    half: bfloat16 arithmetic. A picture that is too big for the GPU goes through the CPU, as in the paper.
    """
    planes, alpha = torch.from_numpy(network_input(image, trimap))[None], None
    with contextlib.suppress(torch.OutOfMemoryError):
        alpha = infer(model, planes, half)
    if alpha is None:  # outside the handler: there the failed pass would still hold its memory
        torch.cuda.empty_cache()
        alpha = infer(copy.deepcopy(model).cpu(), planes, half=False)
    alpha = alpha[: trimap.shape[0], : trimap.shape[1]]
    return np.where(trimap == 0, 0, np.where(trimap == 255, 1, alpha)).astype(np.float32)


def network(model: DeepImageMatting, half: bool = False) -> MattingFunction:
    return lambda image, trimap: predict(model, image, trimap, half)


def score(name: str, alpha: NDArray[Any], truth: NDArray[np.float32], trimap: NDArray[np.uint8]) -> Score:
    """Of the picture `name`. Raises DataError where there is nothing to compare."""
    try:
        return Score(sad(alpha, truth, trimap), mse(alpha, truth, trimap))
    except InvalidInput as error:
        raise DataError(f"{name}: {error}") from error


def validate(method: MattingFunction, pictures: Iterable[TruthFiles | HeldOut]) -> dict[str, Score]:
    """Scores by picture, each at its own size."""
    scores = {}
    for picture in pictures:
        image, trimap, truth = picture.load() if isinstance(picture, HeldOut) else load(picture)
        scores[picture.name] = score(picture.name, method(image, trimap), truth, trimap)
    return scores


def held_out_scene(seed: int, family: str, number: int, size: Size = SCENE_SIZE) -> Scene:
    """A scene that no training run draws, with pixels of all three kinds in its trimap: other methods need them."""
    rng = np.random.default_rng((HELD_OUT, seed, list(FAMILIES).index(family), number))
    while True:
        scene = draw_scene(rng, size, family)
        if len(np.unique(scene.trimap)) == 3:
            return scene


@dataclass(frozen=True)
class HeldOut:
    """A held-out scene as a picture to score on."""

    family: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.family} {self.number}"

    def load(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
        """RGB image [H, W, 3], trimap [H, W] and true alpha [H, W] in 0..1."""
        scene = held_out_scene(CHOOSING_SEED, self.family, self.number)
        return scene.image, scene.trimap, scene.alpha


@dataclass(frozen=True)
class Validation:
    """Sets of pictures by name. A network is the better, the lower the mean over the sets of their mean SAD."""

    sets: Mapping[str, Sequence[TruthFiles | HeldOut]]

    def __str__(self) -> str:
        """Which pictures these are: figures of the same ones compare."""
        return ", ".join(f"{name} ({len(pictures)})" for name, pictures in self.sets.items())

    def scores(self, method: MattingFunction, cancelled: Callable[[], bool]) -> dict[str, Score] | None:
        """The mean of each set; None where it was cancelled."""
        results = {}
        for name, pictures in self.sets.items():
            scores = validate(method, itertools.takewhile(lambda _: not cancelled(), pictures))
            if cancelled():
                return None
            results[name] = mean_score(scores)
        return results


def open_validation(places: Sequence[str]) -> Validation:
    """places: folders in a layout of dim_trt.scoring.datasets, or SCENES. Raises DataError: for files that are missing
    or truncated, too."""
    sets: dict[str, Sequence[TruthFiles | HeldOut]] = {}
    for place in places:
        if place == SCENES:
            found: Mapping[str, Sequence[TruthFiles | HeldOut]]
            found = {SCENES: [HeldOut(family, number) for number in range(SCENES_OF_EACH) for family in FAMILIES]}
        else:
            found = find_sets(Path(place))
        for name, pictures in found.items():
            sets[f"{Path(place).name} {name}" if name in sets else name] = pictures
    files = [sample for pictures in sets.values() for sample in pictures if isinstance(sample, TruthFiles)]
    _, bad = read_headers(path for sample in files for path in (sample.image, sample.trimap, sample.truth))
    if bad:
        raise bad[0]
    return Validation(sets)


def validate_scenes(methods: Mapping[str, MattingFunction], family: str, count: int, seed: int) -> dict[str, Score]:
    """The mean score of each method on `count` held-out scenes of one family."""
    scenes = [held_out_scene(seed, family, number) for number in range(count)]
    results = {}
    for name, method in methods.items():
        scores = [score(family, method(scene.image, scene.trimap), scene.alpha, scene.trimap) for scene in scenes]
        results[name] = mean_score(dict(enumerate(scores)))
    return results


def mean_score(scores: Mapping[Any, ScoreT]) -> ScoreT:
    rows: list[Any] = list(scores.values())
    mean: ScoreT = type(rows[0])(*(float(column) for column in np.mean(rows, 0)))
    return mean
