"""Measures a checkpoint and writes its figures into training/MODEL_CARD.md, between the two markers there.

python -m training.card --checkpoint runs/lite/checkpoint.pt --alphamatting DIR --hardware "four cores of …"
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from dim_trt.errors import Error
from dim_trt.files import write_atomic
from training.checkpoints import CheckpointError, load_checkpoint, load_model
from training.data.samples import DataError
from training.data.testsets import TRIMAPS, alphamatting
from training.devices import DeviceError, add_device_argument, choose_device
from training.export import fold_batch_norm
from training.model import DeepImageMatting
from training.scenes.families import FAMILIES
from training.validation import SCENE_SIZE, MattingFunction, Score, mean_score, network, validate, validate_scenes

CARD = Path(__file__).with_name("MODEL_CARD.md")
WEIGHTS = Path(__file__).parents[1] / "dim_trt/weights/lite.onnx"
BEGIN, END = "<!-- figures, written by `python -m training.card` -->\n", "<!-- end of figures -->\n"


class CardError(RuntimeError):
    """The card cannot be written; the message says why."""


def check_weights(model: DeepImageMatting, path: Path) -> None:
    """Raises CardError where the ONNX file holds other weights than the network."""
    if not path.is_file():
        raise CardError(f"{path}: no such file; write it with `python -m training.export`")
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
    for name, value in fold_batch_norm(model).state_dict().items():
        if not np.array_equal(stored.get(name.replace(".conv.", ".")), value.numpy()):  # type: ignore[arg-type]
            raise CardError(f"{path}: {name} differs from the checkpoint's; export the checkpoint first")


def half(image: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> NDArray[Any]:
    """What knowing nothing scores."""
    return np.full(trimap.shape, 0.5)


def table(first: str, columns: list[str], rows: dict[str, list[Score]]) -> list[str]:
    """Markdown: SAD and MSE of each column by row."""
    titles = [f"{what} {name}" for name in columns for what in ("SAD", "MSE e-3,")]
    lines = [f"| {first} | {' | '.join(titles)} |", f"| --- |{' ---: |' * len(titles)}"]
    for name, scores in rows.items():
        lines.append(f"| {name} | {' | '.join(f'{score.sad:.2f} | {1000 * score.mse:.1f}' for score in scores)} |")
    return lines


def describe(options: argparse.Namespace, model: DeepImageMatting) -> list[str]:
    """Which weights these are and what they took."""
    training = load_checkpoint(options.checkpoint)["training"] or {}
    parameters = sum(weight.numel() for weight in fold_batch_norm(model).parameters())
    config = ", ".join(f"{name} {value}" for name, value in model.config.to_dict().items())
    took = f"{training.get('step', 0)} steps in {training.get('seconds', 0) / 60:.0f} minutes"
    rows = {
        "weights": f"`{options.onnx.name}`, SHA-256 `{hashlib.sha256(options.onnx.read_bytes()).hexdigest()}`",
        "network": f"{parameters / 1e6:.2f} M parameters: {config}",
        "training": f"{took}; {options.hardware}",
    }
    return ["| | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in rows.items())]


def measure(methods: dict[str, MattingFunction], folder: Path, count: int, seed: int) -> list[str]:
    """Both tables."""
    columns = {name: alphamatting(folder, name) for name in TRIMAPS}
    photographs = {
        name: [mean_score(validate(method, pictures)) for pictures in columns.values()]
        for name, method in methods.items()
    }
    scenes = {}
    for family in tqdm(FAMILIES, unit="family", disable=None, leave=False):
        scenes[family] = list(validate_scenes(methods, family, count, seed).values())
    means = [mean_score(dict(enumerate(column))) for column in zip(*scenes.values(), strict=True)]
    size = f"{SCENE_SIZE.height}×{SCENE_SIZE.width}"
    return [
        f"alphamatting.com, mean of n = {len(columns['narrow'])} pictures at their own size:",
        "",
        *table("trimaps", list(columns), photographs),
        "",
        f"Scenes that training never draws, {count} of each family, {size} pixels:",
        "",
        *table("family", list(methods), scenes | {"mean": means}),
    ]


def fill(card: str, block: str) -> str:
    """The card with another block between its markers."""
    if card.count(BEGIN) != 1 or card.count(END) != 1 or card.index(END) < card.index(BEGIN):
        raise CardError(f"the card needs one line {BEGIN.strip()} and after it one line {END.strip()}")
    return card[: card.index(BEGIN) + len(BEGIN)] + f"\n{block}\n\n" + card[card.index(END) :]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--alphamatting", type=Path, required=True, metavar="DIR", help="as for training.evaluate")
    parser.add_argument("--hardware", required=True, help="what it was trained on, and what came before this run")
    parser.add_argument("--scenes", type=int, default=8, metavar="N", help="of each family, default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the scenes")
    parser.add_argument("--onnx", type=Path, default=WEIGHTS, help="must hold the checkpoint's weights")
    parser.add_argument("--card", type=Path, default=CARD, help="file to change, default: training/MODEL_CARD.md")
    add_device_argument(parser)
    options = parser.parse_args(arguments)
    if options.scenes < 1:
        parser.error(f"--scenes: expected at least 1, got {options.scenes}")
    return options


def write(options: argparse.Namespace) -> None:
    torch.backends.cudnn.allow_tf32 = False  # as training.evaluate measures
    model = load_model(options.checkpoint)
    check_weights(model, options.onnx)
    methods = {"network": network(model.to(choose_device(options.device))), "alpha = 0.5": half}
    fill(options.card.read_text(encoding="utf-8"), "")  # a bad card is better found before the minutes of measuring
    lines = [*describe(options, model), "", *measure(methods, options.alphamatting, options.scenes, options.seed)]
    card = fill(options.card.read_text(encoding="utf-8"), "\n".join(lines))
    write_atomic(options.card, [card.encode()], what="card")


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    try:
        write(options)
    except (CardError, CheckpointError, DataError, DeviceError, Error, OSError) as error:
        raise SystemExit(str(error)) from error
    print(f"{options.card}: written")


if __name__ == "__main__":
    main()
