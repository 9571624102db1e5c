"""Each kernel of the CPU backend: checked against its scalar twin, then timed, beside what the machine can do at best.

    python -m benchmarks.kernels --isa avx2 avx512 --threads 1 4 --json out/kernels.json

The layers are those of the networks at 512x512. Weights and maps are packed before the clock starts. GFLOP/s count a
product and its sum as two operations: "dense" the products of a plain convolution, zeros included, "real" those that
the kernel does, so that "% of peak" of the real ones says how busy the multipliers are; float32 and int8 have a peak
each. That of int8 is of products of bytes: Winograd's are of 16 bits, of which VNNI does half as many. A wrong kernel
is not timed, and the exit code is 1. Needs the extra train.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from benchmarks.kernels.cases import Case, cases
from benchmarks.kernels.operands import is_refused, operands, real_products, result, seconds
from benchmarks.kernels.peak import Peak, measure_peak
from benchmarks.kernels.records import ByProducts, Kernel, KernelSpeed
from benchmarks.measure import (
    MIN_RUNS,
    UNSTABLE_NOTE,
    add_json_argument,
    default_threads,
    manifest,
    mark,
    summary,
    write_json,
)
from dim_trt import _core
from dim_trt.arguments import SIZE_FORMAT, parse_size
from training.model import CONFIGS

TOLERANCE = 2e-5  # against the scalar twin, of results of order one; as in tests/kernels
CHECK_SIDES = (10, 30)  # odd numbers of tiles; the scalar twin would take minutes at full size
CHECK_CHANNELS = 40
MAX_RUNS = 1000
progress_bar = functools.partial(tqdm, leave=False, disable=None)


def check(case: Case, isa: str, threads: int) -> float:
    """The largest difference from the scalar twin on a smaller map with as many input channels."""
    layer = case.layer
    height, width = min(layer.height, CHECK_SIDES[0]), min(layer.width, CHECK_SIDES[1])
    small = replace(case, layer=replace(layer, cout=min(layer.cout, CHECK_CHANNELS), height=height, width=width))
    given = operands(small)
    ours, twin = result(small, given, isa, threads), result(small, given, "scalar", 1)
    difference = np.abs(ours.astype(np.float64) - twin)
    return float(difference.max()) if np.isfinite(difference).all() and difference.size else float("inf")


def timed(case: Case, isa: str, threads: int, least_seconds: float) -> tuple[list[float], int]:
    """Seconds of each run, the first ones left out, and how many products one takes."""
    given = operands(case)
    warm_up = seconds(case, given, isa, threads, 2)[-1]
    runs = MIN_RUNS if least_seconds else 1
    runs = int(np.clip(least_seconds / max(warm_up, 1e-6), runs, MAX_RUNS))
    return seconds(case, given, isa, threads, runs + 1)[1:], real_products(case, given)


def record(model: str, case: Case, peak: Peak, least_seconds: float) -> Kernel:
    layer = case.layer
    error = check(case, peak.isa, peak.threads)
    correct = error <= TOLERANCE
    return Kernel(
        kernel=case.kernel_name,
        model=model,
        layer=layer.name,
        in_channels=layer.cin,
        out_channels=layer.cout,
        height=layer.height,
        width=layer.width,
        density=case.density,
        skip=layer.skip,
        isa=peak.isa,
        threads=peak.threads,
        max_abs_vs_scalar=error,
        correct=correct,
        speed=speed(case, peak, least_seconds) if correct else None,
        made=manifest(),
    )


def speed(case: Case, peak: Peak, least_seconds: float) -> KernelSpeed:
    times, products = timed(case, peak.isa, peak.threads, least_seconds)
    gflops = [round(2e-9 * count / float(np.median(times)), 2) for count in (case.layer.dense_products, products)]
    most = peak.gflops(case.quantized)
    shares = [round(100 * value / most, 1) for value in gflops]
    return KernelSpeed(
        times=summary([1e3 * time for time in times]),
        gflops=ByProducts(dense=gflops[0], real=gflops[1]),
        percent_of_peak=ByProducts(dense=shares[0], real=shares[1]),
        peak_gflops=round(most, 1),
    )


def print_row(row: Kernel) -> None:
    shape = f"{row.in_channels}→{row.out_channels}, {row.width}x{row.height}"
    density = "" if row.density is None else f"{row.density:.0%}"
    head = f"| {row.kernel}{' + skip' if row.skip else ''} | {row.model} {row.layer} | {shape} | {density} "
    if row.speed is None:
        print(f"{head}| {row.max_abs_vs_scalar:.1e} WRONG | | | | | |")
        return
    times, gflops, share = row.speed.times, row.speed.gflops, row.speed.percent_of_peak
    print(
        f"{head}| {row.max_abs_vs_scalar:.1e} | {times.latency_ms.p50:.3f}{mark(times.unstable)} | {gflops.dense:.0f} "
        f"| {gflops.real:.0f} | {share.dense:.0f} | {share.real:.0f} |",
        flush=True,
    )


def print_head(peak: Peak) -> None:
    sgemm = f"numpy's sgemm {peak.sgemm:.0f}" if peak.sgemm else "numpy's sgemm not counted: it chooses its own"
    float32, int8 = (peak.gflops(quantized) for quantized in (False, True))
    print(f"\n### {peak.isa}, {peak.threads} threads: peak {float32:.0f} GFLOP/s, in int8 {int8:.0f}\n")
    print(f"(direct kernel in the caches {peak.direct:.0f}, {sgemm})\n")
    print("| kernel | layer | shape | density | max error | ms | dense GFLOP/s | real GFLOP/s | dense, % | real, % |")
    print("| --- | --- | --- |" + " ---: |" * 7)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    available = _core.cpu_capabilities()["available_isas"]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__.split("\n")[0])
    parser.add_argument("--isa", nargs="+", choices=available, default=available[-1:], help="default: %(default)s")
    parser.add_argument("--threads", type=int, nargs="+", default=[default_threads()])
    parser.add_argument("--model", nargs="+", choices=sorted(CONFIGS), default=sorted(CONFIGS), help="whose layers")
    parser.add_argument(
        "--size", type=parse_size, default=(512, 512), metavar=SIZE_FORMAT, help="of the picture (default: 512x512)"
    )
    parser.add_argument("--density", type=float, nargs="+", default=[0.5, 0.25], help="of unpooled values")
    parser.add_argument("--only", default="", help="kernels and layers whose name has this in it")
    parser.add_argument("--seconds", type=float, default=0.5, help="to measure each at least; 0: once")
    add_json_argument(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse(argv)
    widest = _core.cpu_capabilities()["available_isas"][-1]
    height, width = args.size
    chosen = [(model, case) for model in args.model for case in cases(model, height, width, args.density)]
    chosen = [pair for pair in chosen if args.only in f"{pair[1].kernel_name} {pair[1].layer.name}"]
    if not chosen:
        sys.exit(f"--only: expected part of a kernel's or a layer's name, got {args.only!r}")
    table = []
    for isa in args.isa:
        for threads in args.threads:
            peak = measure_peak(isa, threads, isa == widest, quick=args.seconds == 0)
            print_head(peak)
            for model, case in progress_bar(chosen, desc=f"{isa}, {threads} threads"):
                if is_refused(case, isa):
                    continue
                table.append(record(model, case, peak, args.seconds))
                print_row(table[-1])
    if any(row.speed and row.speed.times.unstable for row in table):
        print(f"\n{UNSTABLE_NOTE}")
    write_json(args.json, table)
    wrong = [row for row in table if not row.correct]
    if wrong:
        sys.exit(f"{len(wrong)} of {len(table)} are further than {TOLERANCE:g} from the scalar twin")


if __name__ == "__main__":
    main()
