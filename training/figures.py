"""What model cards say of networks: how far they are off on photographs and on drawn scenes, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from training.data.masks import OBJECT_FAMILIES
from training.data.testsets import TRIMAPS, alphamatting, load
from training.mask_validation import HeldOutMask, MaskFunction, MaskScore, find_objects, score_mask
from training.model import DeepImageMatting
from training.networks import Network
from training.scenes.families import FAMILIES
from training.validation import SCENE_SIZE, Score, mean_score, network, validate, validate_scenes

SIZE = f"{SCENE_SIZE.height}×{SCENE_SIZE.width}"


def figures(model: Network, folder: Path, count: int, seed: int) -> list[str]:
    """Lines. folder: of alphamatting.com's pictures; count: held-out scenes of each family; seed: theirs."""
    if isinstance(model, DeepImageMatting):
        return matting_figures(model, folder, count, seed)
    return mask_figures(lambda image: find_objects(model, image), folder, count, seed)


def half(image: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> NDArray[Any]:
    """What knowing nothing scores."""
    return np.full(trimap.shape, 0.5)


def matting_figures(model: DeepImageMatting, folder: Path, count: int, seed: int) -> list[str]:
    methods = {"network": network(model), "alpha = 0.5": half}
    columns = {name: alphamatting(folder, name) for name in TRIMAPS}
    photographs = {
        name: [mean_score(validate(method, pictures)) for pictures in columns.values()]
        for name, method in methods.items()
    }
    scenes = {
        family: list(validate_scenes(methods, family, count, seed).values()) for family in shown_as_progress(FAMILIES)
    }
    means = [mean_score(dict(enumerate(column))) for column in zip(*scenes.values(), strict=True)]
    return [
        f"alphamatting.com, mean of n = {len(columns['narrow'])} pictures at their own size:",
        "",
        *matting_table("trimaps", list(columns), photographs),
        "",
        f"Scenes that training never draws, {count} of each family, {SIZE} pixels:",
        "",
        *matting_table("family", list(methods), scenes | {"mean": means}),
    ]


def matting_table(first: str, columns: Sequence[str], rows: Mapping[str, Sequence[Score]]) -> list[str]:
    """SAD and MSE of each column by row."""
    titles = [f"{what} {name}" for name in columns for what in ("SAD", "MSE e-3,")]
    return table(
        [first, *titles],
        {name: [text for one in scores for text in (f"{one.sad:.2f}", f"{1000 * one.mse:.1f}")]
         for name, scores in rows.items()},
    )  # fmt: skip


def mask_figures(method: MaskFunction, folder: Path, count: int, seed: int) -> list[str]:
    photographs = {}
    for sample in alphamatting(folder):
        image, _, alpha = load(sample)
        photographs[sample.name] = score_mask(method(image), (alpha >= 0.5).astype(np.float32))
    scenes = {
        family: mean_score({
            number: score_mask(method(drawn.image), drawn.mask)
            for number, drawn in enumerate(HeldOutMask(family, i, seed).load() for i in range(count))
        })
        for family in shown_as_progress(OBJECT_FAMILIES)
    }  # fmt: skip
    return [
        f"alphamatting.com, n = {len(photographs)} pictures at their own size, objects are where alpha is above 0.5:",
        "",
        *mask_table("picture", photographs),
        "",
        f"Drawn pictures that training never draws, {count} of each family, {SIZE} pixels, none to three objects:",
        "",
        *mask_table("family of the first object", scenes),
    ]


def mask_table(first: str, rows: Mapping[str, MaskScore]) -> list[str]:
    scores = {**rows, "mean": mean_score(rows)}
    return table([first, "MAE", "IoU"], {name: [f"{one.mae:.3f}", f"{one.iou:.2f}"] for name, one in scores.items()})


def table(titles: Sequence[str], rows: Mapping[str, Sequence[str]]) -> list[str]:
    head = [f"| {' | '.join(titles)} |", f"| --- |{' ---: |' * (len(titles) - 1)}"]
    return [*head, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())]


def shown_as_progress(families: Any) -> Any:
    return tqdm(families, unit="family", disable=None, leave=False)
