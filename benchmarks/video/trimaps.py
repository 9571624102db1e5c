"""Carried key frames against true trimaps: drawn clips with known alpha, matted with the shipped model.

    python -m benchmarks.video.trimaps                       # seeds that no constant was chosen on
    python -m benchmarks.video.trimaps --clips slow --frames 200 --seeds 11

Each clip is matted twice: with a true trimap for every frame (a band around the true alpha), and with key frames only
(the first frame, unless the name says more), which `KeyFrames` carries; these are masks, as a program would cut them,
or with --true-keys the true trimaps. "error" is the mean of |alpha - truth| over the frame times 1000: with true
trimaps, with carried ones, of these at the last frame, at the worst seed. dtSSD is that of convention "rvm"; a pixel is
wrongly known if trimap and truth differ by more than 0.1 where the trimap is 0 or 255. Below stand the rank correlation
of doubt and error over all frames, and for each clip whose error passed 30 how many frames later the warning
came (below 0: it had come before; "-": none).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.video.moving_scenes import SIZE, Clip, clips
from dim_trt.arguments import SIZE_FORMAT, parse_size
from dim_trt.engine import Engine
from dim_trt.plans.cache import shipped_plan
from dim_trt.scoring.video_metrics import dtssd
from dim_trt.tracking.key_frames import KeyFrames
from dim_trt.tracking.sources import Frame
from dim_trt.trimaps import from_mask
from dim_trt.trimaps.making import from_alpha
from dim_trt.video.report import LOST, LOST_FRAMES
from training.scenes.textures import Size

FAILED = 30  # of error
BAND_SHARE = 1 / 60  # of the picture's shorter side: of the true trimaps, to either side of what is soft


@dataclass
class Track:
    """One way to matte a clip; a value for each frame."""

    error: list[float] = field(default_factory=list)
    unknown: list[float] = field(default_factory=list)
    wrong: list[float] = field(default_factory=list)
    look_ms: list[float] = field(default_factory=list)
    trimap_ms: list[float] = field(default_factory=list)
    doubt: list[float] = field(default_factory=list)
    alphas: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, alpha: NDArray[np.float32], trimap: NDArray[np.uint8], truth: NDArray[np.float32]) -> None:
        known = (trimap == 0) | (trimap == 255)
        self.error.append(1000 * float(np.abs(alpha - truth).mean(dtype=np.float64)))
        self.unknown.append(1 - float(known.mean()))
        self.wrong.append(float((known & (np.abs(trimap / 255 - truth) > 0.1)).mean()))
        self.alphas.append(alpha)


@dataclass
class Result:
    """The two tracks of one clip, without their alphas, and dtSSD of each."""

    true: Track
    carried: Track
    dtssd: tuple[float, float]


def true_trimap(alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    band_px = BAND_SHARE * min(alpha.shape)
    return from_alpha(alpha, low=0.01, high=0.99, erode=band_px, dilate=band_px)


def key_trimap(alpha: NDArray[np.float32], *, is_true: bool) -> NDArray[np.uint8]:
    return true_trimap(alpha) if is_true else from_mask(np.where(alpha >= 0.5, 255, 0).astype(np.uint8))


def measure(engine: Engine, clip: Clip, *, true_keys: bool) -> Result:
    frames = [clip.frame(index) for index in range(clip.frame_count)]
    truths = [truth for _, truth in frames]
    true = Track()
    for image, truth in tqdm(frames, desc=f"{clip.name}, true", leave=False, disable=None):
        trimap = true_trimap(truth)
        true.add(engine.run(image, trimap), trimap, truth)
    tracks = (true, follow(engine, clip, frames, true_keys=true_keys))
    flicker = tuple(dtssd(track.alphas, truths, convention="rvm") for track in tracks)
    for track in tracks:
        track.alphas.clear()
    return Result(*tracks, flicker)  # type: ignore[arg-type]


def follow(
    engine: Engine,
    clip: Clip,
    frames: Sequence[tuple[NDArray[np.uint8], NDArray[np.float32]]],
    *,
    true_keys: bool,
) -> Track:
    track, previous = Track(), None
    source = KeyFrames(
        {key: key_trimap(frames[key][1], is_true=true_keys) for key in clip.keys},
        reread=lambda start: (Frame(index, frames[index][0], None) for index in range(start, len(frames))),
    )
    for index, (image, truth) in enumerate(tqdm(frames, desc=f"{clip.name}, carried", leave=False, disable=None)):
        frame = Frame(index, image, None)
        begin = time.perf_counter()
        seen = source.look(frame)
        looked = time.perf_counter()
        trimap = source.trimap(frame, seen, previous)
        if index not in clip.keys:
            track.look_ms.append(1e3 * (looked - begin))
            track.trimap_ms.append(1e3 * (time.perf_counter() - looked))
        alpha = engine.run(image, trimap)
        previous = alpha
        track.add(alpha, trimap, truth)
        track.doubt.append(source.doubt(seen, trimap, alpha))
    source.close()
    return track


def row(name: str, results: Sequence[Result]) -> str:
    def values(way: str, kind: str) -> list[float]:
        return list(chain.from_iterable(getattr(getattr(one, way), kind) for one in results))

    def mean(way: str, kind: str) -> float:
        return float(np.mean(values(way, kind)))

    def last(kind: str) -> float:
        return float(np.mean([getattr(one.carried, kind)[-1] for one in results]))

    worst = max(float(np.mean(one.carried.error)) for one in results)
    flicker = np.mean([one.dtssd for one in results], 0)
    times = (np.median(values("carried", way)) for way in ("look_ms", "trimap_ms"))
    return (
        f"{name:18}{mean('true', 'error'):7.1f}{mean('carried', 'error'):8.1f}{last('error'):7.1f}{worst:7.1f}"
        f"{100 * mean('carried', 'wrong'):8.2f}{100 * last('wrong'):7.2f}"
        f"{100 * mean('true', 'unknown'):7.1f}{100 * mean('carried', 'unknown'):7.1f}{100 * last('unknown'):7.1f}"
        + "".join(f"{value:7.2f}" for value in (*flicker, *times))
    )


HEADER = (
    f"{'':18}{'error':>7}{'':22}{'wrongly known %':>15}{'unknown %':>14}{'':7}{'dtSSD':>7}{'':7}{'ms a frame':>14}\n"
    f"{'clip':18}{'true':>7}{'carried':>8}{'last':>7}{'worst':>7}{'mean':>8}{'last':>7}"
    f"{'true':>7}{'carr.':>7}{'last':>7}{'true':>7}{'carr.':>7}{'look':>7}{'trimap':>7}"
)


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's, with mean ranks for ties; NaN where either is the same everywhere, so that nothing has a rank."""
    if min(len(set(first)), len(set(second))) < 2:
        return float("nan")

    def ranks(values: Sequence[float]) -> NDArray[np.float64]:
        _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        return np.asarray((ends - (counts - 1) / 2)[inverse], np.float64)

    return float(np.corrcoef(ranks(first), ranks(second))[0, 1])


