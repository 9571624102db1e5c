"""Matte a video, any file FFmpeg reads or raw frames from a pipe: cutout with alpha, alpha, composite.

The suffix of a result says what it becomes: .mov ProRes (4444 where there is alpha), .webm VP9, .mkv FFV1 (lossless),
.mp4 H.264 (no alpha), a name without suffix a folder of PNG pictures, - raw frames on standard output.

Times, orientation, color tags and sound are the clip's. A run that was stopped goes on behind its last finished
segment when the same command is given again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from dim_trt.arguments import SIZE_FORMAT, background, file_name, file_path, parse_size
from dim_trt.auto_arguments import add_auto_argument, add_auto_options, check_auto
from dim_trt.command import (
    UsageError,
    add_depth_arguments,
    add_engine_arguments,
    add_mask_arguments,
    add_picture_arguments,
    picture_limits,
    run_command,
    trimap_rule,
)
from dim_trt.errors import BackendUnavailable
from dim_trt.pictures.composite import CHECKERBOARD, WHITE
from dim_trt.precisions import PRECISIONS
from dim_trt.video.on_cluster import add_ray_argument, check_cluster, work_on_cluster

if TYPE_CHECKING:
    from dim_trt.video.clip_job import ClipJob

RESULTS = ("cutout", "alpha", "premultiplied", "composite")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "video",
        type=file_name,
        help="the clip: a file, a folder of pictures, a pattern such as 'seq/%%04d.png' or 'seq/*.png'; - is standard "
        "input: a container, or raw frames with --size",
    )
    known = parser.add_mutually_exclusive_group(required=True)
    for name, kind in (
        ("trimap", "trimap: 0 background, 255 foreground, else unknown"),
        ("mask", "mask, hard or soft"),
    ):
        known.add_argument(
            f"--{name}",
            type=file_path,
            help=f"a picture of the first frame's {kind}, carried on from frame to frame; or a folder or video with "
            "one for each frame",
        )
    add_auto_argument(known)
    add_auto_options(parser, passes=False)
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--fixed", action="store_true", help="the one picture holds for all frames: nothing moves")
    group.add_argument(
        "--key-frames",
        action="store_true",
        help="the folder's pictures are of the frames whose numbers, from 0, are in their names; carried both ways "
        "from these",
    )
    parser.add_argument(
        "--at-cut",
        choices=("stop", "unknown", "carry"),
        help="where trimaps are carried and the scene changes without a key frame: stop and say where, take all for "
        "unknown, or do not look for cuts; default: stop",
    )
    add_mask_arguments(parser)
    parser.add_argument(
        "--report",
        type=file_path,
        metavar="FILE.csv",
        help="a line for each frame: its number, which share of the object nothing supports where trimaps are "
        "carried or masks are joined, and which share of the picture is unknown",
    )
    parser.add_argument(
        "--stop-when-lost",
        action="store_true",
        help="where trimaps are carried and nothing supports a tenth of the object, stop, naming a key frame to add",
    )
    add_result_arguments(parser)
    add_reading_arguments(parser)
    parser.add_argument(
        "--segment-frames", type=int, metavar="N", default=120, help="what is lost when a run is killed; default: 120"
    )
    parser.add_argument("--restart", action="store_true", help="begin anew, whatever segments there are")
    add_ray_argument(parser)
    parser.add_argument("--plan", type=file_path, help="default: the shipped model, built once and cached")
    parser.add_argument("--precision", choices=PRECISIONS, help="of the shipped model's plan; default: fp32")
    add_picture_arguments(parser)
    add_engine_arguments(parser, threads="all cores but one, which reads and writes")


def add_result_arguments(parser: argparse.ArgumentParser) -> None:
    for name, what in zip(
        RESULTS,
        (
            "the foreground's estimated colors with straight alpha",
            "alpha as gray levels",
            "the same as --cutout with colors multiplied by alpha",
            "the foreground over --background",
        ),
        strict=True,
    ):
        short = ["-o"] if name == "alpha" else []
        parser.add_argument(*short, f"--{name}", type=file_name, metavar="RESULT", help=what)
    parser.add_argument(
        "--background",
        type=background,
        help=f"'#rrggbb' or a color's name, {CHECKERBOARD}, or a picture, scaled to cover; default: {WHITE}",
    )
    parser.add_argument(
        "--colors",
        choices=("estimated", "image"),
        help="of cutouts and composites: the estimated foreground's, or the clip's own, whose mixed pixels keep some "
        "of the old background; default: estimated",
    )
    add_depth_arguments(parser, ", 16 in .mkv and PNG")
    parser.add_argument("--no-audio", action="store_true", help="leave out the clip's sound")


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--unreadable",
        choices=("stop", "skip", "repeat"),
        default="stop",
        help="what to do about a frame that cannot be decoded: stop, leave it out, or repeat the picture before it; "
        "default: %(default)s",
    )
    parser.add_argument("--size", type=parse_size, metavar=SIZE_FORMAT, help="of raw frames on standard input")
    parser.add_argument("--pixel-format", help="of raw frames, FFmpeg's name; default: bgr24")
    parser.add_argument(
        "--rate", help="of raw frames and of pictures, frames a second such as 25 or 30000/1001; default: 25"
    )


def work(args: argparse.Namespace) -> None:
    check_usage(args)
    if args.ray is not None:
        work_on_cluster(args, job(args))
        return
    try:
        from dim_trt.video.job import run
    except ImportError as failure:
        if failure.name != "av":
            raise
        raise BackendUnavailable("video needs PyAV: pip install 'dim_trt[video]'") from failure
    summary = run(job(args))
    stream = sys.stderr if "-" in args.results.values() else sys.stdout
    print(summary, file=stream)


def check_usage(args: argparse.Namespace) -> None:
    args.results = {name: path for name in RESULTS if (path := getattr(args, name))}
    if not args.results:
        raise UsageError("nothing to write: give --cutout, --alpha, --premultiplied or --composite")
    if len(set(args.results.values())) < len(args.results):
        raise UsageError("each result needs a name of its own")
    if args.background and not args.composite:
        raise UsageError("--background goes with --composite")
    if (args.colors or args.color_depth) and set(args.results) == {"alpha"}:
        raise UsageError("--colors and --color-depth go with --cutout, --premultiplied or --composite")
    if args.alpha_depth and not args.alpha:
        raise UsageError("--alpha-depth goes with --alpha")
    if args.precision and args.plan:
        raise UsageError("--precision chooses the shipped model's plan; a plan given with --plan has its own")
    args.rule = trimap_rule(args)
    check_auto(args)
    if args.auto and (args.fixed or args.key_frames or args.at_cut or args.stop_when_lost):
        raise UsageError("--fixed, --key-frames, --at-cut and --stop-when-lost go with --trimap and --mask")
    if args.pixel_format and not args.size:
        raise UsageError("--pixel-format is of raw frames and goes with --size")
    if args.segment_frames < 1:
        raise UsageError(f"--segment-frames: expected a whole number from 1, got {args.segment_frames}")
    if args.ray is not None:
        check_cluster(args)
    if args.size and args.video != "-":
        raise UsageError("--size is of raw frames on standard input: the clip is - then")


def job(args: argparse.Namespace) -> ClipJob:
    from dim_trt.video.clip_job import ClipJob
    from dim_trt.video.decoding import RawFrames
    from dim_trt.video.sequences import is_sequence

    raw, rate = None, parse_rate(args.rate) if args.rate else None
    if args.size:
        raw = RawFrames(args.size, args.pixel_format or "bgr24", rate or Fraction(25))
    elif rate and not is_sequence(args.video):
        raise UsageError("--rate is of raw frames, with --size, and of pictures; a video has its own")
    return ClipJob(
        source=args.video,
        raw=raw,
        rate=rate,
        unreadable=args.unreadable,
        known=args.mask or args.trimap,
        rule=args.rule,
        fixed=args.fixed,
        key_frames=args.key_frames,
        at_cut=args.at_cut or "stop",
        auto=args.auto,
        auto_size=args.auto_size,
        auto_norm=args.auto_norm,
        auto_largest=bool(args.auto_largest),
        report=args.report,
        stop_when_lost=args.stop_when_lost,
        results=args.results,
        background=args.background or WHITE,
        estimate_colors=args.colors != "image",
        alpha_depth=args.alpha_depth or 8,
        color_depth=args.color_depth or 8,
        audio=not args.no_audio,
        segment_frames=args.segment_frames,
        restart=args.restart,
        plan=args.plan,
        precision=args.precision or "fp32",
        device=args.device,
        threads=args.threads,
        memory_limit_mb=args.memory_limit_mb,
        limits=picture_limits(args),
        orientations=args.orientations,
        closed_form=args.closed_form,
    )


def parse_rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise UsageError(f"--rate: expected frames a second such as 25 or 30000/1001, got {text!r}")
    return rate


def main(argv: Sequence[str] | None = None, prog: str = "python -m dim_trt.video") -> int:
    return run_command(prog, __doc__, add_arguments, work, argv)


if __name__ == "__main__":
    sys.exit(main())
