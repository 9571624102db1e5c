"""Make trimaps from masks, soft masks, scribbles or a picture alone, check them, and look at them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dim_trt import trimaps
from dim_trt.arguments import file_path
from dim_trt.auto_arguments import add_auto_argument, add_auto_options, automatic
from dim_trt.command import (
    add_picture_arguments,
    add_verbose_argument,
    default_result,
    picture_limits,
    run_command,
)
from dim_trt.errors import InvalidInput
from dim_trt.masks.opening import DEFAULT_SOURCE
from dim_trt.pictures.composite import parse_color
from dim_trt.pictures.files import check_format, read_image, read_unchanged, write_image
from dim_trt.pictures.limit import Limits
from dim_trt.pipes import STANDARD, pipes
from dim_trt.places import check_places
from dim_trt.trimaps.checks import THIN_PX

LOSSLESS = (".png", ".tif", ".tiff", ".bmp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    mask = commands.add_parser("mask", help="a trimap from a mask, hard or soft, or from one object of a label picture")
    add_files(mask, "MASK", "gray; white is the object")
    mask.add_argument(
        "--object", metavar="LABEL", help="of a label picture the object: its number, or its color as #rrggbb"
    )
    add_mask_arguments(mask, trimaps.ERODE, trimaps.DILATE)

    alpha = commands.add_parser("alpha", help="a trimap from a rough alpha or another model's soft mask")
    add_files(alpha, "ALPHA", "gray; the same as mask, in a narrower band")
    add_mask_arguments(alpha, "1%", "2%")

    auto = commands.add_parser("auto", help="a trimap from a picture alone: a network finds the objects")
    add_files(auto, "PICTURE", "in colors")
    add_auto_argument(auto, default=DEFAULT_SOURCE)
    add_auto_options(auto, passes=False)

    scribbles = commands.add_parser("scribbles", help="a trimap from color strokes; unscribbled is unknown")
    add_files(scribbles, "STROKES", "strokes on any ground, or on the picture itself (then give --image)")
    scribbles.add_argument(
        "--image", type=file_path, help="what the strokes were drawn on: what equals it is no stroke"
    )
    scribbles.add_argument("--foreground", default="#00ff00", metavar="#rrggbb", help="default: green, %(default)s")
    scribbles.add_argument("--background", default="#ff0000", metavar="#rrggbb", help="default: red, %(default)s")
    scribbles.add_argument("--tolerance", type=int, default=40, help="levels of 0..255; default: %(default)s")

    labels = commands.add_parser("labels", help="a trimap from a label picture of three labels")
    add_files(labels, "LABELS", "gray, whole numbers")
    for name, number in (("foreground", 1), ("background", 2), ("unknown", 0)):
        labels.add_argument(f"--{name}", type=int, default=number, metavar="N", help="default: %(default)s")

    clean = commands.add_parser("clean", help="nearly black to black, nearly white to white, the rest to unknown")
    add_files(clean, "TRIMAP", "one that went through JPEG or smooth scaling")
    clean.add_argument("--margin", type=int, default=16, help="levels of 0..255; default: %(default)s")

    check = commands.add_parser("validate", help="say what is wrong and where; exit code 1 after an error")
    check.add_argument("input", type=file_path, metavar="TRIMAP")
    check.add_argument(
        "--image", type=file_path, help="its picture: compares sizes, and finds soft edges with a thin band"
    )
    check.add_argument("--thin", type=int, default=THIN_PX, metavar="PX", help="thinnest band; default: %(default)s")
    check.add_argument("--strict", action="store_true", help="exit code 1 after a warning too")

    preview = commands.add_parser("preview", help="the picture, foreground tinted blue and background orange")
    add_files(preview, "TRIMAP", "gray")
    preview.add_argument("--image", type=file_path, required=True)
    preview.add_argument("--strength", type=float, default=0.6, help="of the tint, 0 to 1; default: %(default)s")
    for command in commands.choices.values():
        add_picture_arguments(command)
        add_verbose_argument(command)


def add_files(parser: argparse.ArgumentParser, name: str, what: str) -> None:
    parser.add_argument("input", type=file_path, metavar=name, help=what)
    parser.add_argument(
        "-o", "--output", type=file_path, help="- is standard output; default: trimap.png, if it is new"
    )


def add_mask_arguments(parser: argparse.ArgumentParser, erode: str, dilate: str) -> None:
    parser.add_argument("--low", type=float, default=trimaps.LOW, help="at most this is outside; default: %(default)s")
    parser.add_argument(
        "--high", type=float, default=trimaps.HIGH, help="at least this is inside; default: %(default)s"
    )
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
    limits = picture_limits(args)
    if args.command in ("mask", "alpha"):
        rule = trimaps.MaskRule(erode=args.erode, dilate=args.dilate, low=args.low, high=args.high)
        if args.command == "mask" and args.object:
            return rule.trimap(object_mask(args.input, args.object, limits), str(args.input))
        return trimaps.read_trimap(args.input, rule, limits)
    if args.command == "auto":
        img = read_image(args.input, limits=limits)
        return automatic(args).trimap(img, str(args.input))
    if args.command == "labels":
        labels = one_channel(args.input, limits)
        return trimaps.from_labels(labels, foreground=args.foreground, background=args.background, unknown=args.unknown)
    if args.command == "clean":
        return trimaps.read_trimap(args.input, trimaps.GivenTrimap(margin=args.margin), limits)
    return trimaps.from_scribbles(
        read_unchanged(args.input, "strokes", limits),
        foreground=parse_color(args.foreground, "foreground"),
        background=parse_color(args.background, "background"),
        tolerance=args.tolerance,
        img=read_image(args.image, limits=limits) if args.image else None,
    )


def object_mask(path: Path, label: str, limits: Limits) -> NDArray[np.bool_]:
    """[height, width]: where a label picture has this label, a number or a color."""
    if not label.startswith("#"):
        if not label.isdecimal():
            raise InvalidInput(f"object: expected a label such as 1 or a color '#rrggbb', got {label!r}")
        return trimaps.object_of(one_channel(path, limits), int(label))
    color = parse_color(label, "object")
    mask: NDArray[np.bool_] = (read_image(path, "mask", limits) == color).all(2)
    if not mask.any():
        raise InvalidInput(f"object: {str(path)!r}: expected some pixels with the color {label}, found none")
    return mask


def one_channel(path: Path, limits: Limits) -> NDArray[np.generic]:
    """The numbers of a label picture."""
    picture: NDArray[np.generic] = read_unchanged(path, "labels", limits)
    if picture.ndim == 3 and (picture == picture[:, :, :1]).all():
        picture = picture[:, :, 0]
    if picture.ndim != 2:
        raise InvalidInput(f"labels: {str(path)!r}: expected a grayscale picture, got colors; mask --object takes them")
    return picture


def work(args: argparse.Namespace) -> None:
    with pipes() as streams:
        for name in ("input", "image"):
            if path := getattr(args, name, None):
                setattr(args, name, streams.source(name, path))
        if args.command == "validate":
            check(args)
            return
        output = streams.result("output", args.output or default_result("trimap.png"), ".png")
        write(args, output)
        streams.send()


def write(args: argparse.Namespace, output: Path) -> None:
    """The commands with a result, which goes to `output`."""
    check_format(output, "output")
    inputs = [(name, Path(path)) for name in ("input", "image", "auto") if (path := getattr(args, name, None))]
    check_places([("output", output)], inputs)
    if args.command == "preview":
        limits = picture_limits(args)
        trimap = trimaps.read_trimap(args.input, limits=limits)
        image = read_image(args.image, limits=limits)
        write_image(output, trimaps.preview(image, trimap, strength=args.strength))
    else:
        if output.suffix.lower() not in LOSSLESS:
            formats = ", ".join(LOSSLESS)
            raise InvalidInput(f"output: {str(output)!r}: expected a format that keeps trimaps exact ({formats})")
        trimap = make_trimap(args)
        write_image(output, trimap)
    shown, stream = (STANDARD, sys.stderr) if args.output and str(args.output) == STANDARD else (output, sys.stdout)
    print(f"{shown}  {shares(trimap)}", file=stream)


def check(args: argparse.Namespace) -> None:
    """Print the findings; Error where there is a bad one."""
    limits = picture_limits(args)
    img = read_image(args.image, limits=limits) if args.image else None
    trimap = read_unchanged(args.input, "trimap", limits)
    findings = trimaps.validate(trimap, img, thin_px=args.thin, file=str(args.input))
    for finding in findings:
        print(finding)
    counted = ("error", "warning") if args.strict else ("error",)
    bad = sum(finding.severity in counted for finding in findings)
    values = trimaps.GivenTrimap().examine(trimap).trimap
    if bad or values is None:
        raise InvalidInput(f"{args.input}: {bad} of {len(findings)} findings to be mended")
    print(f"{args.input}  ok  {shares(values)}")


def shares(trimap: trimaps.Trimap) -> str:
    height, width = trimap.shape
    foreground, background = (float(np.mean(trimap == value)) for value in (255, 0))
    unknown = 1 - foreground - background
    return f"{width}x{height} px  foreground {foreground:.1%}  background {background:.1%}  unknown {abs(unknown):.1%}"


def main(argv: Sequence[str] | None = None, prog: str = "python -m dim_trt.trimap") -> int:
    return run_command(prog, __doc__, add_arguments, work, argv)


if __name__ == "__main__":
    sys.exit(main())
