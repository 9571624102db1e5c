"""What the benchmarks share: taking turns, summaries of times, the machine, JSON files, sizes on the command line."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import dim_trt
from dim_trt.files import write_atomic

PAUSE_S = 0.2
RUNS_PER_TURN = 3
MIN_RUNS = 12
PERCENTILES = (50, 90, 95, 99)
UNSTABLE = 0.1  # coefficient of variation above which a figure should not be quoted
UNSTABLE_NOTE = f"unstable: the standard deviation is above {UNSTABLE:.0%} of the mean; the machine had other work"


def measure(peers: Mapping[str, Callable[[], Any]], seconds: float, min_runs: int = MIN_RUNS) -> dict[str, list[float]]:
    """Latencies in ms of each peer, in turns of RUNS_PER_TURN, until there are enough and `seconds` are over.

    A turn starts with a pause, in which the others' waiting threads fall asleep, and a run that is not counted.
    """
    latencies_ms: dict[str, list[float]] = {name: [] for name in peers}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(latencies_ms.values()))) < min_runs:
        for name, run in peers.items():
            time.sleep(PAUSE_S)
            run()
            for _ in range(RUNS_PER_TURN):
                begin = time.perf_counter()
                run()
                latencies_ms[name].append((time.perf_counter() - begin) * 1e3)
    return latencies_ms


def summary(latencies_ms: Sequence[float]) -> dict[str, Any]:
    """The part of a record that says how long something took."""
    variation = float(np.std(latencies_ms) / np.mean(latencies_ms))
    p50 = float(np.median(latencies_ms))
    return {
        "latency_ms": {f"p{p}": round(float(np.percentile(latencies_ms, p)), 3) for p in PERCENTILES},
        "frames_per_second": round(1e3 / p50, 3),
        "variation": round(variation, 4),
        "unstable": variation > UNSTABLE,
        "runs": len(latencies_ms),
    }


def mark(row: Mapping[str, Any]) -> str:
    return " *unstable*" if row["unstable"] else ""


def processor() -> str:
    """The processor's own name where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def manifest() -> dict[str, Any]:
    """Where and with what a record was made."""
    versions = {"dim_trt": dim_trt.__version__}
    for package in ("torch", "onnxruntime", "numpy"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"versions": versions, "machine": {"processor": processor(), "isa": dim_trt.capabilities()["cpu"]["isa"]}}


def write_json(path: Path | None, records: Sequence[Mapping[str, Any]]) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, [(json.dumps(list(records), indent=1) + "\n").encode()], what="json")


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, help="write the records there")


def default_threads() -> int:
    threads: int = dim_trt.capabilities()["cpu"]["threads"]
    return threads


def size(text: str) -> tuple[int, int]:
    """(height, width) of "512x512"."""
    try:
        height, width = (int(side) for side in text.split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected HEIGHTxWIDTH such as 1080x1920, got {text!r}") from None
    if height < 1 or width < 1:
        raise argparse.ArgumentTypeError(f"expected sides of at least 1, got {text!r}")
    return height, width
