"""The command line of `dim_trt.matte`, and what its arguments say together."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from dim_trt.arguments import background, file_name, file_path, place
from dim_trt.auto_arguments import add_auto_argument, add_auto_options, check_auto
from dim_trt.command import (
    UsageError,
    add_depth_arguments,
    add_engine_arguments,
    add_mask_arguments,
    add_picture_arguments,
)
from dim_trt.files import is_address
from dim_trt.pictures import folders
from dim_trt.pictures.composite import CHECKERBOARD, WHITE
from dim_trt.pictures.rendering import Content
from dim_trt.pipes import STANDARD
from dim_trt.precisions import PRECISIONS

RENDITIONS: tuple[Content, ...] = ("cutout", "premultiplied", "composite")
ALL: tuple[Content, ...] = ("alpha", *RENDITIONS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--image",
        type=place,
        nargs="+",
        required=True,
        help="the picture, of any format and size; or a folder, a pattern, or several of them; - is standard "
        "input, which --trimap and --mask can be, too; with --ray a folder or an object store's address",
    )
    known = parser.add_mutually_exclusive_group(required=True)
    known.add_argument("--trimap", type=place, help="same size, gray: black background, white foreground, else unknown")
    known.add_argument(
        "--mask",
        type=place,
        help="same size, gray: a mask, hard or soft, or a cutout's alpha; a trimap is made of it",
    )
    add_auto_argument(known)
    add_mask_arguments(parser)
    add_auto_options(parser)
    parser.add_argument(
        "-o",
        "--alpha",
        type=file_name,
        help="default: alpha.png; a folder, or - for standard output, which the other results can be, too; for many "
        "pictures a folder",
    )
    add_depth_arguments(parser)
    add_rendition_arguments(parser)
    parser.add_argument(
        "--skip-existing", action="store_true", help="of many pictures those that have all their results"
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="folders on many machines, by Ray: on the cluster at this address; without one on that which this machine "
        "belongs to, or else on this machine's cores; goes on where a run stopped; --threads: cores of a worker, "
        "default: 1",
    )
    parser.add_argument("--restart", action="store_true", help="with --ray: do all pictures again")
    parser.add_argument("--plan", type=file_path, help="default: the shipped model, built once and cached")
    parser.add_argument("--precision", choices=PRECISIONS, help="of the shipped model's plan; default: fp32")
    add_picture_arguments(parser)
    add_engine_arguments(parser)


def add_rendition_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cutout",
        type=file_name,
        metavar="RGBA",
        help="also write the foreground's estimated colors with straight alpha: no old background shines through",
    )
    parser.add_argument(
        "--premultiplied",
        type=file_name,
        metavar="RGBA",
        help="the same with colors multiplied by alpha, for compositors",
    )
    parser.add_argument("--composite", type=file_name, metavar="PICTURE", help="also write it over --background")
    parser.add_argument(
        "--background",
        type=background,
        help=f"'#rrggbb' or a color's name, {CHECKERBOARD}, or a picture, scaled to cover; for --composite, default: "
        f"{WHITE}",
    )
    parser.add_argument(
        "--colors",
        choices=("estimated", "image"),
        help="of cutouts and composites: the estimated foreground's, or the picture's own, whose mixed pixels keep "
        "some of the old background; default: estimated",
    )
    parser.add_argument(
        "--color-profile",
        choices=("keep", "srgb"),
        help="of cutouts and composites: the picture's own, or sRGB, which programs without color management show "
        "right; default: keep",
    )
    parser.add_argument(
        "--format", metavar="SUFFIX", help="of what is written into folders and to -, such as tif; default: png"
    )


def is_many(args: argparse.Namespace) -> bool:
    return args.ray is not None or len(args.image) > 1 or folders.is_many(args.image[0])


def check_usage(args: argparse.Namespace) -> None:
    check_auto(args)
    if args.background and not args.composite:
        raise UsageError("--background goes with --composite")
    if args.precision and args.plan:
        raise UsageError("--precision chooses the shipped model's plan; a plan given with --plan has its own")
    if args.color_profile == "srgb" and args.color_depth == 16:
        raise UsageError("--color-profile srgb goes with 8 bits; without it 16 bits keep the picture's own profile")
    if (args.colors or args.color_depth or args.color_profile) and not any(getattr(args, name) for name in RENDITIONS):
        raise UsageError("--colors, --color-depth and --color-profile go with --cutout, --premultiplied or --composite")
    check_cluster(args)
    if is_many(args):
        if not args.alpha:
            if args.ray is None:
                folders.gather(args.image)  # where nothing is there, that is what to say
            raise UsageError("-o is needed for many pictures: the folder of their alphas")
        return
    if args.skip_existing:
        raise UsageError("--skip-existing is for many pictures: --image names a folder or a pattern then")
    if args.format and not any(names_folder(path) or path == STANDARD for path in results_of(args).values()):
        raise UsageError("--format is for results in folders or on standard output; a file's suffix says its format")


def check_cluster(args: argparse.Namespace) -> None:
    """What goes with --ray, and what does not."""
    places = [*args.image, args.trimap, args.mask, *results_of(args).values()]
    if args.ray is None:
        if args.restart:
            raise UsageError("--restart goes with --ray; without it all pictures are done, but for --skip-existing")
        if addresses := [given for given in places if given and is_address(given)]:
            raise UsageError(
                f"{addresses[0]} is an address, not a path: add --ray, which reads and writes object stores"
            )
        return
    if len(args.image) > 1:
        raise UsageError("with --ray --image is one folder or address; results belong to pictures by their names in it")
    if args.skip_existing:
        raise UsageError("--skip-existing goes without --ray, with which a run does what is missing or failed anyhow")
    if any(given and os.fspath(given) == STANDARD for given in places):
        raise UsageError("with --ray there are folders and addresses; - is for one picture")


def results_of(args: argparse.Namespace) -> dict[Content, str]:
    """What is asked for, as it was given; alpha first."""
    return {name: path for name in ALL if (path := getattr(args, name))}


def names_folder(path: str) -> bool:
    return path.endswith(os.sep) or Path(path).is_dir()


def chosen_suffix(args: argparse.Namespace) -> str:
    return f".{(args.format or 'png').lstrip('.').lower()}"
