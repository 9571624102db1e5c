"""The mean of several networks' weights: runs that began with the same weights often end around a better network than
any of them (Wortsman et al., Model soups, ICML 2022).

python -m training.average runs/a/checkpoint.pt runs/b/checkpoint.pt dim_trt/weights/lite.onnx -o runs/mean.pt

Batch norm is folded before and put back afterwards, as its statistics are no weights. The checkpoint written counts the
steps and minutes of all that are given, so one that went on from another should not be named beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from dim_trt.errors import Error
from training.checkpoints import CheckpointError, load_checkpoint, load_network, save_checkpoint
from training.folding import fold_batch_norm
from training.initial import check_config, read_folded
from training.networks import KINDS, Config, Network
from training.unfolding import unfold_batch_norm

CROP = 192  # pixels of the scenes whose statistics batch norm gets


def read(path: Path) -> tuple[Network, Config, dict[str, Any]]:
    """The network of a checkpoint or of an ONNX file of `training.export`, without batch norm; the configuration that
    it had in training, and what that took."""
    if path.suffix == ".onnx":
        return *read_folded(path), {}
    network = load_network(path)
    return fold_batch_norm(network), network.config, load_checkpoint(path, *KINDS)["training"] or {}


@torch.no_grad()
def mean(folded: Sequence[Network], config: Config) -> Network:
    """The first network, which gets the mean of all weights, or one of `config` with batch norm that does the same."""
    states = [network.state_dict() for network in folded]
    for name, weight in folded[0].state_dict().items():
        weight.copy_(torch.stack([state[name].double() for state in states]).mean(0))
    folded[0].config = replace(config, norm="none")
    return unfold_batch_norm(folded[0], config, CROP) if config.norm == "batch" else folded[0]


def average(paths: Sequence[Path], out: Path) -> None:
    """Raises CheckpointError."""
    folded, configs, took = zip(*(read(path) for path in paths), strict=True)
    for path, config in zip(paths[1:], configs[1:], strict=True):
        check_config(path, config, configs[0])
    sums = {name: sum(one.get(name, 0) for one in took) for name in ("step", "seconds")}
    save_checkpoint(out, configs[0], mean(folded, configs[0]).state_dict(), sums)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", type=Path, nargs="+", metavar="FILE", help="a checkpoint, or .onnx")
    parser.add_argument("-o", "--out", type=Path, required=True, help="checkpoint to write")
    options = parser.parse_args(arguments)
    if len(options.networks) < 2:
        parser.error("FILE: expected at least two, got one")
    try:
        average(options.networks, options.out)
    except (CheckpointError, Error, OSError) as error:
        raise SystemExit(str(error)) from error
    print(f"{options.out}: the mean of {len(options.networks)} networks")


if __name__ == "__main__":
    main()
