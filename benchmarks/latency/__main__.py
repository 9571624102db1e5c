"""Latency of `Engine.run` beside its peers: one network, one process, the same threads, in turns.

    python -m benchmarks.latency --quick
    python -m benchmarks.latency --model full --size 512x512 1920x1080 --json out/latency.json
    python -m benchmarks.latency --model full --band 5
    python -m benchmarks.latency --model shipped --alphamatting DIR
    python -m benchmarks.latency --model shipped --scene --peers all --clocks --memory
    python -m benchmarks.latency --model shipped --scene --unknown 1 --peers all
    python -m benchmarks.latency --model full --threads 1 2 4

The peers take turns, so that a change of the machine's speed meets all of them. `latency_ms` is of `Engine.run`, pre-
and postprocessing included, and of the peers' bare network, which gets the preprocessed tensor; `ratio` is the peer's
median over the engine's. --clocks keeps apart the bare network, `run` and the way from file to file, of each with its
own ratio. Each peer is given its fastest graph, and int8 is calibrated on the same pictures as our plans; what this
machine cannot run is left out with a sentence. Beside the times stands what the answers are worth on unknown pixels:
the mean and the largest difference from PyTorch's float32, the error of each against float64, and SAD where the true
alpha is known. Needs the extras train, dev and bench.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from benchmarks.latency import tables
from benchmarks.latency.cases import has_both, load_methods, records_of, worth
from benchmarks.measure import MIN_RUNS, SECONDS, add_json_argument, default_threads, write_json
from benchmarks.methods import (
    COMPILED,
    ENGINE,
    KNN,
    METHODS,
    NETWORKS,
    ONNXRUNTIME,
    PEERS,
    PYTORCH,
    TITLES,
    available,
    build_files,
)
from benchmarks.networks import MODEL_HELP, SHIPPED, load_network
from benchmarks.pictures import Picture, alphamatting, scene, stripe, thin_band, with_unknown
from benchmarks.records import Latency, Worth
from dim_trt.arguments import SIZE_FORMAT, parse_size
from dim_trt.precisions import PRECISIONS

QUICK_LIMIT_S = 20.0  # of measuring one case
QUICK_HALF_S = 90.0  # more than that: the machine is too busy for all peers
QUICK_CASES = (("full", False), (SHIPPED, True))  # model, whether on a scene with its truth, clocks and memory
DEFAULT_PEERS = (PYTORCH, ONNXRUNTIME)
progress_bar = functools.partial(tqdm, leave=False, disable=None)


def pictures(args: argparse.Namespace) -> list[Picture]:
    sizes: list[tuple[int, int]] = args.size or [(512, 512) if args.band is None else (1080, 1920)]
    if args.alphamatting:
        return list(itertools.islice(alphamatting(args.alphamatting, args.trimaps), args.limit))
    if args.scene:
        return [_scene(args, *sides) for sides in sizes]
    if args.band is not None:
        return [thin_band(*sides, args.band / 100) for sides in sizes]
    return [stripe(*sides, 1.0 if args.unknown is None else args.unknown) for sides in sizes]


def _scene(args: argparse.Namespace, height: int, width: int) -> Picture:
    drawn = scene(height, width)
    share = args.unknown if args.band is None else args.band / 100
    return drawn if share is None else with_unknown(drawn, share)


def records(args: argparse.Namespace) -> list[Latency]:
    table: list[Latency] = []
    chosen = pictures(args)
    with tempfile.TemporaryDirectory() as folder:
        network = load_network(args.model, Path(folder), args.seed)
        args.files, args.build_s = build_files(
            network.onnx, network.model, Path(folder), args.methods, precision=args.precision
        )
        by_picture: dict[str, dict[str, Worth]] = {}
        for threads in args.threads:
            loaded = load_methods(args, args.files, threads)
            for picture in progress_bar(chosen, desc=f"{args.model}, {threads} threads"):
                methods = {name: it for name, it in loaded.items() if name in NETWORKS or has_both(picture)}
                if picture.name not in by_picture:
                    by_picture[picture.name] = worth(args, network, methods, picture)
                table += records_of(args, methods, picture, threads, by_picture[picture.name])
    return table


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.latency", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="full", help=MODEL_HELP)
    parser.add_argument("--seed", type=int, default=0, help="of random weights (default: %(default)s)")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="of the plan")
    parser.add_argument(
        "--size", type=parse_size, nargs="+", metavar=SIZE_FORMAT, help="default: 512x512, with --band 1920x1080"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--unknown", type=float, help="fraction of the rows; of a scene, of the pixels (default: 1)")
    what.add_argument("--band", type=float, metavar="PERCENT", help="unknown pixels, along an outline")
    parser.add_argument(
        "--scene",
        action="store_true",
        help="a drawn scene, whose true alpha is known; with its own trimap or one of these",
    )
    what.add_argument("--alphamatting", type=Path, metavar="DIR", help="the pictures there, at their own size")
    parser.add_argument("--trimaps", default="trimap1", help="folder in --alphamatting (default: %(default)s)")
    parser.add_argument("--limit", type=int, help="only so many pictures of --alphamatting")
    parser.add_argument("--threads", type=int, nargs="+", default=[default_threads()], help="of each peer")
    peers = [*METHODS[1:], "all"]
    parser.add_argument("--peers", nargs="+", choices=peers, default=DEFAULT_PEERS, help="default: %(default)s")
    parser.add_argument("--clocks", action="store_true", help="also time `run` and the way from file to file of each")
    parser.add_argument("--memory", action="store_true", help="also the peak memory of a process for each")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="to measure each at least (default: %(default)s)"
    )
    parser.add_argument("--min-runs", type=int, default=MIN_RUNS, help="of each at least (default: %(default)s)")
    parser.add_argument("--limit-s", type=float, metavar="S", help="end after this with fewer runs, at least three")
    parser.add_argument("--no-float64", dest="float64", action="store_false", help="leave out the slowest part")
    parser.add_argument(
        "--quick", action="store_true", help="the full model and the shipped one, beside all peers but int8"
    )
    add_json_argument(parser)
    args = parser.parse_args(argv)
    if args.scene and args.alphamatting:
        parser.error("--scene: expected without --alphamatting")
    if args.min_runs < 1 or args.seconds < 0:
        parser.error("--min-runs: expected at least 1, --seconds: at least 0")
    return args


def run_and_print(args: argparse.Namespace) -> list[Latency]:
    wanted = METHODS if "all" in args.peers else (ENGINE, *args.peers)
    args.methods = available([name for name in METHODS if name in wanted])
    table = records(args)
    about = table[0].made.machine
    print(f"{args.model}, {args.precision}, {about.isa}, {about.processor}, {about.cores} cores\n")
    print(tables.text(table), flush=True)
    return table


def quick(args: argparse.Namespace) -> list[Latency]:
    """Two cases in under three minutes: the full model dense, and the shipped one on a scene with everything.

    On a machine that is too busy for that, the second is without the two slowest peers.
    """
    begin = time.perf_counter()
    args.peers = [name for name in METHODS[1:] if PEERS[name].precision != "int8"]  # calibration takes a minute
    args.limit_s, args.float64 = args.limit_s or QUICK_LIMIT_S, False
    args.size = args.size or [(512, 512)]
    table = []
    for model, on_scene in QUICK_CASES:
        case = argparse.Namespace(**vars(args))
        if time.perf_counter() - begin > QUICK_HALF_S:
            case.peers = [name for name in args.peers if name not in (COMPILED, KNN)]
            print(f"left out, as the first half took long: {TITLES[COMPILED]}; {TITLES[KNN]}")
        case.model, case.scene, case.memory, case.clocks = model, on_scene, on_scene, on_scene
        table += run_and_print(case)
        print()
    return table


def main(argv: Sequence[str] | None = None) -> None:
    args = parse(argv)
    write_json(args.json, quick(args) if args.quick else run_and_print(args))


if __name__ == "__main__":
    main()
