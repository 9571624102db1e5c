"""`python -m dim_trt.video --ray`: a folder of clips, each a job of its own on some machine of a cluster."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from dim_trt.command import UsageError
from dim_trt.errors import BackendUnavailable, InvalidInput
from dim_trt.pictures.folders import Summary, is_picture_name, is_shown, refuse_twins, say_passed_over
from dim_trt.plans.header import is_for_gpu

if TYPE_CHECKING:
    from dim_trt.video.clip_job import ClipJob

CLIPS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".mxf", ".ogv",
         ".wmv", ".flv", ".3gp", ".gif")  # fmt: skip


def add_ray_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="the clips of a folder, on many machines by Ray: on the cluster at this address, without one on that of "
        "this machine; in the names of results and of --trimap or --mask a * is the clip's name, as in 'out/*.webm'; "
        "clips that have their results are left out; --threads: cores for a clip, default: 1",
    )


def check_cluster(args: argparse.Namespace) -> None:
    """What goes with --ray, and what does not."""
    for name in ("report", "size", "rate", "key_frames", "stop_when_lost"):
        if getattr(args, name):
            raise UsageError(f"--{name.replace('_', '-')} is of one clip and goes without --ray")
    for name, path in {**args.results, "trimap": args.trimap, "mask": args.mask}.items():
        if path and str(path).count("*") != 1:
            raise UsageError(f"--{name}: with --ray expected one * in the name, for the clip's, got {str(path)!r}")
    if args.device not in ("auto", "cpu", "cuda"):
        raise UsageError("--device: with --ray expected auto, cpu or cuda, as Ray chooses which GPU")


def work_on_cluster(args: argparse.Namespace, template: ClipJob) -> None:
    """`template`: the job with a * for each clip's name."""
    from dim_trt.cluster.runtime import connected

    cores = args.threads or 1
    on_gpu = args.device == "cuda" or bool(args.plan and is_for_gpu(args.plan))
    jobs = jobs_of(Path(args.video), replace(template, threads=None if on_gpu else cores))
    pending = {name: job for name, job in jobs.items() if job.restart or not is_done(job)}
    summary = Summary(skipped=len(jobs) - len(pending))
    with connected(args.ray, verbose=args.verbose):
        from dim_trt.cluster.runtime import resources_of
        from dim_trt.cluster.tasks import run_all

        with tqdm(total=len(pending), unit="clip", disable=None, leave=False) as bar:
            for name, error in run_all(run_clip, pending, resources_of(cores, on_gpu)):
                summary.add(name, error)
                bar.update()
    print(f"{', '.join(template.results.values())}  {summary}", flush=True)
    summary.raise_failures(what="clips")


def run_clip(job: ClipJob) -> str:
    """In a worker."""
    try:
        from dim_trt.video.job import run
    except ImportError as failure:
        if failure.name != "av":
            raise
        raise BackendUnavailable("video needs PyAV on every machine: pip install 'dim_trt[video]'") from failure
    return run(job)


def jobs_of(folder: Path, template: ClipJob) -> dict[str, ClipJob]:
    """Of each clip in the folder, by its name.

    Raises:
        InvalidInput: there is none, or two have the same name before the suffix.
    """
    try:
        names = sorted(path.name for path in folder.iterdir() if path.is_file() and is_shown(path.name))
    except OSError as failure:
        raise InvalidInput(
            f"video: {str(folder)!r}: with --ray expected a folder of clips: {failure.strerror}"
        ) from None
    clips = [name for name in names if Path(name).suffix.lower() in CLIPS]
    if not clips:
        raise InvalidInput(f"video: {str(folder)!r}: expected clips ({', '.join(CLIPS)}), found none")
    refuse_twins(clips, str(folder), "video")
    say_passed_over(str(folder), [name for name in names if name not in clips and not is_picture_name(name)], "video")
    return {name: _job(folder.absolute() / name, template) for name in clips}


def is_done(job: ClipJob) -> bool:
    """Whether all its results are there, which appear when they are whole; not told of folders of pictures."""
    return all(Path(path).suffix and Path(path).exists() for path in job.results.values())


def _job(clip: Path, template: ClipJob) -> ClipJob:
    def named(path: Any) -> Path:
        return Path(str(path).replace("*", clip.stem)).absolute()

    results: Mapping[Any, str] = {content: str(named(path)) for content, path in template.results.items()}
    known = named(template.known) if template.known else None
    background = Path(template.background)
    shared = {"plan": template.plan and template.plan.absolute()}
    if template.auto and Path(template.auto).exists():
        shared["auto"] = str(Path(template.auto).absolute())  # type: ignore[assignment]
    if background.exists():
        shared["background"] = str(background.absolute())  # type: ignore[assignment]
    return replace(template, source=str(clip), known=known, results=results, **shared)  # type: ignore[arg-type]
