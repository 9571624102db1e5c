"""Clients of NVIDIA's Triton beside the bare engine, in pictures a second and milliseconds of a request.

    python -m benchmarks.triton --size 512x512 --clients 1 2 8 --instances 1 2

Server, clients and engine share this machine; the model is the shipped one, each instance has one thread. `shared
memory`: the picture is there, and alpha comes back by gRPC.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

import dim_trt
from benchmarks.markdown import table
from benchmarks.pictures import Picture, thin_band
from benchmarks.triton.server import ServerMissingError, started
from dim_trt.arguments import SIZE_FORMAT, parse_size
from dim_trt.plans.cache import shipped_plan
from dim_trt.triton.repository import write_model

UNKNOWN = 0.05  # of a picture's pixels


def loaded(ask: Callable[[], Any], clients: int, seconds: float) -> list[str]:
    """So many at a time: pictures a second, and percentiles of the time of each."""
    times: list[float] = []
    lock, start = threading.Lock(), time.perf_counter()

    def client(_: int) -> None:
        while time.perf_counter() - start < seconds:
            begin = time.perf_counter()
            ask()
            with lock:
                times.append(time.perf_counter() - begin)

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    elapsed = time.perf_counter() - start
    p50, p99 = np.percentile(np.array(times) * 1e3, (50, 99))
    return [f"{len(times) / elapsed:.1f}", f"{p50:.0f} ms", f"{p99:.0f} ms"]


def engine_rows(picture: Picture, instances: int, seconds: float) -> list[list[str]]:
    with dim_trt.Engine("lite", "cpu", 1, max_concurrent=instances) as engine:
        engine.run(picture.img, picture.trimap)
        figures = loaded(lambda: engine.submit(picture.img, picture.trimap).result(), instances, seconds)
    return [[str(instances), "the engine alone", str(instances), *figures]]


def server_rows(picture: Picture, instances: int, clients: Sequence[int], seconds: float) -> list[list[str]]:
    from tritonclient import grpc
    from tritonclient.utils import shared_memory

    rows = []
    with ExitStack() as stack:
        models = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        options = {"threads": 1, "color": "bgr"}
        plan = shipped_plan(device="cpu")
        write_model(models, plan, name="matting", backend="cpu", instances=instances, options=options)
        address = stack.enter_context(started(models))
        client = stack.enter_context(grpc.InferenceServerClient(address))
        arrays = {"image": np.ascontiguousarray(picture.img), "trimap": np.ascontiguousarray(picture.trimap)}
        region, size = f"/dim_trt_{os.getpid()}_{instances}", sum(array.nbytes for array in arrays.values())
        memory = shared_memory.create_shared_memory_region("pictures", region, size)
        stack.callback(shared_memory.destroy_shared_memory_region, memory)
        shared_memory.set_shared_memory_region(memory, list(arrays.values()))
        client.register_system_shared_memory("pictures", region, size)
        sent, shared, offset = [], [], 0
        for name, array in arrays.items():
            sent.append(grpc.InferInput(name, array.shape, "UINT8"))
            sent[-1].set_data_from_numpy(array)
            shared.append(grpc.InferInput(name, array.shape, "UINT8"))
            shared[-1].set_shared_memory("pictures", array.nbytes, offset=offset)
            offset += array.nbytes
        for way, inputs in (("gRPC", sent), ("shared memory", shared)):
            client.infer("matting", inputs)
            for count in clients:
                figures = loaded(lambda given=inputs: client.infer("matting", given), count, seconds)  # type: ignore[misc]
                rows.append([str(instances), way, str(count), *figures])
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parse_size, default=(512, 512), metavar=SIZE_FORMAT, help="default: 512x512")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 8], metavar="N", help="default: 1 2 8")
    parser.add_argument("--instances", type=int, nargs="+", default=[1, 2], metavar="N", help="default: 1 2")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each row; default: %(default)s")
    args = parser.parse_args(argv)
    size: tuple[int, int] = args.size
    picture, rows = thin_band(*size, UNKNOWN), []
    for instances in args.instances:
        rows += engine_rows(picture, instances, args.seconds)
        try:
            rows += server_rows(picture, instances, args.clients, args.seconds)
        except ServerMissingError as missing:
            raise SystemExit(f"error: {missing}") from missing
    print(table(["instances", "", "clients", "pictures/s", "p50", "p99"], rows))


if __name__ == "__main__":
    main()
