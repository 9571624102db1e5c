"""A plan behind NVIDIA's Triton, started for real: alpha is that of `Engine.run`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dim_trt
from benchmarks.triton.server import ServerFailedError, ServerMissingError, started
from dim_trt.triton import __main__ as triton
from tests.support import ROOT
from tests.support.pictures import random_picture

ORIENTATIONS = 2


@contextmanager
def served(repository: Path) -> Iterator[str]:
    """The address for gRPC of a server on a repository."""
    pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install 'dim_trt[triton]'")
    try:
        with started(repository) as address:
            yield address
    except ServerMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def address(plan: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server with two instances of one model, for all tests: starting it takes seconds."""
    models = tmp_path_factory.mktemp("models")
    options = ["--instances", "2", "--threads", "1", "--orientations", str(ORIENTATIONS)]
    assert triton.main([str(plan), "-o", str(models), *options]) == 0
    with served(models) as made:
        yield made


def infer(address: str, img: Any, trimap: Any) -> Any:
    from tritonclient.grpc import InferenceServerClient, InferInput

    inputs = []
    for name, array in (("image", img), ("trimap", trimap)):
        inputs.append(InferInput(name, array.shape, "UINT8"))
        inputs[-1].set_data_from_numpy(array)
    with InferenceServerClient(address) as client:
        return client.infer("matting", inputs).as_numpy("alpha")


def test_eight_clients_get_the_engines_alpha(plan: Path, address: str) -> None:
    from tritonclient.grpc import InferenceServerException

    page = (ROOT / "docs" / "cluster.md").read_text()
    (client,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "tritonclient" in block)
    names = dict(zip(("img", "trimap"), random_picture(1, 37, 53), strict=True))
    exec(client.replace("localhost:8001", address), names)
    assert names["alpha"].shape == (37, 53)
    pictures = [random_picture(index, 37 + 2 * index, 53) for index in range(8)]
    with ThreadPoolExecutor(8) as clients:
        found = list(clients.map(lambda pair: infer(address, *pair), pictures * 3))
    with dim_trt.Engine(plan, "cpu", 1, orientations=ORIENTATIONS) as engine:
        for (img, trimap), alpha in zip(pictures * 3, found, strict=True):
            np.testing.assert_array_equal(alpha, engine.run(img, trimap))
    with pytest.raises(InferenceServerException, match="expected the image's size"):
        infer(address, pictures[0][0], pictures[1][1])
    assert infer(address, *pictures[0]).shape == pictures[0][1].shape  # and it goes on


def test_pictures_in_shared_memory(plan: Path, address: str) -> None:
    from tritonclient import grpc
    from tritonclient.utils import shared_memory as shm

    (img, trimap), region = random_picture(3, 41, 53), f"/dim_trt_{os.getpid()}"
    memory = shm.create_shared_memory_region("pictures", region, img.nbytes + trimap.nbytes)
    try:
        shm.set_shared_memory_region(memory, [img, trimap])
        inputs = [grpc.InferInput("image", img.shape, "UINT8"), grpc.InferInput("trimap", trimap.shape, "UINT8")]
        inputs[0].set_shared_memory("pictures", img.nbytes)
        inputs[1].set_shared_memory("pictures", trimap.nbytes, offset=img.nbytes)
        with grpc.InferenceServerClient(address) as client:
            client.register_system_shared_memory("pictures", region, img.nbytes + trimap.nbytes)
            alpha = client.infer("matting", inputs).as_numpy("alpha")
    finally:
        shm.destroy_shared_memory_region(memory)
    with dim_trt.Engine(plan, "cpu", 1, orientations=ORIENTATIONS) as engine:
        np.testing.assert_array_equal(alpha, engine.run(img, trimap))


def test_a_model_that_cannot_start_says_why(plan: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    assert triton.main([str(plan), "-o", str(models)]) == 0
    (models / "matting/1/dim.plan").write_bytes(b"nonsense")
    with pytest.raises(ServerFailedError, match="is not a dim_trt plan"), served(models):
        pass
