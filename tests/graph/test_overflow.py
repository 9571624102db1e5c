"""Layers that float16 cannot hold are found on pictures, and computed in float32."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from dim_trt.errors import BuildError
from dim_trt.graph.emulate import emulate
from dim_trt.graph.export import export_model
from dim_trt.graph.lower import import_graph
from dim_trt.graph.overflow import LIMIT, beyond_float16, feature_peaks
from dim_trt.graph.pictures import CalibrationPicture
from dim_trt.graph.precision import quantizable, to_fp16, to_int8
from dim_trt.graph.runtime import Session
from tests.graph.dim_graphs import run
from tests.support.networks import random_picture
from tests.support.tiny_graphs import PREPROCESSING, scaled


def pictures() -> list[CalibrationPicture]:
    sizes = ((45, 71), (33, 64))
    return [CalibrationPicture("", *random_picture(seed, *size)) for seed, size in enumerate(sizes)]


def test_peaks_are_the_largest_magnitudes_of_what_is_computed() -> None:
    proto = scaled(1.0)
    graph = import_graph(proto)
    peaks = feature_peaks(graph, pictures(), PREPROCESSING)
    assert set(peaks) == {node.outputs[0].name for node in graph.nodes}
    model = export_model(graph)
    model.graph.output.append(onnx.ValueInfoProto(name="conv2.out"))
    session = Session(model)
    values = [session.run(one.network_input(PREPROCESSING)[0], ["conv2.out"])[0] for one in pictures()]
    assert peaks["conv2.out"] == max(np.abs(value).max() for value in values)
    assert beyond_float16(graph, peaks) == {}


def test_what_reads_or_writes_too_much_stays_in_float32_and_the_rest_does_not() -> None:
    proto = scaled()
    graph = import_graph(proto)
    beyond = beyond_float16(graph, feature_peaks(graph, pictures(), PREPROCESSING))
    assert set(beyond) == {"conv2", "conv2_relu", "pool2", "conv6"}
    assert min(beyond.values()) > LIMIT
    model = export_model(to_fp16(graph, beyond))
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    kinds = {node.name: types[node.output[0]] for node in model.graph.node if node.op_type in ("Conv", "MaxPool")}
    assert {name for name, kind in kinds.items() if kind == TensorProto.FLOAT} == {"conv2", "pool2", "conv6"}
    assert set(kinds.values()) == {TensorProto.FLOAT, TensorProto.FLOAT16}

    x, _ = pictures()[0].network_input(PREPROCESSING)
    exact = run(proto, x)
    usual = np.abs(run(emulate(export_model(to_fp16(import_graph(scaled(1.0))))), x) - exact).mean()
    assert np.abs(run(emulate(model), x) - exact).mean() < 2 * usual
    spoilt = run(emulate(export_model(to_fp16(import_graph(proto)))), x)
    assert not np.abs(spoilt - exact).mean() < 10 * usual  # NaN included


def test_in_an_int8_network_they_are_float32_too() -> None:
    graph = import_graph(scaled())
    beyond = beyond_float16(graph, feature_peaks(graph, pictures(), PREPROCESSING))
    ranges = {node.inputs[0].name: 4.0 for node in quantizable(graph)}
    model = export_model(to_int8(graph, ranges, keep=beyond))
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    assert types["conv2.out"] == types["conv6.out"] == TensorProto.FLOAT
    quantized = {node.name for node in model.graph.node if node.op_type == "Conv" and "dequantized" in node.input[1]}
    assert quantized == {"depool2", "depool1"}


def test_maps_that_are_infinite_in_float32_are_refused() -> None:
    with pytest.raises(BuildError, match=r"'conv2\.out' is not finite on a calibration picture"):
        feature_peaks(import_graph(scaled(3e38)), pictures(), PREPROCESSING)
