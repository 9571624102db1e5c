"""The memory of a run's driver, as it goes on."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.cluster.nodes import cluster, command, save
from benchmarks.markdown import table
from benchmarks.peak_memory import resident_mb

SAMPLES = 10
SIZE = (8, 8)
HEAD = ["pictures done", "the driver's memory", "after"]


def driver_lines(pictures: int, nodes: int = 2) -> Iterator[str]:
    """Of a table, as the run goes on: it takes a while, and what there is when it is stopped is worth something."""
    yield from table(HEAD, [], text_columns=0).splitlines()
    with tempfile.TemporaryDirectory() as name, cluster(nodes) as ray_cluster:
        folder = Path(name)
        save(folder, pictures, SIZE)
        given = ["--image", str(folder / "in"), "--ray", ray_cluster.address]
        start = time.perf_counter()
        driver = subprocess.Popen(command(folder, *given), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        said = 0
        parts, known = folder / "out" / "manifest.parts", dict[str, int]()
        while driver.poll() is None:
            time.sleep(1)
            for path in parts.glob("[0-9]*.parquet"):  # whole when they are there
                if path.name not in known:
                    known[path.name] = pq.read_metadata(path).num_rows
            done = sum(known.values())
            if done >= said * pictures / SAMPLES and (memory := resident_mb(driver.pid)):
                said += 1
                yield f"| {done:,} | {memory:.0f} MB | {time.perf_counter() - start:.0f} s |"
    if driver.returncode:
        raise SystemExit("error: the command failed")
