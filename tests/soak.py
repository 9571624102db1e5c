"""Many runs in one process: memory, file descriptors and threads stay flat.

    python -m tests.soak --runs 10000

Pictures of mixed sizes through engines that come and go, by run, submit and stream, with and without `out`, with errors
in between. The first fifth warms up: allocators and thread pools grow to what they need.

Two figures of memory: what malloc has handed out, which finds leaks of a few bytes a run, and what is resident after
malloc has given back what it can. NumPy keeps up to 3.6 MB of small blocks in use; glibc keeps, in the arena of each
thread, the largest block that was free at its end, so that resident memory goes up in steps until every arena has one.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import os
import sys
import tempfile
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


class _Mallinfo2(ctypes.Structure):
    """As malloc.h has it; uordblks and hblkhd are the bytes in use."""

    _fields_ = [
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks")),
        *((name, ctypes.c_size_t) for name in ("uordblks", "fordblks", "keepcost")),
    ]


@dataclass(frozen=True)
class Usage:
    """Of this process."""

    in_use_mb: float
    resident_mb: float
    descriptors: int
    threads: int  # the system's, those of C++ among them

    def __str__(self) -> str:
        memory = f"{self.in_use_mb:.2f} MB in use, {self.resident_mb:.1f} MB resident"
        return f"{memory}, {self.descriptors} file descriptors, {self.threads} threads"


def usage() -> Usage:
    """Resident memory, open file descriptors and threads now."""
    gc.collect()
    libc = ctypes.CDLL(None)
    libc.malloc_trim(0)
    libc.mallinfo2.restype = _Mallinfo2
    info = libc.mallinfo2()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    threads = len(list(Path("/proc/self/task").iterdir()))
    return Usage(
        (info.uordblks + info.hblkhd) / 2**20, pages * os.sysconf("SC_PAGE_SIZE") / 2**20, descriptors, threads
    )


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


def grown(warm: Usage, after: Usage, in_use_mb: float = 1.0, resident_mb: float = 16.0) -> list[str]:
    """What is not flat: each figure by itself, the allowed growth of memory in MB."""
    figures = [
        ("MB in use", warm.in_use_mb, after.in_use_mb, in_use_mb),
        ("MB resident", warm.resident_mb, after.resident_mb, resident_mb),
        ("file descriptors", warm.descriptors, after.descriptors, 0),
        ("threads", warm.threads, after.threads, 0),
    ]
    return [
        f"{name} grew from {before:.4g} to {now:.4g}; {allowed:g} more would be allowed"
        for name, before, now, allowed in figures
        if now > before + allowed
    ]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="tests.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        problems = grown(*soak(tiny_plan(Path(folder)), args.runs))
    print("\n".join(problems) or "flat")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
