"""Prints SAD and MSE: `python -m training.evaluate --alphamatting DIR [--method network cf knn]` on photographs,
`python -m training.evaluate --scenes 8 [--method network cf knn]` on drawn scenes by family."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from tqdm import tqdm

from training.checkpoints import CheckpointError, load_model
from training.classical import NAMES, MethodUnavailableError, classical
from training.data import DataError
from training.families import FAMILIES
from training.validation import Method, Score, mean_score, network, validate, validate_scenes

TRIMAPS = {"trimap1": "narrow", "trimap2": "wide"}


def print_table(first: str, columns: list[str], rows: dict[str, list[Score]]) -> None:
    """SAD and MSE of each column by row, and the mean of the rows."""
    rows = rows | {"mean": [mean_score(dict(enumerate(column))) for column in zip(*rows.values(), strict=True)]}
    print(f"{first:10}" + "".join(f" {'SAD ' + name:>12} {'MSE e-3':>8}" for name in columns))
    for name, scores in rows.items():
        print(f"{name:10}" + "".join(f" {score.sad:12.2f} {1000 * score.mse:8.1f}" for score in scores))


def print_photographs(methods: dict[str, Method], folder: Path) -> None:
    for name, method in methods.items():
        if len(methods) > 1:
            print(f"{name}:")
        results = [validate(method, folder, trimaps) for trimaps in TRIMAPS]
        rows = {picture: [scores[picture] for scores in results] for picture in results[0]}
        print_table("picture", list(TRIMAPS.values()), rows)


def print_scenes(methods: dict[str, Method], count: int, seed: int) -> None:
    rows = {}
    for family in tqdm(FAMILIES, unit="family", disable=None, leave=False):
        rows[family] = list(validate_scenes(methods, family, count, seed).values())
    print(f"{count} held-out scenes of each family, seed {seed}")
    print_table("family", list(methods), rows)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/lite/checkpoint.pt"), help="of --method network")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--alphamatting", type=Path, help="has input/, trimap1/, trimap2/ and gt/")
    what.add_argument("--scenes", type=int, metavar="N", help="of each family, from seeds that no training has")
    parser.add_argument("--seed", type=int, default=0, help="of the scenes")
    parser.add_argument("--method", choices=("network", *NAMES), nargs="+", default=["network"])
    parser.add_argument("--threads", type=int)
    options = parser.parse_args(arguments)
    if options.scenes is not None and options.scenes < 1:
        parser.error(f"--scenes: expected at least 1, got {options.scenes}")
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        methods = {
            name: network(load_model(options.checkpoint)) if name == "network" else classical(name)
            for name in options.method
        }
        if options.alphamatting:
            print_photographs(methods, options.alphamatting)
        else:
            print_scenes(methods, options.scenes, options.seed)
    except (CheckpointError, MethodUnavailableError, DataError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
