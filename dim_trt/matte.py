"""Matte one picture: write its alpha, and with flags cutouts and a composite over a new background.

With a folder or a pattern as --image every picture in it; --trimap or --mask, -o, --cutout, --premultiplied and
--composite are folders then, and files belong together by their names before the suffix. --auto needs no second file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from dim_trt.auto_arguments import automatic
from dim_trt.command import default_result, engine_options, picture_limits, run_command, trimap_rule
from dim_trt.engine import Engine
from dim_trt.errors import InvalidInput
from dim_trt.matte_arguments import (
    RENDITIONS,
    add_arguments,
    check_usage,
    chosen_suffix,
    is_many,
    names_folder,
    results_of,
)
from dim_trt.pictures import folders
from dim_trt.pictures.composite import WHITE
from dim_trt.pictures.files import read_background
from dim_trt.pipes import STANDARD, Pipes, pipes
from dim_trt.places import check_places
from dim_trt.plans.cache import shipped_plan
from dim_trt.precisions import what_runs
from dim_trt.renditions import Matting, PictureJob, Rendering, check_outputs, load, matte_files


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
    if args.ray is not None:
        from dim_trt.matte_on_cluster import work_on_cluster

        work_on_cluster(args, settings)
    elif is_many(args):
        work_on_many(args, settings)
    else:
        with pipes() as streams:
            work_on_one(args, settings, streams)


def read_files(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """What is read for every picture, by argument."""
    shared = {"background": args.background and Path(args.background), "plan": args.plan, "auto": args.auto}
    return [(name, Path(path)) for name, path in shared.items() if path]


def load_engine(args: argparse.Namespace) -> Engine:
    return Engine(args.plan or shipped_plan(args.precision or "fp32", args.device), **engine_options(args))


def work_on_one(args: argparse.Namespace, settings: Rendering, streams: Pipes) -> None:
    (image,), second, argument = args.image, args.mask or args.trimap, settings.rule.argument
    sources = [("image", streams.source("image", image))]
    if second:
        sources.append((argument, streams.source(argument, second)))
    results = {}
    for name, given in results_of(args).items():
        path = Path(given, f"{sources[0][1].stem}{chosen_suffix(args)}") if names_folder(given) else Path(given)
        results[name] = streams.result(name, path, chosen_suffix(args))
    if not results.get("alpha"):
        results["alpha"] = default_result("alpha.png")
    known = sources[1][1] if second else None
    job = PictureJob(sources[0][1], known, results["alpha"], *(results.get(name) for name in RENDITIONS))
    check_outputs(job, settings)
    check_places(results.items(), [*sources, *read_files(args)])
    settings = replace(settings, auto=automatic(args) if args.auto else None)
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
    if second and not second.is_dir():
        raise InvalidInput(f"{argument}: {str(second)!r}: expected a folder, as --image names many pictures")
    partners, pictures = folders.Partners(second, argument) if second else None, folders.gather(args.image)
    if partners:
        pictures = partners.without_partners(pictures)
    results = {name: Path(path) for name, path in results_of(args).items()}
    check_folders(list(results.values()), [*([second] if second else []), *(path.parent for path in pictures)])

    def results_for(image: Path) -> dict[str, Path]:
        return {name: folder / f"{image.stem}{chosen_suffix(args)}" for name, folder in results.items()}

    def job_of(image: Path, partner: Path | None) -> PictureJob:
        paths = results_for(image)
        return PictureJob(image, partner, paths["alpha"], *(paths.get(name) for name in RENDITIONS))

    check_outputs(job_of(pictures[0], second), settings)
    for folder in results.values():
        make_folder(folder)
    check_places(
        [place for image in pictures for place in results_for(image).items()],
        [
            *(("image", path) for path in pictures),
            *((argument, path) for path in (second.iterdir() if second else ())),
            *read_files(args),
        ],
    )
    summary, jobs = folders.Summary(), []
    for image in pictures:
        if args.skip_existing and all(path.exists() for path in results_for(image).values()):
            summary.skipped += 1
            continue
        try:
            jobs.append(job_of(image, partners.of(image) if partners else None))
        except InvalidInput as failure:
            summary.add(str(image), failure)
    settings = replace(settings, auto=automatic(args) if args.auto else None)
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
