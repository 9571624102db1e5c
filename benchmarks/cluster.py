"""Pictures a second on Ray nodes of one core each, and what the driver's memory does.

    python -m benchmarks.cluster --nodes 1 2 --pictures 200 --size 512x512
    python -m benchmarks.cluster --driver 100000

The nodes are processes of this machine, which needs a core for each and is better off with one more: driver, scheduler
and object stores run there, too. A rate is that of the pictures between the first fifth and the last tenth, when all
workers run; `seconds` are of the whole command, with its start. The picture has a band of unknown pixels, the model is
the shipped one. `--driver` mattes so many pictures of 8x8 px, and reads the resident memory of the command's process.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq

from benchmarks.markdown import table
from benchmarks.peak_memory import resident_mb
from benchmarks.pictures import thin_band
from dim_trt.arguments import SIZE_FORMAT, parse_size

UNKNOWN = 0.05  # of a picture's pixels
STORE_BYTES = 200 << 20
SAMPLES = 10


@contextmanager
def cluster(nodes: int) -> Iterator[str]:
    """The address of a cluster of nodes with one core each."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=node)
    try:
        for _ in range(nodes - 1):
            made.add_node(**node)
        yield made.address
    finally:
        made.shutdown()


def save(folder: Path, count: int, size: tuple[int, int]) -> None:
    """One picture with its trimap, so many times."""
    picture = thin_band(*size, UNKNOWN)
    for name, levels in (("in", picture.img[:, :, ::-1]), ("tri", picture.trimap)):
        (folder / name).mkdir()
        data = bytes(cv2.imencode(".png", np.ascontiguousarray(levels))[1])
        for index in range(count):
            (folder / name / f"{index:06d}.png").write_bytes(data)


def command(folder: Path, address: str) -> list[str]:
    places = ["--image", str(folder / "in"), "--trimap", str(folder / "tri"), "-o", str(folder / "out")]
    return [sys.executable, "-m", "dim_trt.matte", *places, "--ray", address, "--device", "cpu"]


def steady_rate(folder: Path) -> float:
    """Pictures a second, by when the results were written."""
    times = np.sort([path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")]) / 1e9
    first, last = len(times) // 5, len(times) - len(times) // 10 - 1
    return float((last - first) / (times[last] - times[first]))


def rate_table(counts: Sequence[int], pictures: int, size: tuple[int, int]) -> str:
    rows, first = [], 0.0
    for nodes in counts:
        with tempfile.TemporaryDirectory() as name, cluster(nodes) as address:
            folder = Path(name)
            save(folder, pictures, size)
            start = time.perf_counter()
            subprocess.run(command(folder, address), check=True, stdout=subprocess.DEVNULL)
            seconds, rate = time.perf_counter() - start, steady_rate(folder)
            done = pq.read_table(folder / "out" / "manifest.parquet")
            share = np.sum(done["latency_ms"].to_numpy()) / np.sum(done["seconds"].to_numpy()) / 1e3
        first = first or rate
        rows.append([str(nodes), f"{rate:.2f}", f"{rate / first:.2f}×", f"{share:.0%}", f"{seconds:.0f} s"])
    return table(["nodes of one core", "pictures/s", "", "of that the engine", "all of it"], rows)


def driver_table(pictures: int) -> str:
    with tempfile.TemporaryDirectory() as name, cluster(2) as address:
        folder = Path(name)
        save(folder, pictures, (8, 8))
        driver = subprocess.Popen(command(folder, address), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        rows: list[list[str]] = []
        parts = folder / "out" / "manifest.parts"
        while driver.poll() is None:
            time.sleep(1)
            done = sum(pq.read_metadata(path).num_rows for path in parts.glob("[0-9]*.parquet"))
            if done >= len(rows) * pictures / SAMPLES:
                rows.append([str(done), f"{resident_mb(driver.pid):.0f} MB"])
    if driver.returncode:
        raise SystemExit("error: the command failed")
    return table(["pictures done", "the driver's memory"], rows)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="*", default=[1, 2], metavar="N", help="default: 1 2")
    parser.add_argument("--pictures", type=int, default=200, help="for each number of nodes; default: %(default)s")
    parser.add_argument("--size", type=parse_size, default=(512, 512), metavar=SIZE_FORMAT, help="default: 512x512")
    parser.add_argument("--driver", type=int, metavar="N", help="instead: the driver's memory at so many tiny pictures")
    args = parser.parse_args(argv)
    print(driver_table(args.driver) if args.driver else rate_table(args.nodes, args.pictures, args.size))


if __name__ == "__main__":
    main()
