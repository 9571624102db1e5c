"""Many runs in one process: memory, file descriptors and threads stay flat.

    python -m tests.soak --runs 10000

Pictures of mixed sizes through engines that come and go, by run, submit and stream, with and without `out`, with errors
in between. The first fifth warms up: allocators and thread pools grow to what they need.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import dim_trt
from dim_trt import foreground
from tests.support.stand_ins import tiny_plan

MAX_SIDE = 160
RUNS_PER_ENGINE = 250


@dataclass(frozen=True)
class Usage:
    """Of this process."""

    memory_mb: float
    descriptors: int
    threads: int  # the system's, those of C++ among them

    def __str__(self) -> str:
        return f"{self.memory_mb:.1f} MB, {self.descriptors} file descriptors, {self.threads} threads"


def usage() -> Usage:
    """Resident memory, open file descriptors and threads now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    threads = len(list(Path("/proc/self/task").iterdir()))
    return Usage(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, descriptors, threads)


def pictures(seed: int) -> Iterator[tuple[Any, Any]]:
    """Endless noise of any size, more or less of it unknown."""
    random = np.random.default_rng(seed)
    while True:
        height, width = random.integers(1, MAX_SIDE, 2)
        img = random.integers(0, 256, (height, width, 3), np.uint8)
        trimap = np.zeros((height, width), np.uint8)
        trimap[: random.integers(1, height + 1), : random.integers(1, width + 1)] = 128
        trimap[-1, -1] = 255  # all unknown is a warning
        yield img, trimap


def work(plan: Path, runs: int, seed: int) -> None:
    """One engine's life."""
    source = pictures(seed)
    with dim_trt.Engine(plan, threads=2, max_concurrent=2) as engine:
        for _ in range(runs // 5):
            img, trimap = next(source)
            alpha = engine.run(img, trimap)
            engine.run(img, trimap, out=alpha)
            engine.submit(img, trimap).result()
            for _ in dim_trt.stream(engine, [(img, trimap)] * 2):
                pass
            with contextlib.suppress(dim_trt.InvalidInput):
                engine.run(img, trimap[:, :-1] if trimap.shape[1] > 1 else trimap[:-1])
        foreground.estimate(img, alpha, threads=2)
    with contextlib.suppress(dim_trt.PlanError):
        dim_trt.Engine(os.devnull)


def soak(plan: Path, runs: int, say: Any = print) -> tuple[Usage, Usage]:
    """Usage after a fifth of the runs and after all."""
    warm, start, shown = None, time.monotonic(), 0.0
    for done in range(0, runs, RUNS_PER_ENGINE):
        if warm is None and done >= runs // 5:
            warm = usage()
            say(f"{done:>7} runs: {warm}")
        work(plan, min(RUNS_PER_ENGINE, runs - done), done)
        if warm and time.monotonic() - shown > 10:
            shown = time.monotonic()
            say(f"{done + RUNS_PER_ENGINE:>7} runs: {usage()}")
    after = usage()
    say(f"{runs:>7} runs: {after}, {time.monotonic() - start:.0f} s")
    assert warm is not None
    return warm, after


def grown(warm: Usage, after: Usage, allowed_mb: float) -> list[str]:
    """What is not flat."""
    problems = []
    if after.memory_mb > warm.memory_mb + allowed_mb:
        problems.append(f"memory grew by {after.memory_mb - warm.memory_mb:.1f} MB, allowed are {allowed_mb} MB")
    if after.descriptors > warm.descriptors:
        problems.append(f"file descriptors went from {warm.descriptors} to {after.descriptors}")
    if after.threads > warm.threads:
        problems.append(f"threads went from {warm.threads} to {after.threads}")
    return problems


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="tests.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--allowed-mb", type=float, default=8.0, help="growth of memory; default: %(default)s")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        problems = grown(*soak(tiny_plan(Path(folder)), args.runs), args.allowed_mb)
    print("\n".join(problems) or f"flat; {threading.active_count()} Python thread left")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
