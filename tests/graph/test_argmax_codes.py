"""In float16 the graph without plugins gives the argmax codes that the plugin's kernel gives, ties included."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from dim_trt.graph.emulate import emulate
from dim_trt.graph.export import export_model
from dim_trt.graph.lower import import_graph, lower
from dim_trt.graph.precision import to_fp16
from dim_trt.graph.runtime import Session
from dim_trt.graph.tensorrt import to_native_model
from tests.graph.dim_graphs import SMALL, dim_onnx, network, picture_input
from tests.support.testing import _testing


def with_outputs(model: onnx.ModelProto, names: list[str]) -> onnx.ModelProto:
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return model


def ties(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A picture of four values in float16's last bits: after it most windows tie."""
    levels = np.array([0.0, 0.1, 0.10003, 0.2], np.float32)
    return levels[np.random.default_rng(0).integers(0, 4, shape)]


INPUTS = {
    "picture": picture_input(32, 64),
    "ties": ties((1, 4, 32, 64)),
    "zeros": np.zeros((1, 4, 32, 32), np.float32),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_native_graph_and_plugin_agree_on_every_code(kind: str) -> None:
    x, proto = INPUTS[kind], dim_onnx(network(SMALL))
    graph = to_fp16(import_graph(proto))
    pools = [node for node in graph.nodes if node.op == "MaxPool"]
    sources, values = [p.inputs[0].name for p in pools], [p.outputs[0].name for p in pools]
    rounded = emulate(with_outputs(export_model(graph), [*sources, *values]))  # float16 wherever the graph says so
    maps = dict(zip((*sources, *values), Session(rounded).run(x)[1:], strict=True))
    lower(graph)
    codes = [node.outputs[1].name for node in graph.nodes if node.op == "MaxPoolArgmax"]
    for source, value, code in zip(sources, values, codes, strict=True):
        half = maps[source].astype(np.float16)
        assert (half == maps[source]).all()
        by_kernel = _testing.element_max_pool_argmax(half)
        native = Session(one_pooling(to_native_model(graph), source, [value, code])).run(half)
        for got, expected in zip(native, by_kernel, strict=True):
            assert got.dtype == expected.dtype == np.float16
            assert np.array_equal(got, expected)
        assert kind == "zeros" or len(np.unique(native[1])) == 4
    tied = [windows_with_ties(maps[source]) for source in sources]
    assert sum(tied) > 50


def one_pooling(model: onnx.ModelProto, source: str, outputs: list[str]) -> onnx.ModelProto:
    """The part of a model from a tensor to others, which take float16 in."""
    wanted = set(outputs)
    nodes = []
    for node in reversed(model.graph.node):
        if wanted & set(node.output) and source not in node.output:
            nodes.insert(0, node)
            wanted |= set(node.input)
    constants = [tensor for tensor in model.graph.initializer if tensor.name in wanted]
    infos = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT16, [1, None, None, None])
        for name in (source, *outputs)
    ]
    graph = onnx.helper.make_graph(nodes, "pooling", infos[:1], infos[1:], constants)
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def windows_with_ties(x: NDArray[np.float32]) -> int:
    n, c, height, width = x.shape
    windows = x.reshape(n, c, height // 2, 2, width // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(-1, 4)
    return int(((windows == windows.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum())
