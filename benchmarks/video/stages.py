"""Where the time of a clip goes: each stage of `dim_trt.video` alone, and the pipeline in which they overlap.

    python -m benchmarks.video.stages --size 1920x1080 --result cutout.mov
    python -m benchmarks.video.stages --size 1920x1080 --result alpha.mkv --threads 2

A drawn clip, whose first frame's mask is carried on. One after the other, frame by frame: reading, looking (flow),
making the trimap from the matte before, matting, colors, encoding, with medians. Then the same clip through the
pipeline, whose frame cannot take less than its slowest stage, nor than what all cores together need.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import dim_trt
from benchmarks.markdown import table
from benchmarks.measure import default_threads, processor
from benchmarks.video.moving_scenes import clips
from benchmarks.video.panning import FILLING, U8, encode, results_in, timed, whole
from benchmarks.video.trimaps import key_trimap
from dim_trt.arguments import SIZE_FORMAT, parse_size
from dim_trt.arrays import unknown_pixels
from dim_trt.pictures import Look, Picture, render
from dim_trt.tracking import KeyFrames
from dim_trt.video.pipeline import estimator
from dim_trt.video.reading import VideoReader
from training.scenes.textures import Size


def stage_by_stage(engine: dim_trt.Engine, clip: Path, key: U8, result: str) -> tuple[dict[str, float], float]:
    """Milliseconds a frame of each stage, nothing else at work, medians without the first frame; and the mean unknown
    share."""
    ms: dict[str, list[float]] = defaultdict(list)
    unknown: list[float] = []

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        ms[name].append((time.perf_counter() - begin) * 1e3)

    reader, source, previous = VideoReader(str(clip)), KeyFrames({0: key}), None
    with tempfile.TemporaryDirectory() as folder, results_in(Path(folder), result, reader.clip) as results:
        look, pictures = Look(tuple(results.wanted), estimate=estimator(engine)), reader.pictures()
        while True:
            with stage("reading"):
                picture = next(pictures, None)
            if picture is None:
                break
            image = picture.frame.image
            with stage("flow"):
                seen = source.look(picture.frame)
            with stage("trimap"):
                trimap = source.trimap(picture.frame, seen, previous)
            with stage("alpha"):
                alpha = engine.run(image, trimap)
            with stage("doubt"):
                source.doubt(seen, trimap, alpha)
            with stage("colors"):
                levels = render(Picture(image), alpha, look)
            with stage("encoding"):
                results.add(picture, alpha, levels)
            previous = alpha
            unknown.append(float(unknown_pixels(trimap).mean()))
        results.end_clip()
    reader.close()
    ms["reading"].pop()  # the clip's end
    return {name: statistics.median(times[1:]) for name, times in ms.items()}, float(np.mean(unknown))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.video.stages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", type=parse_size, default=(1080, 1920), metavar=SIZE_FORMAT, help="default: 1920x1080")
    parser.add_argument("--frames", type=int, default=40, help=f"more than {FILLING}; default: %(default)s")
    parser.add_argument("--clip", default="walking", help=f"{', '.join(clips(0))}; default: %(default)s")
    parser.add_argument("--seed", type=int, default=11, help="of the drawing; default: %(default)s")
    parser.add_argument(
        "--result", default="cutout.mov", help="cutout, over or alpha with a suffix; default: %(default)s"
    )
    parser.add_argument("--threads", type=int, default=default_threads(), help="of the engine; default: all cores")
    args = parser.parse_args(arguments)
    if args.frames <= FILLING:
        parser.error(f"--frames: expected more than {FILLING}")
    recipes = clips(args.seed, Size(*args.size), args.frames)
    if args.clip not in recipes:
        parser.error(f"--clip: expected one of {', '.join(recipes)}")
    with tempfile.TemporaryDirectory() as folder, dim_trt.Engine("lite", "cpu", args.threads) as engine:
        drawn = recipes[args.clip]()
        path, key = Path(folder, "clip.mp4"), key_trimap(drawn.frame(0)[1], is_true=False)
        encode(path, [drawn.frame(index)[0] for index in range(args.frames)])
        ms, unknown = stage_by_stage(engine, path, key, args.result)
        rate, processor_ms = timed(lambda tick: whole(engine, path, KeyFrames({0: key}), args.result, tick))
    slowest = max(ms, key=ms.__getitem__)
    height, width = args.size
    print(f"lite, {args.clip}, {width}x{height} px, {unknown:.1%} unknown, {args.result}, {args.threads} threads, "
          f"{processor()}\n")  # fmt: skip
    rows = [(name, f"{value:.0f}") for name, value in ms.items()]
    print(table(("stage", "ms a frame"), [*rows, ("together", f"{sum(ms.values()):.0f}")]))
    print(f"pipeline: {rate:.2f} frames/s, {1e3 / rate:.0f} ms a frame, {1e3 / rate / ms[slowest]:.2f} times its "
          f"slowest stage ({slowest}); {processor_ms:.0f} ms of processor time a frame")  # fmt: skip


if __name__ == "__main__":
    main()
