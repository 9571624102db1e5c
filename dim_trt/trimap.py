"""Make trimaps from masks, soft masks and scribbles, check them, and look at them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dim_trt import trimaps
from dim_trt.command import add_picture_arguments, add_verbose_argument, picture_limits, run_command
from dim_trt.errors import InvalidInput
from dim_trt.pictures.composite import parse_color
from dim_trt.pictures.files import (
    check_format,
    read_gray,
    read_image,
    read_rough_alpha,
    read_trimap,
    read_unchanged,
    write_image,
)
from dim_trt.trimaps.checks import THIN_PX, validate

LOSSLESS = (".png", ".tif", ".tiff", ".bmp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    mask = commands.add_parser("mask", help="a trimap from a hard mask, cut at half")
    add_files(mask, "MASK", "gray; white is the object")
    add_radius_arguments(mask, trimaps.ERODE, trimaps.DILATE)

    alpha = commands.add_parser("alpha", help="a trimap from a rough alpha or another model's soft mask")
    add_files(alpha, "ALPHA", "gray, 8 or 16 bits")
    alpha.add_argument("--low", type=float, default=0.05, help="at most this is background; default: %(default)s")
    alpha.add_argument("--high", type=float, default=0.95, help="at least this is foreground; default: %(default)s")
    add_radius_arguments(alpha, "1%", "2%")

    scribbles = commands.add_parser("scribbles", help="a trimap from color strokes; unscribbled is unknown")
    add_files(scribbles, "STROKES", "strokes on any ground, or on the picture itself (then give --image)")
    scribbles.add_argument("--image", type=Path, help="what the strokes were drawn on: what equals it is no stroke")
    scribbles.add_argument("--foreground", default="#00ff00", metavar="#rrggbb", help="default: green, %(default)s")
    scribbles.add_argument("--background", default="#ff0000", metavar="#rrggbb", help="default: red, %(default)s")
    scribbles.add_argument("--tolerance", type=int, default=40, help="levels of 0..255; default: %(default)s")

    labels = commands.add_parser("labels", help="a trimap from a label picture; 0 is unknown")
    add_files(labels, "LABELS", "gray, 8 bits")
    labels.add_argument("--foreground", type=int, default=1, metavar="N", help="default: %(default)s")
    labels.add_argument("--background", type=int, default=2, metavar="N", help="default: %(default)s")

    clean = commands.add_parser("clean", help="nearly black to black, nearly white to white, the rest to unknown")
    add_files(clean, "TRIMAP", "one that went through JPEG or smooth scaling")
    clean.add_argument("--margin", type=int, default=16, help="levels of 0..255; default: %(default)s")

    check = commands.add_parser("validate", help="say what is wrong and where; exit code 1 after an error")
    check.add_argument("input", type=Path, metavar="TRIMAP")
    check.add_argument("--image", type=Path, help="its picture: compares sizes, and finds soft edges with a thin band")
    check.add_argument("--thin", type=int, default=THIN_PX, metavar="PX", help="thinnest band; default: %(default)s")
    check.add_argument("--strict", action="store_true", help="exit code 1 after a warning too")

    preview = commands.add_parser("preview", help="the picture, foreground tinted blue and background orange")
    add_files(preview, "TRIMAP", "gray")
    preview.add_argument("--image", type=Path, required=True)
    preview.add_argument("--strength", type=float, default=0.6, help="of the tint, 0 to 1; default: %(default)s")
    for command in commands.choices.values():
        add_picture_arguments(command)
        add_verbose_argument(command)


def add_files(parser: argparse.ArgumentParser, name: str, what: str) -> None:
    parser.add_argument("input", type=Path, metavar=name, help=what)
    parser.add_argument("-o", "--output", type=Path, default=Path("trimap.png"), help="default: %(default)s")


def add_radius_arguments(parser: argparse.ArgumentParser, erode: str, dilate: str) -> None:
    for name, default, where in (("--erode", erode, "into the object"), ("--dilate", dilate, "into the background")):
        parser.add_argument(
            name,
            default=default,
            metavar="RADIUS",
            help=f"how far the unknown band reaches {where}: 7 (pixels) or 2%% (of the object's size, the square root "
            f"of its area); default: {default.replace('%', '%%')}",
        )


def make_trimap(args: argparse.Namespace) -> trimaps.Trimap:
    """What the commands that write a trimap compute."""
    if args.command == "mask":
        return trimaps.from_mask(
            read_rough_alpha(args.input, "mask", picture_limits(args)), erode=args.erode, dilate=args.dilate
        )
    if args.command == "alpha":
        alpha = read_rough_alpha(args.input, "alpha", picture_limits(args))
        return trimaps.from_alpha(alpha, low=args.low, high=args.high, erode=args.erode, dilate=args.dilate)
    if args.command == "labels":
        return trimaps.from_labels(read_bytes(args, "labels"), foreground=args.foreground, background=args.background)
    if args.command == "clean":
        return trimaps.clean(read_bytes(args, "trimap"), margin=args.margin)
    return trimaps.from_scribbles(
        read_unchanged(args.input, "strokes", picture_limits(args)),
        foreground=parse_color(args.foreground, "foreground"),
        background=parse_color(args.background, "background"),
        tolerance=args.tolerance,
        img=read_image(args.image, limits=picture_limits(args)) if args.image else None,
    )


def read_bytes(args: argparse.Namespace, argument: str) -> trimaps.Trimap:
    """A gray picture of 8 bits."""
    gray = read_gray(args.input, argument, picture_limits(args))
    if gray.dtype != np.uint8:
        raise InvalidInput(f"{argument}: {str(args.input)!r}: expected 8 bits, got 16; save it with 8")
    return gray.astype(np.uint8)


def work(args: argparse.Namespace) -> None:
    if args.command == "validate":
        check(args)
    elif args.command == "preview":
        check_format(args.output, "output")
        trimap = read_trimap(args.input, limits=picture_limits(args))
        picture = trimaps.preview(read_image(args.image, limits=picture_limits(args)), trimap, strength=args.strength)
        write_image(args.output, picture)
        print(f"{args.output}  {shares(trimap)}")
    else:
        check_format(args.output, "output")
        if args.output.suffix.lower() not in LOSSLESS:
            formats = ", ".join(LOSSLESS)
            raise InvalidInput(f"output: {str(args.output)!r}: expected a format that keeps trimaps exact ({formats})")
        trimap = make_trimap(args)
        write_image(args.output, trimap)
        print(f"{args.output}  {shares(trimap)}")


def check(args: argparse.Namespace) -> None:
    """Print the findings; Error where there is a bad one."""
    img = read_image(args.image, limits=picture_limits(args)) if args.image else None
    trimap = read_unchanged(args.input, "trimap", picture_limits(args))
    findings = validate(trimap, img, thin_px=args.thin)
    for finding in findings:
        print(finding)
    bad = sum(finding.severity == "error" or args.strict for finding in findings)
    if bad:
        raise InvalidInput(f"{args.input}: {bad} of {len(findings)} findings to be mended")
    print(f"{args.input}  ok  {shares(read_trimap(args.input, limits=picture_limits(args)))}")


def shares(trimap: trimaps.Trimap) -> str:
    height, width = trimap.shape
    foreground, background = (float(np.mean(trimap == value)) for value in (255, 0))
    unknown = 1 - foreground - background
    return f"{width}x{height} px  foreground {foreground:.1%}  background {background:.1%}  unknown {abs(unknown):.1%}"


def main(argv: Sequence[str] | None = None, prog: str = "python -m dim_trt.trimap") -> int:
    return run_command(prog, __doc__, add_arguments, work, argv)


if __name__ == "__main__":
    sys.exit(main())
