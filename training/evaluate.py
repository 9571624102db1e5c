"""Prints SAD and MSE of a checkpoint: `python -m training.evaluate --alphamatting DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from training.checkpoints import CheckpointError, load_model
from training.validation import mean_score, validate


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/lite/checkpoint.pt"))
    parser.add_argument("--alphamatting", type=Path, required=True, help="has input/, trimap1/, trimap2/ and gt/")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        model = load_model(options.checkpoint)
        results = {name: validate(model, options.alphamatting, name) for name in ("trimap1", "trimap2")}
    except (CheckpointError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from error
    print(f"{'picture':10} {'SAD narrow':>10} {'MSE e-3':>8} {'SAD wide':>10} {'MSE e-3':>8}")
    rows = {picture: [scores[picture] for scores in results.values()] for picture in results["trimap1"]}
    rows["mean"] = [mean_score(scores) for scores in results.values()]
    for picture, (narrow, wide) in rows.items():
        print(f"{picture:10} {narrow.sad:10.2f} {1000 * narrow.mse:8.1f} {wide.sad:10.2f} {1000 * wide.mse:8.1f}")


if __name__ == "__main__":
    main()
