"""OpenVINO: f32, bf16, and int8 as NNCF quantizes it.

It has no unpooling. It is given the graph that TensorRT gets without plugins: slices, comparisons, a depth-to-space.
Of `lite`, 512x512, that takes 227 ms; with a comparison of each pixel with its window's maximum, which is not exact
where values tie, 222 ms; with ScatterElements three times as long. Each size is compiled for itself: with sizes left
open it is slower.
"""

from __future__ import annotations

import functools
import importlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.peer import U8, Contender, Files, Peer, cropped, missing, network_input, without_bf16

OPENVINO, OPENVINO_BF16, OPENVINO_INT8 = "openvino", "openvino-bf16", "openvino-int8"
HINTS = {OPENVINO: "f32", OPENVINO_BF16: "bf16", OPENVINO_INT8: "f32"}  # what int8 leaves is f32


def _graph(files: Files) -> Path:
    return files.folder / "openvino.onnx"


def _int8_graph(files: Files) -> Path:
    return files.folder / "openvino-int8.xml"


def _prepare(files: Files) -> None:
    from benchmarks.peers.graphs import save_native_unpool

    save_native_unpool(files.onnx, _graph(files))


def _prepare_int8(files: Files) -> None:
    from benchmarks.peers.graphs import calibration_inputs

    _prepare(files)
    runtime: Any = importlib.import_module("openvino")
    nncf: Any = importlib.import_module("nncf")
    nncf.set_log_level(logging.ERROR)
    inputs = calibration_inputs(files.onnx)
    model = nncf.quantize(
        runtime.Core().read_model(_graph(files)),
        nncf.Dataset(inputs),
        preset=nncf.QuantizationPreset.PERFORMANCE,
        subset_size=len(inputs),
    )
    runtime.save_model(model, _int8_graph(files), compress_to_fp16=False)


def _load(name: str, files: Files, threads: int) -> Contender:
    runtime: Any = importlib.import_module("openvino")
    core = runtime.Core()
    path = _int8_graph(files) if name == OPENVINO_INT8 else _graph(files)
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": HINTS[name],
    }

    @functools.cache
    def request(shape: tuple[int, ...]) -> Any:
        model = core.read_model(path)
        model.reshape(shape)
        return core.compile_model(model, "CPU", settings).create_infer_request()

    def prepare(img: U8, trimap: U8) -> tuple[Any, NDArray[np.float32]]:
        x = network_input(img, trimap)
        return request(x.shape), x

    def compute(given: tuple[Any, NDArray[np.float32]]) -> NDArray[np.float32]:
        runner, x = given
        alpha: NDArray[np.float32] = runner.infer([x], share_inputs=True)[0]
        return alpha

    return Contender(name, prepare, compute, cropped)


PEERS = (
    Peer(
        name=OPENVINO,
        title="OpenVINO",
        package="openvino",
        precision="fp32",
        why_not=functools.partial(missing, "openvino"),
        prepare=_prepare,
        load=functools.partial(_load, OPENVINO),
    ),
    Peer(
        name=OPENVINO_BF16,
        title="OpenVINO, bf16",
        package="openvino",
        precision="bf16",
        why_not=lambda: missing("openvino") or without_bf16(),
        prepare=_prepare,
        load=functools.partial(_load, OPENVINO_BF16),
    ),
    Peer(
        name=OPENVINO_INT8,
        title="OpenVINO, int8",
        package="openvino",
        precision="int8",
        why_not=functools.partial(missing, "openvino", "nncf"),
        prepare=_prepare_int8,
        load=functools.partial(_load, OPENVINO_INT8),
    ),
)
