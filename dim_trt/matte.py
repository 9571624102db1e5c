"""Matte one picture: write its alpha, and with flags cutouts and a composite over a new background.

With a folder or a pattern as --image every picture in it; --trimap or --mask, -o, --cutout, --premultiplied and
--composite are folders then, and files belong together by their names before the suffix.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from dim_trt.arguments import background, file_name, file_path
from dim_trt.command import (
    UsageError,
    add_depth_arguments,
    add_engine_arguments,
    add_mask_arguments,
    add_picture_arguments,
    default_result,
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
from dim_trt.pipes import STANDARD, Pipes, pipes
from dim_trt.places import check_places
from dim_trt.plans.cache import shipped_plan
from dim_trt.precisions import PRECISIONS, what_runs
from dim_trt.renditions import Matting, PictureJob, Rendering, check_outputs, load, matte_files

RENDITIONS = ("cutout", "premultiplied", "composite")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--image",
        type=file_path,
        nargs="+",
        required=True,
        help="the picture, of any format and size; or a folder, a pattern, or several of them; - is standard "
        "input, which --trimap and --mask can be, too",
    )
    known = parser.add_mutually_exclusive_group(required=True)
    known.add_argument(
        "--trimap", type=file_path, help="same size, gray: black background, white foreground, else unknown"
    )
    known.add_argument(
        "--mask",
        type=file_path,
        help="same size, gray: a mask, hard or soft, or a cutout's alpha; a trimap is made of it",
    )
    add_mask_arguments(parser)
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
    if is_many(args):
        work_on_many(args, settings)
    else:
        with pipes() as streams:
            work_on_one(args, settings, streams)


def is_many(args: argparse.Namespace) -> bool:
    return len(args.image) > 1 or folders.is_many(args.image[0])


def check_usage(args: argparse.Namespace) -> None:
    if args.background and not args.composite:
        raise UsageError("--background goes with --composite")
    if args.precision and args.plan:
        raise UsageError("--precision chooses the shipped model's plan; a plan given with --plan has its own")
    if args.color_profile == "srgb" and args.color_depth == 16:
        raise UsageError("--color-profile srgb goes with 8 bits; without it 16 bits keep the picture's own profile")
    if (args.colors or args.color_depth or args.color_profile) and not any(getattr(args, name) for name in RENDITIONS):
        raise UsageError("--colors, --color-depth and --color-profile go with --cutout, --premultiplied or --composite")
    if is_many(args):
        if not args.alpha:
            raise UsageError("-o is needed for many pictures: the folder of their alphas")
        return
    if args.skip_existing:
        raise UsageError("--skip-existing is for many pictures: --image names a folder or a pattern then")
    if args.format and not any(names_folder(path) or path == STANDARD for path in results_of(args).values()):
        raise UsageError("--format is for results in folders or on standard output; a file's suffix says its format")


def results_of(args: argparse.Namespace) -> dict[str, str]:
    """What is asked for, as it was given."""
    return {name: path for name in ("alpha", *RENDITIONS) if (path := getattr(args, name))}


def names_folder(path: str) -> bool:
    return path.endswith(os.sep) or Path(path).is_dir()


def chosen_suffix(args: argparse.Namespace) -> str:
    return f".{(args.format or 'png').lstrip('.').lower()}"


def read_files(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """What is read for every picture, by argument."""
    shared = {"background": args.background and Path(args.background), "plan": args.plan}
    return [(name, path) for name, path in shared.items() if path]


def load_engine(args: argparse.Namespace) -> Engine:
    return Engine(args.plan or shipped_plan(args.precision or "fp32", args.device), **engine_options(args))


def work_on_one(args: argparse.Namespace, settings: Rendering, streams: Pipes) -> None:
    (image,), second, argument = args.image, args.mask or args.trimap, settings.rule.argument
    sources = [("image", streams.source("image", image)), (argument, streams.source(argument, second))]
    results = {}
    for name, given in results_of(args).items():
        path = Path(given, f"{sources[0][1].stem}{chosen_suffix(args)}") if names_folder(given) else Path(given)
        results[name] = streams.result(name, path, chosen_suffix(args))
    if not results.get("alpha"):
        results["alpha"] = default_result("alpha.png")
    job = PictureJob(sources[0][1], sources[1][1], results["alpha"], *(results.get(name) for name in RENDITIONS))
    check_outputs(job, settings)
    check_places(results.items(), [*sources, *read_files(args)])
    over, loaded = read_background(settings.background, settings.limits), load(job, settings)
    engine = load_engine(args)
    outcome = Matting(engine, settings, over).matte(job, loaded)
    streams.send()
    info, (height, width) = engine.info, outcome.size
    shown = (STANDARD if getattr(args, name, None) == STANDARD else str(path) for name, path in results.items())
    print(
        f"{', '.join(shown)}  {width}x{height} px  {outcome.latency_ms:.1f} ms  ({what_runs(info)})",
        file=sys.stderr if streams.writes else sys.stdout,
    )


def work_on_many(args: argparse.Namespace, settings: Rendering) -> None:
    """One bad picture does not stop the rest; the Error at the end names them all."""
    argument, second = settings.rule.argument, args.mask or args.trimap
    if not second.is_dir():
        raise InvalidInput(f"{argument}: {str(second)!r}: expected a folder, as --image names many pictures")
    partners = folders.Partners(second, argument)
    pictures = partners.without_partners(folders.gather(args.image))
    results = {name: Path(path) for name, path in results_of(args).items()}
    check_folders(list(results.values()), [second, *(path.parent for path in pictures)])

    def results_for(image: Path) -> dict[str, Path]:
        return {name: folder / f"{image.stem}{chosen_suffix(args)}" for name, folder in results.items()}

    def job_of(image: Path, partner: Path) -> PictureJob:
        paths = results_for(image)
        return PictureJob(image, partner, paths["alpha"], *(paths.get(name) for name in RENDITIONS))

    check_outputs(job_of(pictures[0], second), settings)
    for folder in results.values():
        make_folder(folder)
    check_places(
        [place for image in pictures for place in results_for(image).items()],
        [*(("image", path) for path in pictures), *((argument, path) for path in second.iterdir()), *read_files(args)],
    )
    summary, jobs = folders.Summary(), []
    for image in pictures:
        if args.skip_existing and all(path.exists() for path in results_for(image).values()):
            summary.skipped += 1
            continue
        try:
            jobs.append(job_of(image, partners.of(image)))
        except InvalidInput as failure:
            summary.failures.append((str(image), str(failure)))
    engine = load_engine(args)
    for outcome in tqdm(matte_files(engine, jobs, settings), "", len(jobs), unit="picture", disable=None, leave=False):
        summary.add(str(outcome.job.image), outcome.error)
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
