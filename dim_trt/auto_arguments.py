"""--auto on command lines: where masks come from, and how."""

from __future__ import annotations

import argparse
from typing import Any

from dim_trt.arguments import SIZE_FORMAT, file_name, parse_size
from dim_trt.command import UsageError
from dim_trt.errors import InvalidInput
from dim_trt.masks.automatic import MOST_PASSES, Automatic
from dim_trt.masks.families import NORMALIZATION_FORMAT, NORMALIZATIONS, Normalization, parse_normalization
from dim_trt.masks.opening import DEFAULT_SOURCE, open_source

AUTO_OPTIONS = ("auto_largest", "auto_passes", "auto_size", "auto_norm")


def add_auto_argument(
    parser: argparse._ActionsContainer, what: str = "no trimap at all: a network finds the objects", **settings: Any
) -> None:
    parser.add_argument(
        "--auto",
        type=file_name,
        nargs="?",
        const=DEFAULT_SOURCE,
        metavar="SOURCE",
        help=f"{what}. {DEFAULT_SOURCE}, the default: ours; rembg:NAME: one of rembg's sessions; or MODEL.onnx, of a "
        "salient-object or person network",
        **settings,
    )


def add_auto_options(parser: argparse.ArgumentParser, *, passes: bool = True) -> None:
    """How --auto is meant; `automatic` makes what it says. `passes`: whether there is a matte to look at again."""
    parser.add_argument(
        "--auto-largest", action="store_true", default=None, help="of the objects that --auto finds the largest alone"
    )
    if passes:
        parser.add_argument(
            "--auto-passes",
            type=int,
            choices=range(1, MOST_PASSES + 1),
            help="2: the first alpha makes a second trimap, and that the result; twice the time; default: 1",
        )
    add_auto_file_options(parser)


def add_auto_file_options(parser: argparse.ArgumentParser) -> None:
    """How the network of --auto is fed, where it is a file."""
    parser.add_argument(
        "--auto-size",
        type=parse_size,
        metavar=SIZE_FORMAT,
        help="that --auto's file is fed, if neither the file nor its name says it",
    )
    parser.add_argument(
        "--auto-norm",
        type=_normalization,
        metavar="NORM",
        help=f"of colors in 0..1 that --auto's file is fed: {', '.join(NORMALIZATIONS)}, or mean and standard "
        f"deviation as {NORMALIZATION_FORMAT}; default: as known by the file's name",
    )


def check_auto(args: argparse.Namespace) -> None:
    """Raises UsageError for options that go with --auto and stand without it."""
    if not args.auto and any(getattr(args, name, None) is not None for name in AUTO_OPTIONS):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in AUTO_OPTIONS if hasattr(args, name))
        raise UsageError(f"{names} go with --auto")


def automatic(args: argparse.Namespace) -> Automatic:
    """What --auto, which is given, and its options ask for, its network loaded."""
    source = open_source(args.auto, size=args.auto_size, normalization=args.auto_norm)
    return Automatic(source, bool(args.auto_largest), getattr(args, "auto_passes", None) or 1)


def _normalization(text: str) -> Normalization:
    try:
        return parse_normalization(text)
    except InvalidInput as failure:
        raise argparse.ArgumentTypeError(str(failure).removeprefix("normalization: ")) from failure
