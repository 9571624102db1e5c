"""Which layers float16 cannot hold: the largest magnitude in each feature map when the fp32 graph runs on pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs
from onnx import helper

from dim_trt.errors import BuildError
from dim_trt.graph.export import export_model
from dim_trt.graph.pictures import CalibrationPicture, network_inputs
from dim_trt.graph.quantize import FLOAT16_MAX
from dim_trt.graph.runtime import Session

LIMIT = FLOAT16_MAX / 2  # pictures that nobody calibrated with reach further


def feature_peaks(
    graph: gs.Graph,
    pictures: Sequence[CalibrationPicture],
    preprocessing: dict[str, Any],
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> dict[str, float]:
    """The largest magnitude in each tensor that is computed; `graph` is the standard fp32 graph and stays as it is."""
    names = [node.outputs[0].name for node in graph.nodes]  # the second outputs are indices
    model = export_model(graph)
    peaks = [_add_peak(model, name) for name in names]
    session = Session(model)
    found = np.zeros(len(names))
    for x, _ in progress(network_inputs(pictures, preprocessing)):
        found = np.maximum(found, session.run(x, peaks))
    for name, peak in zip(names, found, strict=True):
        if not np.isfinite(peak):
            raise BuildError(f"onnx: {name!r} is not finite on a calibration picture; the weights are not usable")
    return dict(zip(names, map(float, found), strict=True))


def beyond_float16(graph: gs.Graph, peaks: Mapping[str, float]) -> dict[str, float]:
    """Names of the nodes that read or write a tensor beyond LIMIT, and the largest magnitude that they meet."""
    met = {
        node.name: max(peaks.get(tensor.name, 0.0) for tensor in (*node.inputs, *node.outputs)) for node in graph.nodes
    }
    return {name: peak for name, peak in met.items() if peak > LIMIT}


def _add_peak(model: onnx.ModelProto, name: str) -> str:
    """The name of a further output of the model: the largest magnitude in a tensor, which itself need not be kept."""
    magnitudes, peak = f"{name}.magnitudes", f"{name}.peak"
    model.graph.node.append(helper.make_node("Abs", [name], [magnitudes]))
    model.graph.node.append(helper.make_node("ReduceMax", [magnitudes], [peak], keepdims=0))
    model.graph.output.append(helper.make_tensor_value_info(peak, onnx.TensorProto.FLOAT, []))
    return peak
