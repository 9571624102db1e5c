"""Matte one picture: write its alpha, and with flags cutouts and a composite over a new background.

With a folder or a pattern as --image every picture in it; --trimap or --mask, -o, --cutout, --premultiplied and
--composite are folders then, and files belong together by their names before the suffix.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from dim_trt.command import (
    UsageError,
    add_depth_arguments,
    add_engine_arguments,
    add_mask_arguments,
    add_picture_arguments,
    engine_options,
    picture_limits,
    run_command,
    trimap_rule,
)
from dim_trt.engine import Engine
from dim_trt.errors import InvalidInput
from dim_trt.pictures import folders
from dim_trt.pictures.composite import CHECKERBOARD, WHITE
from dim_trt.pictures.files import read_background
from dim_trt.plans.cache import shipped_plan
from dim_trt.precisions import PRECISIONS
from dim_trt.renditions import Matting, PictureJob, Rendering, check_outputs, load, matte_files

RENDITIONS = ("cutout", "premultiplied", "composite")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--image",
        type=Path,
        required=True,
        help="the picture, of any format and size; or a folder or pattern",
    )
    known = parser.add_mutually_exclusive_group(required=True)
    known.add_argument("--trimap", type=Path, help="same size, gray: black background, white foreground, else unknown")
    known.add_argument(
        "--mask", type=Path, help="same size, gray: a mask, hard or soft, or a cutout's alpha; a trimap is made of it"
    )
    add_mask_arguments(parser)
    parser.add_argument("-o", "--alpha", type=Path, help="default: alpha.png; for many pictures a folder")
    add_depth_arguments(parser)
    add_rendition_arguments(parser)
    parser.add_argument(
        "--skip-existing", action="store_true", help="of many pictures those that have all their results"
    )
    parser.add_argument("--plan", type=Path, help="default: the shipped model, built once and cached")
    parser.add_argument("--precision", choices=PRECISIONS, help="of the shipped model's plan; default: fp32")
    add_picture_arguments(parser)
    add_engine_arguments(parser)


def add_rendition_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cutout",
        type=Path,
        metavar="RGBA",
        help="also write the foreground's estimated colors with straight alpha: no old background shines through",
    )
    parser.add_argument(
        "--premultiplied", type=Path, metavar="RGBA", help="the same with colors multiplied by alpha, for compositors"
    )
    parser.add_argument("--composite", type=Path, metavar="PICTURE", help="also write it over --background")
    parser.add_argument(
        "--background",
        help=f"'#rrggbb', {CHECKERBOARD}, or a picture, scaled to cover; for --composite, default: {WHITE}",
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
        "--format", metavar="SUFFIX", help="of what is written for many pictures, such as tif; default: png"
    )


def work(args: argparse.Namespace) -> None:
    check_usage(args)
    settings = Rendering(
        alpha_depth=args.alpha_depth or 8,
        color_depth=args.color_depth or 8,
        background=args.background or WHITE,
        estimate_colors=args.colors != "image",
        srgb=args.color_profile == "srgb",
        rule=trimap_rule(args),
        limits=picture_limits(args),
    )
    if folders.is_many(args.image):
        work_on_many(args, settings)
    else:
        work_on_one(args, settings)


def check_usage(args: argparse.Namespace) -> None:
    if args.background and not args.composite:
        raise UsageError("--background goes with --composite")
    if args.precision and args.plan:
        raise UsageError("--precision chooses the shipped model's plan; a plan given with --plan has its own")
    if args.color_profile == "srgb" and args.color_depth == 16:
        raise UsageError("--color-profile srgb gives 8 bits; without it 16 bits keep the picture's own profile")
    if (args.colors or args.color_depth or args.color_profile) and not any(getattr(args, name) for name in RENDITIONS):
        raise UsageError("--colors, --color-depth and --color-profile go with --cutout, --premultiplied or --composite")
    if folders.is_many(args.image):
        if not args.alpha:
            raise UsageError("-o is needed for many pictures: the folder of their alphas")
    elif args.skip_existing or args.format:
        raise UsageError("--skip-existing and --format are for many pictures: --image names a folder or a pattern then")


def load_engine(args: argparse.Namespace) -> Engine:
    return Engine(args.plan or shipped_plan(args.precision or "fp32", args.device), **engine_options(args))


def work_on_one(args: argparse.Namespace, settings: Rendering) -> None:
    job = PictureJob(
        args.image, args.mask or args.trimap, args.alpha or Path("alpha.png"), *(getattr(args, n) for n in RENDITIONS)
    )
    check_outputs(job, settings)
    background, loaded = read_background(settings.background, settings.limits), load(job, settings)
    engine = load_engine(args)
    outcome = Matting(engine, settings, background).matte(job, loaded)
    info, (height, width) = engine.info, outcome.size
    print(
        f"{', '.join(map(str, job.outputs().values()))}  {width}x{height} px  {outcome.latency_ms:.1f} ms  "
        f"({info['device']}, {info['precision']}, {info['isa'] or info['gpu_name']}, {info['threads']} threads)"
    )


def work_on_many(args: argparse.Namespace, settings: Rendering) -> None:
    """One bad picture does not stop the rest; the Error at the end names them all."""
    argument, second = ("mask", args.mask) if args.mask else ("trimap", args.trimap)
    if not second.is_dir():
        raise InvalidInput(f"{argument}: {str(second)!r}: expected a folder, as --image names many pictures")
    partners = folders.Partners(second, argument)
    pictures = partners.without_partners(folders.list_pictures(args.image))
    results = {name: getattr(args, name) for name in ("alpha", *RENDITIONS) if getattr(args, name)}
    check_folders(list(results.values()), [second, *(path.parent for path in pictures)])
    suffix = f".{(args.format or 'png').lstrip('.').lower()}"

    def job_of(image: Path, partner: Path) -> PictureJob:
        paths = {name: folder / f"{image.stem}{suffix}" for name, folder in results.items()}
        return PictureJob(image, partner, paths["alpha"], *(paths.get(name) for name in RENDITIONS))

    check_outputs(job_of(pictures[0], second), settings)
    for folder in results.values():
        make_folder(folder)
    summary, jobs = folders.Summary(), []
    for image in pictures:
        if args.skip_existing and all(path.exists() for path in job_of(image, second).outputs().values()):
            summary.skipped += 1
            continue
        try:
            jobs.append(job_of(image, partners.of(image)))
        except InvalidInput as failure:
            summary.failures.append((str(image), str(failure)))
    with tqdm(total=len(jobs), unit="picture", disable=None, leave=False) as bar:
        for outcome in matte_files(load_engine(args), jobs, settings):
            bar.update()
            if outcome.error:
                summary.failures.append((str(outcome.job.image), str(outcome.error)))
            else:
                summary.done += 1
    print(f"{', '.join(map(str, results.values()))}  {summary}", flush=True)
    summary.raise_failures()


def check_folders(written: list[Path], read: list[Path]) -> None:
    """Raise InvalidInput where a result would replace another one or what it is made of."""
    places = {path.resolve() for path in written}
    if len(places) < len(written) or places & {path.resolve() for path in read}:
        raise InvalidInput("output: expected a folder of its own for each kind of result, and none that is read from")


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise InvalidInput(f"cannot make the folder {str(folder)!r}: {failure.strerror}") from failure


def main(argv: Sequence[str] | None = None, prog: str = "python -m dim_trt.matte") -> int:
    return run_command(prog, __doc__, add_arguments, work, argv)


if __name__ == "__main__":
    sys.exit(main())
