"""Measures a checkpoint and writes its figures into the model card of its network, between the two markers there.

python -m training.card --checkpoint runs/lite/checkpoint.pt --alphamatting DIR --hardware "four cores of …"
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch

from dim_trt.errors import Error
from dim_trt.files import write_atomic
from training.checkpoints import CheckpointError, load_checkpoint, load_network
from training.data.samples import DataError
from training.devices import DeviceError, add_device_argument, choose_device
from training.export import fold_batch_norm, rounded
from training.figures import figures
from training.networks import KINDS, MATTING, SEGMENTATION, Network, kind_of, training_alone


class Shipped(NamedTuple):
    """A network that comes with the package: its card, its ONNX file, and how exact the file's weights are."""

    card: Path
    onnx: Path
    weights: str = "fp32"


HERE, FILES = Path(__file__).parent, Path(__file__).parents[1] / "dim_trt/weights"
SHIPPED = {
    MATTING: Shipped(HERE / "MODEL_CARD.md", FILES / "lite.onnx"),
    SEGMENTATION: Shipped(HERE / "SALIENT_CARD.md", FILES / "salient.onnx", "fp16"),
}
BEGIN, END = "<!-- figures, written by `python -m training.card` -->\n", "<!-- end of figures -->\n"


class CardError(RuntimeError):
    """The card cannot be written; the message says why."""


def check_weights(model: Network, path: Path) -> None:
    """Raises CardError where the ONNX file holds other weights than the network, which is as it was exported."""
    if not path.is_file():
        raise CardError(f"{path}: no such file; write it with `python -m training.export`")
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
    for name, value in model.state_dict().items():
        if name.partition(".")[0] in training_alone(model):
            continue
        if not np.array_equal(stored.get(name.replace(".conv.", ".")), value.numpy()):  # type: ignore[arg-type]
            raise CardError(f"{path}: {name} differs from the checkpoint's; export the checkpoint first")


def describe(options: argparse.Namespace, model: Network) -> list[str]:
    """Which weights these are and what they took."""
    training = load_checkpoint(options.checkpoint, *KINDS)["training"] or {}
    stored = [layer for name, layer in model.named_children() if name not in training_alone(model)]
    parameters = sum(weight.numel() for layer in stored for weight in layer.parameters())
    config = ", ".join(f"{name} {value}" for name, value in model.config.to_dict().items())
    took = f"{training.get('step', 0)} steps in {training.get('seconds', 0) / 60:.0f} minutes"
    rows = {
        "weights": f"`{options.onnx.name}`, SHA-256 `{hashlib.sha256(options.onnx.read_bytes()).hexdigest()}`",
        "network": f"{parameters / 1e6:.2f} M parameters: {config}",
        "training": f"{took}; {options.hardware}",
    }
    return ["| | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in rows.items())]


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
    parser.add_argument("--onnx", type=Path, help="must hold the checkpoint's weights; default: what is shipped")
    parser.add_argument("--card", type=Path, help="file to change; default: the network's in training/")
    add_device_argument(parser)
    options = parser.parse_args(arguments)
    if options.scenes < 1:
        parser.error(f"--scenes: expected at least 1, got {options.scenes}")
    return options


def write(options: argparse.Namespace) -> None:
    torch.backends.cudnn.allow_tf32 = False  # as training.evaluate measures
    trained = load_network(options.checkpoint)
    shipped = SHIPPED[kind_of(trained.config)]
    options.onnx, options.card = options.onnx or shipped.onnx, options.card or shipped.card
    model = rounded(fold_batch_norm(trained), shipped.weights)
    check_weights(model, options.onnx)
    fill(options.card.read_text(encoding="utf-8"), "")  # a bad card is better found before the minutes of measuring
    described = describe(options, model)
    measured = figures(model.to(choose_device(options.device)), options.alphamatting, options.scenes, options.seed)
    card = fill(options.card.read_text(encoding="utf-8"), "\n".join([*described, "", *measured]))
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
