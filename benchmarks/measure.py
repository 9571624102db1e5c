"""What the benchmarks share: taking turns, summaries of times, the machine, JSON files, sizes on the command line."""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import dim_trt
from benchmarks.json_fields import to_json
from benchmarks.provenance import Machine, Manifest, Source
from benchmarks.records import Percentiles, Times
from dim_trt.files import write_atomic

PAUSE_S = 0.2
WARM_UP_S = 0.2
TURN_S = 0.5
SECONDS = 3.0  # to measure each at least
MIN_RUNS = 10
LEAST_RUNS = 3  # below that a limit of time does not stop anything
UNSTABLE = 0.1  # coefficient of variation above which a figure should not be quoted
UNSTABLE_NOTE = f"unstable: the standard deviation is above {UNSTABLE:.0%} of the mean; the machine had other work"
PACKAGES = ("torch", "onnxruntime", "openvino", "nncf", "numpy", "pymatting", "numba")
ROOT = Path(__file__).parents[1]
# By the report and the card: no change of what is measured.
WRITTEN = ("benchmarks/results", "benchmarks/README.md", "csrc/cpu/README.md", "README.md", "docs",
           "training/MODEL_CARD.md")  # fmt: skip
WEIGHTS = "dim_trt/weights"

Run = Callable[[], Any]
Clocks = Mapping[str, float]  # milliseconds of one run by clock


def measure(
    peers: Mapping[str, Run],
    seconds: float = SECONDS,
    min_runs: int = MIN_RUNS,
    limit_s: float | None = None,
    warm_ms: Mapping[str, float] | None = None,
) -> dict[str, list[float]]:
    """Latencies in ms of each peer's runs; see `take_turns`."""
    clocks = {name: functools.partial(_clock, run) for name, run in peers.items()}
    samples = take_turns(clocks, seconds, min_runs, limit_s, warm_ms)
    return {name: [sample["run"] for sample in own] for name, own in samples.items()}


def _clock(run: Run) -> Clocks:
    begin = time.perf_counter()
    run()
    return {"run": (time.perf_counter() - begin) * 1e3}


def take_turns(
    peers: Mapping[str, Callable[[], Clocks]],
    seconds: float = SECONDS,
    min_runs: int = MIN_RUNS,
    limit_s: float | None = None,
    warm_ms: Mapping[str, float] | None = None,
) -> dict[str, list[Clocks]]:
    """Runs the peers in turns, until each has `min_runs` samples that took `seconds` together.

    A peer first runs for WARM_UP_S, if it has not just done so: `warm_ms` says how long its last run took. A turn is
    TURN_S of runs, at least one; it starts with a pause, in which the others' waiting threads fall asleep, and where
    runs are shorter than a turn with one that is not counted. After `limit_s` it ends with fewer runs, but LEAST_RUNS.
    """
    begin = time.perf_counter()
    last_ms = dict(warm_ms or {})
    for name, sample in peers.items():
        if last_ms.get(name, 0.0) < 1e3 * WARM_UP_S:
            last_ms[name] = _longest_ms(_run_for(sample, WARM_UP_S)[-1])
    samples: dict[str, list[Clocks]] = {name: [] for name in peers}
    while not all(_enough(own, seconds, min_runs) for own in samples.values()):
        fewest = min(len(own) for own in samples.values())
        if limit_s is not None and fewest >= min(LEAST_RUNS, min_runs) and time.perf_counter() - begin > limit_s:
            break
        for name, sample in peers.items():
            time.sleep(PAUSE_S)
            if last_ms[name] < 1e3 * TURN_S:
                sample()
            samples[name] += _run_for(sample, min(TURN_S, seconds))
            last_ms[name] = _longest_ms(samples[name][-1])
    return samples


def _run_for(sample: Callable[[], Clocks], seconds: float) -> list[Clocks]:
    """The samples that begin within `seconds`, at least one."""
    taken: list[Clocks] = []
    end = time.perf_counter() + seconds
    while not taken or time.perf_counter() < end:
        taken.append(sample())
    return taken


def _longest_ms(sample: Clocks) -> float:
    return max(sample.values())


def _enough(samples: Sequence[Clocks], seconds: float, min_runs: int) -> bool:
    return len(samples) >= min_runs and sum(map(_longest_ms, samples)) >= 1e3 * seconds


def percentiles(latencies_ms: Sequence[float]) -> Percentiles:
    p50, p90, p95, p99 = (round(float(ms), 3) for ms in np.percentile(latencies_ms, (50, 90, 95, 99)))
    return Percentiles(p50=p50, p90=p90, p95=p95, p99=p99)


def summary(latencies_ms: Sequence[float]) -> Times:
    variation = float(np.std(latencies_ms) / np.mean(latencies_ms))
    return Times(
        latency_ms=percentiles(latencies_ms),
        frames_per_second=round(1e3 / float(np.median(latencies_ms)), 3),
        variation=round(variation, 4),
        unstable=variation > UNSTABLE,
        runs=len(latencies_ms),
    )


def mark(unstable: bool) -> str:
    return " *unstable*" if unstable else ""


def processor() -> str:
    """The processor's own name where Linux tells it."""
    return _of_processor("model name") or platform.processor() or platform.machine()


def processor_features() -> set[str]:
    """Instructions that the processor has, by Linux's names; empty where it does not tell."""
    return set((_of_processor("flags") or _of_processor("Features") or "").split())


def _of_processor(field: str) -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(field)), None)


@functools.cache
def machine() -> Machine:
    """This one."""
    isa = dim_trt.capabilities()["cpu"]["isa"]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    slug = re.sub(r"[^a-z0-9]+", "-", processor().lower()).strip("-")
    memory_gb = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory_gb = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9)
    return Machine(
        name=f"{slug}-{isa}-{cores}c",
        processor=processor(),
        isa=isa,
        cores=cores,
        memory_gb=memory_gb,
        system=f"{platform.system()} {platform.machine()}",
    )


@functools.cache
def source(*, besides: str | None = None) -> Source | None:
    """Of this checkout; None without git. `besides`: a change there is none, as the record names what it holds."""
    exclude = [f":(exclude){path}" for path in (*WRITTEN, *([besides] if besides else []))]
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        modified = bool(_git("status", "--porcelain", "-uno", "--", ".", *exclude))
    except (OSError, subprocess.CalledProcessError):
        return None
    return Source(commit=commit, modified=modified)


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ).stdout.strip()


def versions() -> dict[str, str]:
    found = {"dim_trt": dim_trt.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def command(argv: Sequence[str]) -> str:
    """A command line as others can use it: of whole paths the last part."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in argv]
    return " ".join(["python -m", *words])


def manifest(**settings: float | None) -> Manifest:
    """Of what is measured now."""
    program = Path(sys.argv[0]).with_suffix("")
    run = None
    if ROOT / "benchmarks" in program.parents:  # else this is not what was run
        module = [part for part in program.relative_to(ROOT).parts if part != "__main__"]
        run = command([".".join(module), *sys.argv[1:]])
    return Manifest(
        versions=versions(),
        machine=machine(),
        source=source(),
        command=run,
        measured=time.strftime("%Y-%m-%d", time.gmtime()),
        settings=settings or None,
    )


def write_json(path: Path | None, records: Sequence[object]) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [to_json(record) for record in records]
        write_atomic(path, [(json.dumps(rows, indent=1) + "\n").encode()], what="json")


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, help="write the records there")


def default_threads() -> int:
    threads: int = dim_trt.capabilities()["cpu"]["threads"]
    return threads
