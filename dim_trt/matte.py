"""Matte one picture: write its alpha, and with flags the cutout and a composite over a new background."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dim_trt.cache import shipped_plan
from dim_trt.command import UsageError, add_engine_arguments, run_command
from dim_trt.composite import Colour, composite, cover, cutout, parse_colour
from dim_trt.engine import Engine
from dim_trt.images import check_format, quantize_alpha, read_image, read_trimap, write_image
from dim_trt.plan import PRECISIONS

WHITE = "#ffffff"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", type=Path, required=True, help="the picture; any format and size OpenCV reads")
    parser.add_argument(
        "--trimap", type=Path, required=True, help="same size, gray: black background, white foreground, else unknown"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("alpha.png"), help="alpha; default: %(default)s")
    parser.add_argument("--depth", type=int, choices=(8, 16), default=8, help="bits of alpha; default: %(default)s")
    parser.add_argument(
        "--cutout",
        type=Path,
        metavar="RGBA",
        help="also write the picture with straight alpha; its colours are the picture's own, so mixed pixels keep "
        "some of the old background",
    )
    parser.add_argument("--composite", type=Path, metavar="PICTURE", help="also write it over --background")
    parser.add_argument(
        "--background", help=f"'#rrggbb' or a picture, scaled to cover; for --composite, default: {WHITE}"
    )
    parser.add_argument("--plan", type=Path, help="default: the shipped model, built once and cached")
    parser.add_argument("--precision", choices=PRECISIONS, help="of the shipped model's plan; default: fp32")
    add_engine_arguments(parser)


def work(args: argparse.Namespace) -> None:
    if args.background and not args.composite:
        raise UsageError("--background goes with --composite")
    if args.precision and args.plan:
        raise UsageError("--precision chooses the shipped model's plan; a plan given with --plan has its own")
    check_format(args.output, "output", depth=args.depth)
    if args.cutout:
        check_format(args.cutout, "cutout", channels=4)
    if args.composite:
        check_format(args.composite, "composite")
    img, trimap = read_image(args.image), read_trimap(args.trimap)
    behind = read_background(args.background or WHITE, img.shape[:2])
    engine = Engine(args.plan or shipped_plan(args.precision or "fp32", args.device), args.device, args.threads)
    start = time.perf_counter()
    alpha = engine.run(img, trimap)
    latency_ms = (time.perf_counter() - start) * 1e3
    outputs = {args.output: quantize_alpha(alpha, args.depth)}
    if args.cutout:
        outputs[args.cutout] = cutout(img, alpha)
    if args.composite:
        outputs[args.composite] = composite(img, alpha, behind)
    for path, picture in outputs.items():
        write_image(path, picture)
    info, (height, width) = engine.info, alpha.shape
    print(
        f"{', '.join(map(str, outputs))}  {width}x{height} px  {latency_ms:.1f} ms  "
        f"({info['device']}, {info['precision']}, {info['isa']}, {info['threads']} threads)"
    )


def read_background(text: str, size: tuple[int, int]) -> NDArray[np.uint8] | Colour:
    """A colour, or the picture of that name scaled to cover (height, width)."""
    return parse_colour(text) if text.startswith("#") else cover(read_image(text, "background"), size)


def main(argv: Sequence[str] | None = None, prog: str = "python -m dim_trt.matte") -> int:
    return run_command(prog, __doc__, add_arguments, work, argv)


if __name__ == "__main__":
    sys.exit(main())
