"""Does `dim_trt.video` keep up with its engine? Frames a second of both, in turns, on the same frames and trimaps.

    python -m benchmarks.video
    python -m benchmarks.video --result cutout.mov over.mp4 --threads 2 3 4 --json out/video.json

The engine alone gets decoded frames and finished trimaps from memory; the whole pipeline reads an H.264 file, takes the
same trimaps from a list, mattes with the same engine, estimates colors and encodes. Rates are those once all of its
stages have work. Where reading and writing hide behind matting, both are the same. Beside them stands how much
processor time a frame takes in all: on a machine with other work that says what the clock cannot. The pictures are a
drawn object that moves over its background.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import dim_trt
from benchmarks.measure import add_json_argument, default_threads, manifest, write_json
from benchmarks.provenance import Manifest
from benchmarks.video.panning import Tick, draw, encode, timed, whole
from dim_trt.arguments import SIZE_FORMAT, parse_size
from dim_trt.tracking.sources import Frame
from dim_trt.video.reading import VideoReader

U8 = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class OfBoth:
    """The engine alone, and the video pipeline around it."""

    engine: float
    video: float


@dataclass(frozen=True, kw_only=True)
class Video:
    """share: the pipeline's frames a second over those of the engine alone."""

    threads: int
    result: str
    frames_per_second: OfBoth
    share: float
    share_by_turn_median: float
    processor_ms_per_frame: OfBoth
    size: list[int]
    unknown: float
    made: Manifest


class Listed:
    """Trimaps from memory."""

    needs_previous = False

    def __init__(self, trimaps: Sequence[U8]):
        self._trimaps = trimaps

    def look(self, frame: Frame) -> None:
        pass

    def trimap(self, frame: Frame, seen: None, previous: NDArray[np.float32] | None) -> U8:
        return self._trimaps[frame.index]

    def close(self) -> None:
        pass


def alone(engine: dim_trt.Engine, frames: Sequence[U8], trimaps: Sequence[U8], tick: Tick) -> None:
    for img, trimap in zip(frames, trimaps, strict=True):
        engine.run(img, trimap)
        tick()


def compare(
    engine: dim_trt.Engine, clip: Path, trimaps: Sequence[U8], result: str, turns: int, unknown: float
) -> Video:
    """Best of the turns of each: other work on the machine only ever takes away."""
    reader = VideoReader(str(clip))
    frames = [picture.frame.image for picture in reader.pictures()]
    reader.close()
    alone(engine, frames[:3], trimaps[:3], lambda: None)  # lays out its memory
    figures: dict[str, list[tuple[float, float]]] = {"engine": [], "video": []}
    for _ in range(turns):
        figures["engine"].append(timed(lambda tick: alone(engine, frames, trimaps, tick)))
        figures["video"].append(timed(lambda tick: whole(engine, clip, Listed(trimaps), result, tick)))
    best = {name: max(rate for rate, _ in pairs) for name, pairs in figures.items()}
    by_turn = [video[0] / engine[0] for engine, video in zip(figures["engine"], figures["video"], strict=True)]
    return Video(
        threads=engine.info["threads"],
        result=result,
        frames_per_second=OfBoth(**{name: round(rate, 2) for name, rate in best.items()}),
        share=round(best["video"] / best["engine"], 3),
        share_by_turn_median=round(float(np.median(by_turn)), 3),
        processor_ms_per_frame=OfBoth(**{name: round(min(p for _, p in pairs), 1) for name, pairs in figures.items()}),
        size=list(trimaps[0].shape),
        unknown=unknown,
        made=manifest(),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parse_size, default=(360, 640), metavar=SIZE_FORMAT, help="default: 640x360")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument(
        "--result", nargs="+", default=["cutout.mov"], help="cutout, over or alpha with a suffix; default: cutout.mov"
    )
    most = default_threads()
    parser.add_argument("--threads", nargs="+", type=int, default=[max(1, most - 1)], help="default: all cores but one")
    add_json_argument(parser)
    args = parser.parse_args(arguments)
    records = []
    with tempfile.TemporaryDirectory() as folder:
        pictures, trimaps = draw(args.size, args.frames)
        clip, plan = Path(folder, "clip.mp4"), Path(folder, "lite.plan")
        encode(clip, pictures)
        del pictures
        dim_trt.build_plan("lite", plan, backend="cpu")
        unknown = round(float(np.mean([(trimap != 0) & (trimap != 255) for trimap in trimaps])), 4)
        print(f"lite, {args.size[1]}x{args.size[0]}, {unknown:.0%} unknown, {args.frames} frames, {args.turns} turns\n")
        print("| result | threads | engine alone | video | share | by turns | processor ms/frame |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        for threads, result in itertools.product(args.threads, args.result):
            with dim_trt.Engine(plan, "cpu", threads) as engine:
                record = compare(engine, clip, trimaps, result, args.turns, unknown)
            rates, cpu = record.frames_per_second, record.processor_ms_per_frame
            print(
                f"| {result} | {threads} | {rates.engine:.1f}/s | {rates.video:.1f}/s | {record.share:.0%} | "
                f"{record.share_by_turn_median:.0%} | {cpu.engine:.0f} and {cpu.video:.0f} |",
                flush=True,
            )
            records.append(record)
    write_json(args.json, records)


if __name__ == "__main__":
    main()
