"""Prints SAD (in thousands) and MSE over the unknown region, of the network or of methods without one.

python -m training.evaluate --alphamatting DIR [--method network cf knn]   photographs
python -m training.evaluate --composition1k DIR                            layouts: dim_trt/scoring/datasets.py
python -m training.evaluate --scenes 8 [--method network cf knn]           drawn scenes by family
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from tqdm import tqdm

from dim_trt.scoring.datasets import TruthFiles
from training.checkpoints import CheckpointError, load_model
from training.classical import NAMES, MethodUnavailableError, classical
from training.data.samples import DataError
from training.data.testsets import TRIMAPS, alphamatting, composition1k
from training.devices import DeviceError, add_device_argument, choose_device
from training.scenes.families import FAMILIES
from training.validation import MattingFunction, Score, mean_score, network, validate, validate_scenes


def print_table(first: str, columns: list[str], rows: dict[str, list[Score]]) -> None:
    """SAD and MSE of each column by row, and the mean of the rows."""
    rows = rows | {"mean": [mean_score(dict(enumerate(column))) for column in zip(*rows.values(), strict=True)]}
    width = max(10, *(len(name) for name in rows))
    print(f"{first:{width}}" + "".join(f" {f'SAD {name}'.strip():>12} {'MSE e-3':>8}" for name in columns))
    for name, scores in rows.items():
        print(f"{name:{width}}" + "".join(f" {score.sad:12.2f} {1000 * score.mse:8.1f}" for score in scores))


def print_pictures(methods: dict[str, MattingFunction], columns: dict[str, list[TruthFiles]]) -> None:
    """One table for each method; the columns hold the same pictures, with different trimaps."""
    for name, method in methods.items():
        if len(methods) > 1:
            print(f"{name}:")
        results = [
            validate(method, tqdm(pictures, unit="picture", disable=None, leave=False)) for pictures in columns.values()
        ]
        print_table("picture", list(columns), {picture: [r[picture] for r in results] for picture in results[0]})


def print_scenes(methods: dict[str, MattingFunction], count: int, seed: int) -> None:
    rows = {}
    for family in tqdm(FAMILIES, unit="family", disable=None, leave=False):
        rows[family] = list(validate_scenes(methods, family, count, seed).values())
    print(f"{count} held-out scenes of each family, seed {seed}")
    print_table("family", list(methods), rows)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/lite/checkpoint.pt"), help="of --method network")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--alphamatting", type=Path, metavar="DIR", help="has input/, trimap1/, trimap2/ and gt/")
    what.add_argument("--composition1k", type=Path, metavar="DIR", help="has merged/, trimaps/ and alpha_copy/")
    what.add_argument("--scenes", type=int, metavar="N", help="of each family, from seeds that no training has")
    parser.add_argument("--seed", type=int, default=0, help="of the scenes")
    parser.add_argument("--method", choices=("network", *NAMES), nargs="+", default=["network"])
    add_device_argument(parser)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args(arguments)
    if options.scenes is not None and options.scenes < 1:
        parser.error(f"--scenes: expected at least 1, got {options.scenes}")
    return options


def load_methods(options: argparse.Namespace) -> dict[str, MattingFunction]:
    """By name. The network computes in float32 everywhere: its figures should not depend on the device."""
    torch.backends.cudnn.allow_tf32 = False
    device = choose_device(options.device)
    return {
        name: network(load_model(options.checkpoint).to(device)) if name == "network" else classical(name)
        for name in options.method
    }


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        methods = load_methods(options)
        if options.alphamatting:
            print_pictures(methods, {name: alphamatting(options.alphamatting, name) for name in TRIMAPS})
        elif options.composition1k:
            pictures = composition1k(options.composition1k)
            print(f"{len(pictures)} pictures of {options.composition1k}")
            print_pictures(methods, {"": pictures})
        else:
            print_scenes(methods, options.scenes, options.seed)
    except (CheckpointError, MethodUnavailableError, DataError, DeviceError) as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
