"""Pictures a second: `Engine.run` from several threads, `submit`, `stream`, and the command that mattes a folder.

    python -m benchmarks.throughput --model shipped --size 512x512

Cores are split in every way: k callers (or `max_concurrent` runs) with n threads each. At equal speed fewer callers are
better: an alpha is there sooner, and each caller holds a workspace. Settings are measured in turns, and the table ends
with the best one for this machine. Needs the extra train.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

import dim_trt
from benchmarks.markdown import table
from benchmarks.measure import (
    UNSTABLE,
    UNSTABLE_NOTE,
    add_json_argument,
    default_threads,
    manifest,
    mark,
    write_json,
)
from benchmarks.networks import MODEL_HELP, SHIPPED, load_network
from benchmarks.pictures import Picture, scene, stripe
from benchmarks.records import Throughput
from dim_trt.arguments import SIZE_FORMAT, parse_size
from dim_trt.precisions import PRECISIONS

RUN, SUBMIT, STREAM, FOLDER = "run()", "submit()", "stream()", "matte FOLDER"
WAYS = (RUN, SUBMIT, STREAM, FOLDER)
ROUNDS = 3
SAME = 1.03  # a setting must be so much faster to be called better
progress_bar = functools.partial(tqdm, leave=False, disable=None)


class Setting(NamedTuple):
    """`concurrent` pictures at a time, each computed by so many threads."""

    way: str
    concurrent: int
    threads: int


def settings(args: argparse.Namespace) -> list[Setting]:
    splits = [(k, n) for k, n in itertools.product(args.concurrent, args.threads) if k * n <= args.cores]
    in_one_process = [Setting(way, k, n) for way in args.ways if way != FOLDER for k, n in splits]
    return in_one_process + [Setting(FOLDER, 1, n) for n in args.threads if FOLDER in args.ways]


def work(setting: Setting, plan: Path, picture: Picture) -> Callable[[int], None]:
    """Mattes so many pictures; each call has written its alpha to an array of its own."""
    engine = dim_trt.Engine(plan, device="cpu", threads=setting.threads, color="rgb", max_concurrent=setting.concurrent)
    pair = picture.img, picture.trimap

    def run(count: int) -> None:
        with ThreadPoolExecutor(setting.concurrent) as callers:
            for future in [callers.submit(lambda: engine.run(*pair)) for _ in range(count)]:
                future.result()

    def submit(count: int) -> None:
        futures = [engine.submit(*pair) for _ in range(count)]
        wait(futures)
        for future in futures:
            future.result()

    def stream(count: int) -> None:
        for _ in dim_trt.stream(engine, itertools.repeat(pair, count)):
            pass

    return {RUN: run, SUBMIT: submit, STREAM: stream}[setting.way]


def matte_folder(setting: Setting, plan: Path, picture: Picture, folder: Path) -> Callable[[int], None]:
    """The command on a folder: its start, reading and writing included."""
    images, trimaps = folder / "images", folder / "trimaps"

    def run(count: int) -> None:
        for kind, array in ((images, picture.img[:, :, ::-1]), (trimaps, picture.trimap)):
            kind.mkdir(exist_ok=True)
            for path in kind.iterdir():
                path.unlink()
            png = cv2.imencode(".png", array)[1].tobytes()
            for number in range(count):
                (kind / f"{number:04}.png").write_bytes(png)
        command = [
            sys.executable,
            "-m",
            "dim_trt.matte",
            "--image",
            images,
            "--trimap",
            trimaps,
            "-o",
            folder / "alphas",
        ]
        options = ["--plan", plan, "--threads", str(setting.threads)]
        subprocess.run([*map(str, command), *map(str, options)], check=True, stderr=subprocess.DEVNULL)

    return run


def measure(args: argparse.Namespace, plan: Path, picture: Picture, folder: Path) -> dict[Setting, list[float]]:
    """Pictures a second of each setting, in each round."""
    works: dict[Setting, Callable[[int], None]] = {}
    for setting in settings(args):
        works[setting] = (
            matte_folder(setting, plan, picture, folder) if setting.way == FOLDER else work(setting, plan, picture)
        )
    counts: dict[Setting, int] = {}
    for setting, matte in works.items():  # also warms up
        matte(2 * setting.concurrent)
        begin = time.perf_counter()
        matte(2 * setting.concurrent)
        counts[setting] = max(
            2 * setting.concurrent,
            round(args.seconds * 2 * setting.concurrent / (time.perf_counter() - begin)),
        )
    rates: dict[Setting, list[float]] = {setting: [] for setting in works}
    for _ in progress_bar(range(ROUNDS), desc="rounds"):
        for setting, matte in works.items():
            begin = time.perf_counter()
            matte(counts[setting])
            rates[setting].append(counts[setting] / (time.perf_counter() - begin))
    return rates


def records(args: argparse.Namespace) -> list[Throughput]:
    height, width = args.size
    picture = scene(height, width) if args.unknown is None else stripe(height, width, args.unknown)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        network = load_network(args.model, folder)
        plan = folder / "dim.plan"
        dim_trt.build_plan(network.onnx, plan, precision=args.precision, backend="cpu")
        rates = measure(args, plan, picture, folder)
    rows = []
    for setting, values in rates.items():
        variation = float(np.std(values) / np.mean(values))
        rows.append(
            Throughput(
                engine="dim_trt",
                model=args.model,
                precision=args.precision,
                height=height,
                width=width,
                unknown_fraction=round(float(picture.unknown.mean()), 4),
                way=setting.way,
                concurrent=setting.concurrent,
                threads=setting.threads,
                pictures_per_second=round(float(np.median(values)), 3),
                variation=round(variation, 4),
                unstable=variation > UNSTABLE,
                made=manifest(seconds=args.seconds, rounds=ROUNDS),
            )
        )
    return rows


def best(rows: Sequence[Throughput]) -> Throughput:
    """Of what runs in one process; the one with the fewest concurrent pictures among those that are as fast."""
    rows = [row for row in rows if row.way != FOLDER] or list(rows)
    fastest = max(row.pictures_per_second for row in rows)
    equal = [row for row in rows if row.pictures_per_second * SAME >= fastest]
    return min(equal, key=lambda row: (row.concurrent, -row.pictures_per_second))


def text(rows: Sequence[Throughput]) -> str:
    first, chosen = rows[0], best(rows)
    cells = [
        [row.way, str(row.concurrent), str(row.threads), f"{row.pictures_per_second:.2f}{mark(row.unstable)}"]
        for row in rows
    ]
    about = f"{first.model}, {first.width}x{first.height}, {first.unknown_fraction:.1%} unknown"
    lines = [f"{about}, {first.made.machine.processor}, {first.made.machine.cores} cores", ""]
    lines += [table(["", "pictures at a time", "threads of each", "pictures/s"], cells), ""]
    lines.append(
        f"best here: {chosen.way}, {chosen.concurrent} at a time with {chosen.threads} threads each: "
        f"{chosen.pictures_per_second:.2f} pictures/s"
    )
    return "\n".join([*lines, *([UNSTABLE_NOTE] if any(row.unstable for row in rows) else [])])


def counts_up_to(cores: int) -> list[int]:
    """1, 2, 4, … and the number of cores."""
    return sorted({2**i for i in range(cores.bit_length()) if 2**i <= cores} | {cores})


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cores = default_threads()
    parser.add_argument("--model", default=SHIPPED, help=MODEL_HELP)
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="of the plan's weights")
    parser.add_argument("--size", type=parse_size, default=(512, 512), metavar=SIZE_FORMAT, help="default: 512x512")
    parser.add_argument("--unknown", type=float, help="fraction of the rows; default: a drawn scene's trimap")
    parser.add_argument("--cores", type=int, default=cores, help="pictures at a time × threads of each is at most that")
    parser.add_argument("--concurrent", type=int, nargs="+", help="pictures at a time; default: 1, 2, 4, … cores")
    parser.add_argument("--threads", type=int, nargs="+", help="of each; default: the same")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="default: all")
    parser.add_argument("--seconds", type=float, default=1.0, help=f"of each of {ROUNDS} rounds (default: %(default)s)")
    add_json_argument(parser)
    args = parser.parse_args(argv)
    args.concurrent = args.concurrent or counts_up_to(args.cores)
    args.threads = args.threads or counts_up_to(args.cores)
    if not settings(args):
        parser.error(f"no setting has pictures at a time × threads of each within {args.cores} cores")
    rows = records(args)
    print(text(rows))
    write_json(args.json, rows)


if __name__ == "__main__":
    main()
