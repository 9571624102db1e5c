"""Lowered graphs for TensorRT: plugin nodes, and the exact decomposition without plugins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import pytest
import torch
from onnx import TensorProto, helper

from dim_trt.graph.export import export_model
from dim_trt.graph.load import load_onnx
from dim_trt.graph.lower import import_graph, lower
from dim_trt.graph.precision import quantizable, to_fp16, to_int8
from dim_trt.graph.runtime import Session
from dim_trt.graph.tensorrt import to_native_model, to_plugin_model, with_reference_bodies
from dim_trt.plans.builder import onnx_file
from tests.graph.dim_graphs import CONFIGS, PLAIN, SMALL, dim_onnx, network, picture_input, run, run_torch
from tests.support.compare import assert_within
from tests.support.seeds import SeedCase, seed_of
from tests.support.tiny_graphs import tiny_dim

TYPES = {np.float32: TensorProto.FLOAT, np.float16: TensorProto.FLOAT16}


def some_int8(graph: gs.Graph, base: str = "fp16") -> gs.Graph:
    return to_int8(graph, {node.inputs[0].name: 4.0 for node in quantizable(graph)}, base=base)


PRECISIONS: dict[str, Callable[[gs.Graph], gs.Graph]] = {
    "fp32": lambda graph: graph,
    "fp16": to_fp16,
    "int8": some_int8,
}


def seed_case(name: str) -> SeedCase:
    return SeedCase(
        f"graph {name}",
        2e-6,
        lambda seed: (network(CONFIGS[name]), [torch.from_numpy(picture_input(32, 64, seed))]),
    )


SEED_CASES = [seed_case(name) for name in CONFIGS]


@pytest.mark.parametrize("name", CONFIGS)
def test_plugin_graph_computes_what_pytorch_computes(name: str) -> None:
    model, x = network(CONFIGS[name]), picture_input(32, 64, seed_of(f"graph {name}"))
    alpha = run(with_reference_bodies(to_plugin_model(lower(import_graph(dim_onnx(model))))), x)
    expected = run_torch(model, x)
    assert expected.std() > 0.02  # a constant would agree too easily
    assert_within(alpha, expected, 1e-5)


def test_graph_of_the_shipped_model_is_like_one_built_by_hand() -> None:
    with onnx_file(None) as path:
        source = load_onnx(path)
    shipped, built = (lower(import_graph(proto)) for proto in (source.proto, dim_onnx(network(CONFIGS["lite"]))))
    assert sorted(node.op for node in shipped.nodes) == sorted(node.op for node in built.nodes)
    x = picture_input(32, 64)
    assert np.array_equal(run(with_reference_bodies(to_plugin_model(shipped)), x), run(source.proto, x))


def flat_input(height: int, width: int) -> np.ndarray:
    """A constant picture: every window of every pooling is a tie, away from the border."""
    x = np.zeros((1, 4, height, width), np.float32)
    x[:, :3, :, width // 2 :] = 0.5
    return x


INPUTS = {"picture": picture_input(64, 96), "flat": flat_input(64, 96), "zeros": np.zeros((1, 4, 32, 64), np.float32)}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", INPUTS)
def test_both_forms_are_bit_exact_even_where_pooling_ties(kind: str, precision: str) -> None:
    proto, x = dim_onnx(network(SMALL)), INPUTS[kind]
    graph = PRECISIONS[precision](import_graph(proto))
    standard = run(export_model(graph), x)
    lower(graph)
    for model in (to_native_model(graph), with_reference_bodies(to_plugin_model(graph))):
        assert np.array_equal(run(model, x), standard)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_the_first_of_equal_maxima_wins(dtype: type) -> None:
    values = np.array([[0, 0, 2, 2, -1, 3], [0, 0, 2, 1, 3, 3]], dtype)[None, None]
    kind = TYPES[dtype]
    nodes = [
        helper.make_node("MaxPoolArgmax", ["x"], ["v", "c"], "pool", domain="dim_trt"),
        helper.make_node("IndexUnpool", ["v", "c"], ["y"], "unpool", domain="dim_trt"),
    ]
    names = {"x": "x", "c": "codes", "y": "y"}
    infos = {name: helper.make_tensor_value_info(name, kind, [1, 1, None, None]) for name in names}
    graph = helper.make_graph(nodes, "pool", [infos["x"]], [infos["c"], infos["y"]], value_info=[infos["c"]])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("dim_trt", 1)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    for model in (with_reference_bodies(proto), to_native_model(gs.import_onnx(proto))):
        codes, unpooled = Session(model).run(values)
        assert codes.tolist() == [[[[0, 0, 1]]]]
        assert codes.dtype == unpooled.dtype == dtype
        assert unpooled.tolist() == [[[[0, 0, 2, 0, 0, 3], [0, 0, 0, 0, 0, 0]]]]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_plugin_nodes_carry_what_the_parser_looks_for(precision: str) -> None:
    model = to_plugin_model(lower(PRECISIONS[precision](import_graph(dim_onnx(network(PLAIN))))))
    onnx.checker.check_model(model, full_check=True)
    nodes = [node for node in model.graph.node if node.domain == "dim_trt"]
    assert [node.op_type for node in nodes] == ["MaxPoolArgmax"] * 5 + ["IndexUnpool"] * 5
    for node in nodes:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        assert attributes == {"plugin_version": b"1", "plugin_namespace": b"dim_trt"}
    codes = {node.output[1] for node in nodes if node.op_type == "MaxPoolArgmax"}
    kinds = [v.type.tensor_type.elem_type for v in model.graph.value_info if v.name in codes]
    assert kinds == [TensorProto.FLOAT if precision == "fp32" else TensorProto.FLOAT16] * 5
    assert not {"MaxPool", "MaxUnpool"} & {node.op_type for node in model.graph.node}


OPSETS = {"fp32": (17, 8), "fp16": (17, 8), "int8": (19, 9)}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("source_opset", [13, 17, 20])
def test_files_are_as_old_as_their_operations_allow(precision: str, source_opset: int) -> None:
    proto = tiny_dim()
    proto.opset_import[0].version = source_opset
    graph = lower(PRECISIONS[precision](import_graph(proto)))
    for model, domains in ((to_plugin_model(graph), {"", "dim_trt"}), (to_native_model(graph), {""})):
        onnx.checker.check_model(model, full_check=True)
        assert {entry.domain for entry in model.opset_import} == domains
        assert (model.opset_import[0].version, model.ir_version) == OPSETS[precision]


def test_int8_between_float32_needs_no_newer_opset() -> None:
    model = to_plugin_model(lower(some_int8(import_graph(tiny_dim()), "fp32")))
    assert (model.opset_import[0].version, model.ir_version) == (17, 8)


@pytest.mark.parametrize("make", [to_plugin_model, to_native_model])
def test_height_and_width_stay_open(make: Callable[[gs.Graph], onnx.ModelProto]) -> None:
    model = make(lower(import_graph(tiny_dim())))
    for value, channels in ((model.graph.input[0], 4), (model.graph.output[0], 1)):
        dims = value.type.tensor_type.shape.dim
        assert [dim.dim_value for dim in dims[:2]] == [1, channels]
        assert [dim.dim_param for dim in dims[2:]] == ["32*h", "32*w"]


def test_native_graph_is_standard_onnx_alone() -> None:
    model = to_native_model(lower(import_graph(tiny_dim())))
    assert {node.domain for node in model.graph.node} == {""}
    assert not model.functions
    names = [name for node in model.graph.node for name in node.output]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kept", ["pool1", "unpool1"])
def test_codes_follow_the_values_where_a_pooling_and_its_unpooling_differ_in_type(kept: str) -> None:
    proto, x = dim_onnx(network(PLAIN)), picture_input(32, 64)
    graph = to_fp16(import_graph(proto), keep=[kept])
    standard = run(export_model(graph), x)
    lower(graph)
    for model in (to_native_model(graph), with_reference_bodies(to_plugin_model(graph))):
        assert np.array_equal(run(model, x), standard)
    model = to_plugin_model(graph)
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    for node in model.graph.node:
        if node.op_type == "IndexUnpool":
            assert kinds[node.input[0]] == kinds[node.input[1]] == kinds[node.output[0]]
