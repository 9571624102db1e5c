"""A Ray cluster of nodes with one core each, on this machine; and pictures for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures import thin_band

UNKNOWN = 0.05  # of a picture's pixels
STORE_BYTES = 100 << 20  # of each node; Ray's default is a third of the memory
NODE: dict[str, Any] = {  # without what a cluster that dim_trt starts itself has neither
    "num_cpus": 1,
    "object_store_memory": STORE_BYTES,
    "include_dashboard": False,
    "include_log_monitor": False,
}


@contextmanager
def cluster(nodes: int, *, held: bool = False) -> Iterator[Any]:
    """`ray.cluster_utils.Cluster`. `held`: each node's processes stay on a core, as if it had a machine of its own."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_worker_niceness", "0")  # else workers give way to whatever runs beside them
    from ray.cluster_utils import Cluster

    made = Cluster()
    try:
        for index in range(nodes):
            with on_core(index) if held else on_core(None):
                made.add_node(**NODE)
        made.wait_for_nodes()
        yield made
    finally:
        made.shutdown()


@contextmanager
def on_core(index: int | None) -> Iterator[None]:
    """What is started in the block runs on the core of that number alone; None: on all."""
    cores = os.sched_getaffinity(0)
    if index is not None:
        os.sched_setaffinity(0, {sorted(cores)[index % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def save(folder: Path, count: int, size: tuple[int, int]) -> None:
    """`in` and `tri`: one picture with its trimap, so many times."""
    picture = thin_band(*size, UNKNOWN)
    for name, levels in (("in", picture.img[:, :, ::-1]), ("tri", picture.trimap)):
        data = png(np.ascontiguousarray(levels))
        (folder / name).mkdir()
        for index in range(count):
            (folder / name / f"{index:06d}.png").write_bytes(data)


def png(levels: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", levels)[1])


def command(folder: Path, *more: str) -> list[str]:
    """That mattes `in` with `tri` into `out`."""
    places = ["--trimap", str(folder / "tri"), "-o", str(folder / "out"), "--device", "cpu"]
    return [sys.executable, "-m", "dim_trt.matte", *places, *more]
