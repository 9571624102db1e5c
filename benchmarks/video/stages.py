"""Where the time of a clip goes: each stage of `dim_trt.video` alone, and the pipeline in which they overlap.

    python -m benchmarks.video.stages --size 1920x1080 --result cutout.mov
    python -m benchmarks.video.stages --size 1920x1080 --result alpha.mkv --threads 2
    python -m benchmarks.video.stages --size 1920x1080 --auto

A drawn clip, whose first frame's mask is carried on; with --auto a network finds the object in each frame, as a part of
looking. One after the other, frame by frame: reading, looking (flow), making the trimap, matting, colors, encoding, in
medians. Then the same clip through the pipeline, whose frame cannot take less than its slowest stage, nor than what all
cores together need; with --auto once more with the masks known beforehand, for what the network costs.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
import zlib
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
from dim_trt.auto_arguments import add_auto_argument
from dim_trt.masks import Automatic, MaskSource, open_source
from dim_trt.masks.source import F32
from dim_trt.pictures import Look, Picture, render
from dim_trt.tracking import KeyFrames, MaskFrames
from dim_trt.tracking.sources import Doubts, TrimapSource
from dim_trt.video.pipeline import estimator
from dim_trt.video.reading import VideoReader
from training.scenes.textures import Size


class Remembered(MaskSource):
    """A source whose masks are kept: of a picture that it has seen it says again what it said."""

    def __init__(self, source: MaskSource):
        self._source = source
        self._masks: dict[int, F32] = {}

    def __call__(self, img: U8, /) -> F32:
        picture = zlib.crc32(img.tobytes())
        if picture not in self._masks:
            self._masks[picture] = self._source(img)
        return self._masks[picture]


def stage_by_stage(
    engine: dim_trt.Engine, clip: Path, source: TrimapSource, result: str
) -> tuple[dict[str, float], float]:
    """Milliseconds a frame of each stage, nothing else at work, medians without the first frame; and the mean unknown
    share."""
    ms: dict[str, list[float]] = defaultdict(list)
    unknown: list[float] = []

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        ms[name].append((time.perf_counter() - begin) * 1e3)

    reader, previous = VideoReader(str(clip)), None
    with tempfile.TemporaryDirectory() as folder, results_in(Path(folder), result, reader.clip) as results:
        look, pictures = Look(tuple(results.wanted), estimate=estimator(engine)), reader.pictures()
        while True:
            with stage("reading"):
                picture = next(pictures, None)
            if picture is None:
                break
            image = picture.frame.image
            with stage("looking"):
                seen = source.look(picture.frame)
            with stage("trimap"):
                trimap = source.trimap(picture.frame, seen, previous)
            with stage("alpha"):
                alpha = engine.run(image, trimap)
            with stage("doubt"):
                assert isinstance(source, Doubts)
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
    add_auto_argument(parser, "a network instead of the first frame's mask")
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
        network = open_source(args.auto) if args.auto else None

        def source(masks: MaskSource | None) -> TrimapSource:
            return MaskFrames(Automatic(masks)) if masks else KeyFrames({0: key})

        def pipeline(masks: MaskSource | None) -> tuple[float, float]:
            return timed(lambda tick: whole(engine, path, source(masks), args.result, tick))

        ms, unknown = stage_by_stage(engine, path, source(network), args.result)
        rate, processor_ms = pipeline(network)
        if network:
            known = Remembered(network)
            with contextlib.closing(VideoReader(str(path))) as reader:
                for picture in reader.pictures():
                    known(picture.frame.image)
            known_rate, _ = pipeline(known)
    slowest = max(ms, key=ms.__getitem__)
    height, width = args.size
    made_of = f"auto {args.auto}" if args.auto else "carried"
    print(f"lite, {args.clip}, {made_of}, {width}x{height} px, {unknown:.1%} unknown, {args.result}, "
          f"{args.threads} threads, {processor()}\n")  # fmt: skip
    rows = [(name, f"{value:.0f}") for name, value in ms.items()]
    print(table(("stage", "ms a frame"), [*rows, ("together", f"{sum(ms.values()):.0f}")]))
    print(f"pipeline: {rate:.2f} frames/s, {1e3 / rate:.0f} ms a frame, {1e3 / rate / ms[slowest]:.2f} times its "
          f"slowest stage ({slowest}); {processor_ms:.0f} ms of processor time a frame")  # fmt: skip
    if network:
        print(f"with its masks known before {known_rate:.2f} frames/s: the network costs {1 - rate / known_rate:.0%}")


if __name__ == "__main__":
    main()
