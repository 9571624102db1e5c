"""Pictures a second: `Engine.run` from several threads, `submit`, `stream`, and the command that mattes a folder.

    python -m benchmarks.throughput --model shipped --size 512x512

Peers, where asked for, are run by as many callers, each with one loaded for itself. Cores are split in every way: k
callers (or `max_concurrent` runs) with n threads each. At equal speed fewer callers are better: an alpha is there
sooner, and each caller holds a workspace. Settings are measured in turns, and the table ends with the best one for this
machine. Needs the extra train.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

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
from benchmarks.methods import ENGINE, NETWORKS, PEERS, TITLES, available, build_files
from benchmarks.networks import MODEL_HELP, SHIPPED, load_network
from benchmarks.pictures import scene, stripe
from benchmarks.records import Throughput
from benchmarks.ways import FOLDER, RUN, WAYS, Setting, Work, works_of
from dim_trt.arguments import SIZE_FORMAT, parse_size
from dim_trt.precisions import PRECISIONS

ROUNDS = 3
SAME = 1.03  # a setting must be so much faster to be called better
progress_bar = functools.partial(tqdm, leave=False, disable=None)


def settings(args: argparse.Namespace) -> list[Setting]:
    splits = [(k, n) for k, n in itertools.product(args.concurrent, args.threads) if k * n <= args.cores]
    in_one_process = [Setting(way, k, n) for way in args.ways if way != FOLDER for k, n in splits]
    folder = [Setting(FOLDER, 1, n) for n in args.threads if FOLDER in args.ways]
    return in_one_process + folder + [Setting(RUN, k, n, peer) for peer in args.peers for k, n in splits]


def measure(args: argparse.Namespace, works: dict[Setting, Work]) -> dict[Setting, list[float]]:
    """Pictures a second of each setting, in each round."""
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
        files, _ = build_files(network.onnx, network.model, folder, args.peers, precision=args.precision)
        rates = measure(args, works_of(settings(args), files, picture, folder))
    rows = []
    for setting, values in rates.items():
        variation = float(np.std(values) / np.mean(values))
        rows.append(
            Throughput(
                engine=ENGINE,
                peer=None if setting.peer == ENGINE else setting.peer,
                model=args.model,
                precision=PEERS[setting.peer].precision or args.precision,
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
    first, chosen = rows[0], best([row for row in rows if row.peer is None] or rows)
    cells = [
        [
            TITLES[row.peer] if row.peer else row.way,
            str(row.concurrent),
            str(row.threads),
            f"{row.pictures_per_second:.2f}{mark(row.unstable)}",
        ]
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
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="of the plan")
    parser.add_argument("--size", type=parse_size, default=(512, 512), metavar=SIZE_FORMAT, help="default: 512x512")
    parser.add_argument("--unknown", type=float, help="fraction of the rows; default: a drawn scene's trimap")
    parser.add_argument("--cores", type=int, default=cores, help="pictures at a time × threads of each is at most that")
    parser.add_argument("--concurrent", type=int, nargs="+", help="pictures at a time; default: 1, 2, 4, … cores")
    parser.add_argument("--threads", type=int, nargs="+", help="of each; default: the same")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="default: all")
    parser.add_argument("--peers", nargs="*", choices=NETWORKS[1:], default=[], help="also these; default: none")
    parser.add_argument("--seconds", type=float, default=1.0, help=f"of each of {ROUNDS} rounds (default: %(default)s)")
    add_json_argument(parser)
    args = parser.parse_args(argv)
    args.concurrent = args.concurrent or counts_up_to(args.cores)
    args.threads = args.threads or counts_up_to(args.cores)
    if not settings(args):
        parser.error(f"no setting has pictures at a time × threads of each within {args.cores} cores")
    args.peers = available(args.peers)
    rows = records(args)
    print(text(rows))
    write_json(args.json, rows)


if __name__ == "__main__":
    main()
