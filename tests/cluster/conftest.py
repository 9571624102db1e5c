"""A Ray cluster of three nodes with one core each, on this machine; and an object store on loopback."""

from __future__ import annotations

import fcntl
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.cluster.nodes import cluster

HEIGHT, WIDTH = 37, 53


@pytest.fixture(scope="module")
def ray_cluster(session_folder: Path) -> Iterator[Any]:
    """`ray.cluster_utils.Cluster`, one at a time; this process is connected to it."""
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'dim_trt[cluster]'")
    pytest.importorskip("ray.data")
    with (session_folder / "ray.lock").open("w") as lock, warnings.catch_warnings():
        fcntl.flock(lock, fcntl.LOCK_EX)
        warnings.simplefilter("ignore")  # of Ray's own processes
        with cluster(3) as made:
            ray.init(made.address, log_to_driver=False, logging_level="ERROR")
            try:
                yield made
            finally:
                ray.shutdown()


def save_pictures(root: Path, count: int, *, first: int = 0) -> None:
    """`in` and `tri`, with a picture and a trimap each."""
    for folder in ("in", "tri"):
        (root / folder).mkdir(exist_ok=True, parents=True)
    for index in range(first, first + count):
        trimap = np.full((HEIGHT, WIDTH), 128, np.uint8)
        trimap[:, :10], trimap[:, -10:] = 0, 255
        img = np.random.default_rng(index).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        cv2.imwrite(str(root / "in" / f"{index:05d}.png"), img)
        cv2.imwrite(str(root / "tri" / f"{index:05d}.png"), trimap)


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """The address of a server of S3 with a bucket called pictures, for `?endpoint_override=`."""
    server_module = pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[server]'")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    before = {name: os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")}
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_REGION="us-east-1")
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"{host}:{port}"
    finally:
        server.stop()
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
