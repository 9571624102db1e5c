"""Pictures a second on nodes, beside as many processes without Ray."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.cluster.neighbors import alone_here
from benchmarks.cluster.nodes import cluster, command, on_core, save
from benchmarks.markdown import table

ALONE, NODES = "processes of matte, no Ray", "nodes of Ray"
HEAD = ["size", "on one core each", "", "pictures/s", "", "in the engine", "of a core", "all of it"]


@dataclass(frozen=True)
class Run:
    """rate: pictures a second while all work; engine_ms: of each, if known; seconds: of the whole command."""

    rate: float
    engine_ms: float | None
    seconds: float


def rate_table(
    counts: Sequence[int], pictures: int, sizes: Sequence[tuple[int, int]], rounds: int, ways: Sequence[str]
) -> str:
    """Medians of rounds, in each of which all take turns."""
    rows = []
    for size in sizes:
        runs: dict[tuple[str, int], list[Run]] = {(way, count): [] for way in ways for count in counts}
        for _ in range(rounds):
            for (way, count), found in runs.items():
                with tempfile.TemporaryDirectory() as name:
                    folder = Path(name)
                    save(folder, pictures * count, size)
                    found.append((_on_nodes if way == NODES else _alone)(folder, count))
        for (way, count), found in runs.items():
            rate, first = (statistics.median(run.rate for run in runs[way, one]) for one in (count, counts[0]))
            known = [run.engine_ms for run in found if run.engine_ms is not None]
            engine_ms = statistics.median(known) if known else None
            engine = ["", ""] if engine_ms is None else [f"{engine_ms:.0f} ms", f"{engine_ms / 1e3 * rate / count:.0%}"]
            seconds = statistics.median(run.seconds for run in found)
            rows.append([f"{size[1]}x{size[0]}", way, str(count), f"{rate:.2f}", f"{rate / first:.2f}×", *engine,
                         f"{seconds:.0f} s"])  # fmt: skip
    return table(HEAD, rows, text_columns=2)


def _on_nodes(folder: Path, nodes: int) -> Run:
    with cluster(nodes, held=True) as ray_cluster:
        given = ["--image", str(folder / "in"), "--ray", ray_cluster.address]
        start = time.perf_counter()
        with alone_here(f"{NODES}, {nodes}"):
            subprocess.run(command(folder, *given), check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
    latency_ms = pq.read_table(folder / "out" / "manifest.parquet", columns=["latency_ms"])["latency_ms"]
    return Run(steady_rate(folder), float(np.mean(latency_ms.to_numpy())), seconds)


def _alone(folder: Path, count: int) -> Run:
    """Each process has its share of the pictures."""
    images = sorted(str(path) for path in (folder / "in").iterdir())
    (folder / "out").mkdir()
    start, processes = time.perf_counter(), []
    with alone_here(f"{ALONE}, {count}"):
        for index in range(count):
            with on_core(index):
                given = ["--image", *images[index::count], "--threads", "1"]
                processes.append(subprocess.Popen(command(folder, *given), stdout=subprocess.DEVNULL))
        failed = [process.args for process in processes if process.wait()]
    if failed:
        raise SystemExit("error: the command failed")
    return Run(steady_rate(folder), None, time.perf_counter() - start)


def steady_rate(folder: Path) -> float:
    """Pictures a second between the first fifth and the last tenth, by when the results were written."""
    times = np.sort([path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")]) / 1e9
    first, last = len(times) // 5, len(times) - len(times) // 10 - 1
    return float((last - first) / (times[last] - times[first]))
