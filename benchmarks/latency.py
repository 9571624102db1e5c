"""Latency of `Engine.run` beside PyTorch and ONNX Runtime: one network, one process, the same threads.

    python -m benchmarks.latency --model full --size 512x512 1080x1920 --json out/latency.json
    python -m benchmarks.latency --model full --band 5
    python -m benchmarks.latency --model shipped --alphamatting DIR
    python -m benchmarks.latency --model full --threads 1 2 4

The peers take turns, so that a change of the machine's speed meets all of them; figures are medians. PyTorch
(channels-last) and ONNX Runtime get the preprocessed tensor; the engine's time includes its own pre- and
postprocessing. Beside the times stands what the answers are worth on unknown pixels: the largest difference from
PyTorch's float32, and the error of each against float64. Needs the extras train and dev.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.measure import (
    MIN_RUNS,
    UNSTABLE_NOTE,
    add_json_argument,
    default_threads,
    manifest,
    mark,
    measure,
    size,
    summary,
    write_json,
)
from benchmarks.networks import MODEL_HELP, load_network
from benchmarks.peers import ENGINE, ONNXRUNTIME, PYTORCH, TOLERANCE, Peers, errors, float64_alpha, load_peers
from benchmarks.pictures import Picture, alphamatting, stripe, thin_band

PEERS = (ENGINE, PYTORCH, ONNXRUNTIME)
QUICK_RUNS = 3
progress_bar = functools.partial(tqdm, leave=False, disable=None)


def pictures(args: argparse.Namespace) -> list[Picture]:
    sizes: list[tuple[int, int]] = args.size or [(512, 512) if args.band is None else (1080, 1920)]
    if args.alphamatting:
        return list(itertools.islice(alphamatting(args.alphamatting, args.trimaps), args.limit))
    if args.band is not None:
        return [thin_band(*sides, args.band / 100) for sides in sizes]
    return [stripe(*sides, args.unknown) for sides in sizes]


def picture_errors(args: argparse.Namespace, peers: Peers, picture: Picture) -> dict[str, dict[str, Any]]:
    """Of each peer; the runs that this takes also warm them up."""
    alphas = {name: run() for name, run in peers.runs(picture).items()}
    reference = float64_alpha(peers.model, picture) if args.float64 else None
    return errors(alphas, reference, picture.unknown)


def picture_records(
    args: argparse.Namespace, peers: Peers, picture: Picture, threads: int, error: dict[str, dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    runs = {name: run for name, run in peers.runs(picture).items() if name in args.peers}
    latencies_ms = measure(runs, args.seconds, QUICK_RUNS if args.quick else MIN_RUNS)
    ours = float(np.median(latencies_ms[ENGINE]))
    height, width = picture.trimap.shape
    for name, times in latencies_ms.items():
        yield {
            "engine": ENGINE,
            "peer": name,
            "model": args.model,
            "picture": picture.name,
            "precision": args.precision if name == ENGINE else "fp32",
            "height": height,
            "width": width,
            "unknown_fraction": round(float(picture.unknown.mean()), 4),
            "threads": threads,
            **summary(times),
            "ratio": round(float(np.median(times)) / ours, 3),
            **error[name],
            **manifest(),
        }


def records(args: argparse.Namespace) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = []
    chosen = pictures(args)
    with tempfile.TemporaryDirectory() as folder:
        network = load_network(args.model, Path(folder), args.seed)
        by_picture: dict[str, dict[str, dict[str, Any]]] = {}
        for threads in args.threads:
            peers = load_peers(network, args.precision, threads, Path(folder))
            for picture in progress_bar(chosen, desc=f"{threads} threads"):
                if picture.name not in by_picture:
                    by_picture[picture.name] = picture_errors(args, peers, picture)
                table += picture_records(args, peers, picture, threads, by_picture[picture.name])
    return table


def print_table(table: Sequence[dict[str, Any]]) -> None:
    print("| picture | unknown | threads | | p50 ms | p90 ms | p99 ms | frames/s | time / dim_trt |", end="")
    print(
        f" max abs, PyTorch | pixels > {TOLERANCE:.0e} | of these by float64, too | max abs, float64 | rms, float64 |"
    )
    print("| --- | ---: | ---: | --- |" + " ---: |" * 10)
    for row in table:
        ms = row["latency_ms"]
        exact = " | | "
        if "rms_vs_float64" in row:
            exact = f"{row['pixels_beyond_both']} | {row['max_abs_vs_float64']:.1e} | {row['rms_vs_float64']:.1e}"
        print(
            f"| {row['picture']} | {row['unknown_fraction']:.1%} | {row['threads']} | {row['peer']}{mark(row)} "
            f"| {ms['p50']:.1f} | {ms['p90']:.1f} | {ms['p99']:.1f} | {row['frames_per_second']:.2f} "
            f"| {row['ratio']:.2f} | {row['max_abs_vs_pytorch']:.1e} "
            f"| {row['pixels_beyond_tolerance']} of {row['unknown_px']} | {exact} |"
        )
    if any(row["unstable"] for row in table):
        print(f"\n{UNSTABLE_NOTE}")


def print_means(table: Sequence[dict[str, Any]]) -> None:
    """Of the ratios over all pictures, by peer and number of threads."""
    print()
    for peer, threads in dict.fromkeys((row["peer"], row["threads"]) for row in table):
        rows = [row for row in table if (row["peer"], row["threads"]) == (peer, threads)]
        if peer != ENGINE and len(rows) > 1:
            ratios = [row["ratio"] for row in rows]
            unknown = np.mean([row["unknown_fraction"] for row in rows])
            print(
                f"{peer} / {ENGINE}, {threads} threads: mean ratio {np.mean(ratios):.2f}, "
                f"{min(ratios):.2f} to {max(ratios):.2f} (n={len(rows)}, mean unknown {unknown:.1%})"
            )


def print_scaling(table: Sequence[dict[str, Any]]) -> None:
    """How much faster more threads are."""
    counts = sorted({row["threads"] for row in table})
    if len(counts) < 2:
        return
    print(f"\n| p50 ms | {' | '.join(f'{n} threads' for n in counts)} | speed-up {counts[0]} to {counts[-1]} |")
    print("| --- |" + " ---: |" * (len(counts) + 1))
    for picture, peer in dict.fromkeys((row["picture"], row["peer"]) for row in table):
        ms = {r["threads"]: r["latency_ms"]["p50"] for r in table if (r["picture"], r["peer"]) == (picture, peer)}
        cells = " | ".join(f"{ms[n]:.1f}" for n in counts)
        print(f"| {picture}, {peer} | {cells} | {ms[counts[0]] / ms[counts[-1]]:.2f} |")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="full", help=MODEL_HELP)
    parser.add_argument("--seed", type=int, default=0, help="of random weights (default: %(default)s)")
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), default="fp32", help="of the plan's weights")
    parser.add_argument("--size", type=size, nargs="+", metavar="HxW", help="default: 512x512, with --band 1080x1920")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--unknown", type=float, default=1.0, help="fraction of the rows (default: %(default)s)")
    what.add_argument("--band", type=float, metavar="PERCENT", help="unknown pixels, along an outline")
    what.add_argument("--alphamatting", type=Path, metavar="DIR", help="the pictures there, at their own size")
    parser.add_argument("--trimaps", default="trimap1", help="folder in --alphamatting (default: %(default)s)")
    parser.add_argument("--limit", type=int, help="only so many pictures of --alphamatting")
    parser.add_argument("--threads", type=int, nargs="+", default=[default_threads()], help="of each peer")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS, help="what is timed (default: all)")
    parser.add_argument("--seconds", type=float, help="to measure at least (default: 10, with --quick 0)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_RUNS} runs, no float64")
    parser.add_argument("--no-float64", dest="float64", action="store_false", help="leave out the slowest part")
    add_json_argument(parser)
    args = parser.parse_args(argv)
    args.peers = [peer for peer in PEERS if peer in args.peers or peer == ENGINE]
    args.float64 = args.float64 and not args.quick
    if args.seconds is None:
        args.seconds = 0.0 if args.quick else 10.0
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse(argv)
    table = records(args)
    machine = table[0]["machine"]
    print(f"{args.model}, {args.precision}, {machine['isa']}, {machine['processor']}\n")
    print_table(table)
    print_means(table)
    print_scaling(table)
    write_json(args.json, table)


if __name__ == "__main__":
    main()
