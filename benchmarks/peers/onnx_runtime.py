"""ONNX Runtime: the network as it is exported, and quantized by ONNX Runtime's own tool."""

from __future__ import annotations

import functools
import importlib
import logging
from pathlib import Path
from typing import Any

from benchmarks.peers.peer import Contender, Files, Peer, cropped, has_vnni, missing, network_input

ONNXRUNTIME, ONNXRUNTIME_INT8 = "onnxruntime", "onnxruntime-int8"


def _load(name: str, onnx: Path, threads: int) -> Contender:
    runtime: Any = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])
    return Contender(name, network_input, lambda x: session.run(None, {"input": x})[0], cropped)


def _int8_graph(files: Files) -> Path:
    return files.folder / "onnxruntime-int8.onnx"


def _prepare_int8(files: Files) -> None:
    """Static QDQ: u8 maps, s8 weights for each channel. Without VNNI sums of products saturate at 16 bits, so that
    weights have 7 bits there, as ONNX Runtime recommends."""
    from benchmarks.peers.graphs import calibration_inputs

    tool: Any = importlib.import_module("onnxruntime.quantization")
    inputs = iter([{"input": x} for x in calibration_inputs(files.onnx)])

    class Pictures(tool.CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> Any:
            return next(inputs, None)

    logging.disable(logging.WARNING)  # that it would like to see the graph before
    try:
        tool.quantize_static(
            str(files.onnx),
            str(_int8_graph(files)),
            Pictures(),
            quant_format=tool.QuantFormat.QDQ,
            per_channel=True,
            reduce_range=not has_vnni(),
            activation_type=tool.QuantType.QUInt8,
            weight_type=tool.QuantType.QInt8,
        )
    finally:
        logging.disable(logging.NOTSET)


PEERS = (
    Peer(
        name=ONNXRUNTIME,
        title="ONNX Runtime",
        package="onnxruntime",
        precision="fp32",
        why_not=functools.partial(missing, "onnxruntime"),
        load=lambda files, threads: _load(ONNXRUNTIME, files.onnx, threads),
    ),
    Peer(
        name=ONNXRUNTIME_INT8,
        title="ONNX Runtime, int8",
        package="onnxruntime",
        precision="int8",
        why_not=functools.partial(missing, "onnxruntime"),
        prepare=_prepare_int8,
        load=lambda files, threads: _load(ONNXRUNTIME_INT8, _int8_graph(files), threads),
    ),
)
