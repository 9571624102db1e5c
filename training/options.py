"""The command line of `training.train`."""

from __future__ import annotations

import argparse
import math
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from training.data.hard import MAX_WORKERS
from training.devices import add_device_argument, add_half_argument
from training.settings import config_names, load_settings
from training.tasks import STAGES

STARTS = ("--init", "--encoder", "--stop-at")  # of a run's beginning or first part: not for going on


def number(kind: type[int | float], lowest: float, above: bool = False) -> Callable[[str], float]:
    """An argparse type: finite numbers from `lowest` on, or only `above` it."""
    wanted = f"a {'whole ' if kind is int else ''}number {'above' if above else 'from'} {lowest:g}"

    def convert(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(lowest) - 1
        if not math.isfinite(value) or value < lowest or (above and value == lowest):
            raise argparse.ArgumentTypeError(f"expected {wanted}, got {text}")
        return value

    return convert


def parse(arguments: list[str] | None, description: str | None) -> argparse.Namespace:
    """The options, with `settings`, `out` and in `resume_command` what goes on with this run."""
    parser = argparse.ArgumentParser(
        prog="python -m training.train",
        description=description,
        allow_abbrev=False,  # `resume_command` reads them too
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--config", default="lite", choices=config_names(), help="a file in training/configs")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=number(float, 0, above=True),
                        help="time of the whole run, earlier parts of it included")  # fmt: skip
    budget.add_argument("--steps", type=number(int, 1), help="steps of the whole run, earlier parts of it included")
    add("--stop-at", type=number(int, 1), metavar="STEP", help="pause there, with the schedule of the whole run")
    add("--out", type=Path, help="folder for checkpoints and logs, default runs/<config>")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--resume", action="store_true", help="continue from <out>/last.pt, with its seed")
    text = "start from these weights: a checkpoint, .safetensors, or .onnx of training.export"
    begin.add_argument("--init", type=Path, metavar="FILE", help=text)
    begin.add_argument("--encoder", type=Path, metavar="FILE", help="start from VGG16: .pth of torchvision or .npz")
    add("--stage", choices=STAGES, default="all", help="what is trained; the rest stays as it is")
    add("--data", type=Path, help="folder of foregrounds (see docs/training.md) instead of scenes")
    add("--backgrounds", type=Path, help="folder of backgrounds, default <data>/bg")
    add("--hard", action="store_true", help="draw more of what the network is worse at")
    add("--validate", nargs="+", default=[], metavar="WHAT",
        help="folders in any layout that `dim-trt evaluate` reads, and `scenes` for drawn scenes held out; the mean "
        "SAD over them chooses checkpoint.pt")  # fmt: skip
    add("--every", type=number(float, 0, above=True), default=4, help="minutes between checkpoints")
    add_device_argument(parser)
    add("--threads", type=number(int, 1), help="threads for the arithmetic, default: by the cores")
    add("--workers", type=number(int, 0), help="processes that make samples, default: by the cores")
    add("--seed", type=number(int, 0), help="default 0, or the resumed run's")
    add("--crop", type=int, help="pixels, instead of the configuration's")
    add("--batch", type=int, help="crops per step, instead of the configuration's")
    add("--learning-rate", type=float, metavar="RATE", help="the highest, instead of the configuration's")
    for name in ("gradient", "laplacian"):
        text = f"weight of the {name} loss (training/losses.py), instead of the configuration's"
        add(f"--{name}-loss", type=float, metavar="WEIGHT", help=text)
    add("--bank", type=number(int, 0), metavar="LAYERS", help="drawn layers that scenes are combined from, kept in "
        "<out>; 0 draws each scene anew; instead of the configuration's")  # fmt: skip
    add_half_argument(parser)
    options = parser.parse_args(arguments)
    if options.hard and (options.workers or 0) > MAX_WORKERS:
        parser.error(f"--workers: at most {MAX_WORKERS} with --hard, got {options.workers}")
    try:
        extra = {name: getattr(options, name) for name in ("learning_rate", "gradient_loss", "laplacian_loss", "bank")}
        options.settings = load_settings(options.config, options.crop, options.batch, **extra)
    except ValueError as error:
        parser.error(f"--{error}")
    options.out = options.out or Path("runs") / options.config
    options.resume_command = resume_command(sys.argv[1:] if arguments is None else arguments)
    return options


def resume_command(arguments: list[str]) -> str:
    """What to type to go on where a run with these arguments was stopped; of several processes on each machine."""
    kept, skip = [], False
    for argument in arguments:
        if not skip and not argument.startswith(tuple(f"{name}=" for name in STARTS)) and argument not in STARTS:
            kept.append(argument)
        skip = argument in STARTS
    start = "torchrun … -m training.train" if int(os.environ.get("WORLD_SIZE", "1")) > 1 else "python -m training.train"
    return f"{start} {shlex.join([*(a for a in kept if a != '--resume'), '--resume'])}"
