"""What the processor can do at best: GFLOP/s of programs that do little but multiply and add.

The direct kernel on maps and weights that stay in the caches: its inner loop is a tile of registers, 28 accumulators
with AVX-512. And for float32 numpy's sgemm, in a process of its own that is told the number of threads. The best run of
the two is the peak; sgemm counts for the widest instruction set only, as it chooses its own. int8 has the direct kernel
alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NamedTuple

from benchmarks.kernels.cases import Case, Layer
from benchmarks.kernels.operands import operands, seconds

# Channels, kernel, rows per thread and width of small layers; which is best depends on the instruction set.
SHAPES = ((64, 64, 1, 32, 56), (128, 64, 1, 32, 56), (64, 32, 5, 32, 112), (32, 32, 5, 32, 112))
ROUNDS, RUNS_PER_ROUND = 5, 40
SGEMM_SIDE, SGEMM_RUNS = 2048, 5
SGEMM = """
import sys, time
import numpy as np
side, runs = int(sys.argv[1]), int(sys.argv[2])
a, b = (np.random.default_rng(seed).random((side, side), np.float32) for seed in (0, 1))
out = a @ b
best = float("inf")
for _ in range(runs):
    begin = time.perf_counter()
    np.matmul(a, b, out=out)
    best = min(best, time.perf_counter() - begin)
print(best)
"""
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


class Peak(NamedTuple):
    """GFLOP/s. `sgemm` is None where it may use wider instructions than `isa`."""

    isa: str
    threads: int
    direct: float
    sgemm: float | None
    int8: float

    def gflops(self, quantized: bool) -> float:
        return self.int8 if quantized else max(self.direct, self.sgemm or 0.0)


def measure_peak(isa: str, threads: int, widest: bool, quick: bool = False) -> Peak:
    sgemm = sgemm_gflops(threads, 256 if quick else SGEMM_SIDE) if widest else None
    runs = RUNS_PER_ROUND // 20 if quick else RUNS_PER_ROUND
    direct, int8 = (direct_gflops(isa, threads, runs, quantized) for quantized in (False, True))
    return Peak(isa, threads, direct, sgemm, int8)


def direct_gflops(isa: str, threads: int, runs: int, quantized: bool) -> float:
    best = 0.0
    for cin, cout, kernel, rows, width in SHAPES:
        case = Case(Layer("peak", cin, cout, kernel, rows * threads, width), "direct", quantized=quantized)
        given = operands(case)
        fastest = min(min(seconds(case, given, isa, threads, runs)) for _ in range(ROUNDS))
        best = max(best, 2e-9 * case.layer.dense_products / fastest)
    return best


def sgemm_gflops(threads: int, side: int = SGEMM_SIDE) -> float:
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    command = [sys.executable, "-c", SGEMM, str(side), str(SGEMM_RUNS)]
    best = float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    return 2e-9 * side**3 / best