def lag(track: Track) -> str | None:
    """Frames from where the error passes 30 to the warning; None where it does not."""
    passed = next((index for index, error in enumerate(track.error) if error > FAILED), None)
    if passed is None:
        return None
    in_a_row = 0
    for index, doubt in enumerate(track.doubt):
        in_a_row = in_a_row + 1 if doubt > LOST else 0
        if in_a_row == LOST_FRAMES:
            return str(index - passed)
    return "-"


def about_doubt(results: Sequence[Result]) -> str:
    doubts, errors = (
        list(chain.from_iterable(getattr(one.carried, kind) for one in results)) for kind in ("doubt", "error")
    )
    lags = [found for one in results if (found := lag(one.carried)) is not None]
    return (
        f"rank correlation of doubt and error: {rank_correlation(doubts, errors):.2f} over {len(doubts)} frames\n"
        f"error above {FAILED}: {len(lags)} of {len(results)} clips; the warning so many frames later: {' '.join(lags)}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.video.trimaps", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=list(range(11, 19)), help="one drawing of each clip for each"
    )
    parser.add_argument("--frames", type=int, default=40, help="of each clip, at least 4; default: %(default)s")
    parser.add_argument("--size", type=parse_size, default=SIZE, metavar=SIZE_FORMAT, help="default: 640x360")
    parser.add_argument("--clips", nargs="+", metavar="NAME", help="those whose names begin so; default: all")
    parser.add_argument("--threads", type=int, default=None, help="default: all cores")
    parser.add_argument("--true-keys", action="store_true", help="true trimaps as key frames; default: masks")
    args = parser.parse_args(arguments)
    if args.frames < 4:
        parser.error("--frames: expected at least 4")
    recipes = [clips(seed, Size(*args.size), args.frames) for seed in args.seeds]
    names = list(recipes[0])
    wanted = [name for name in names if not args.clips or name.startswith(tuple(args.clips))]
    if not wanted:
        parser.error(f"--clips: expected some of {', '.join(names)}")
    found: list[Result] = []
    print(f"{args.size[1]}x{args.size[0]} px, {args.frames} frames, seeds {', '.join(map(str, args.seeds))}\n{HEADER}")
    with Engine(shipped_plan(device="cpu"), "cpu", args.threads) as engine:
        for name in wanted:
            results = [measure(engine, recipe[name](), true_keys=args.true_keys) for recipe in recipes]
            print(row(name, results), flush=True)
            found += results
    print(row("all", found))
    print(about_doubt(found))


if __name__ == "__main__":
    main()
