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
from training.initial import check_config, read_onnx
from training.networks import KINDS, Network
from training.unfolding import unfold_batch_norm

CROP = 192  # pixels of the scenes whose statistics batch norm gets


def read(path: Path) -> tuple[Network, dict[str, Any]]:
    """The network of a checkpoint or of an ONNX file of `training.export`, and what its training took."""
    if path.suffix == ".onnx":
        return read_onnx(path, CROP), {}
    return load_network(path), load_checkpoint(path, *KINDS)["training"] or {}


@torch.no_grad()
def mean(networks: Sequence[Network]) -> Network:
    """Another network, with batch norm where these have it; all have the same configuration."""
    folded = [fold_batch_norm(network) for network in networks]
    states = [network.state_dict() for network in folded]
    for name, weight in folded[0].state_dict().items():
        weight.copy_(torch.stack([state[name].double() for state in states]).mean(0))
    config = networks[0].config
    if config.norm != "batch":
        return folded[0]
    folded[0].config = replace(config, norm="none")
    return unfold_batch_norm(folded[0], config, CROP)


def average(paths: Sequence[Path], out: Path) -> None:
    """Raises CheckpointError."""
    networks, took = zip(*(read(path) for path in paths), strict=True)
    for path, network in zip(paths[1:], networks[1:], strict=True):
        check_config(path, network.config, networks[0].config)
    sums = {name: sum(one.get(name, 0) for one in took) for name in ("step", "seconds")}
    save_checkpoint(out, networks[0].config, mean(networks).state_dict(), sums)


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
