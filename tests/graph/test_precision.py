"""Typed fp16 and int8 graphs: types of every tensor, what stays in float32, error bounds, refusals."""

from __future__ import annotations

import copy

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from dim_trt.errors import BuildError, InvalidInput
from dim_trt.graph.emulate import emulate
from dim_trt.graph.export import export_model
from dim_trt.graph.lower import import_graph
from dim_trt.graph.precision import quantizable, to_fp16, to_int8
from dim_trt.graph.quantize import quantize_weights
from dim_trt.graph.runtime import Session
from tests.graph.dim_graphs import PLAIN, SMALL, dim_onnx, network, picture_input, run, run_torch
from tests.support.compare import assert_within
from tests.support.tiny_graphs import GraphMaker, network_input, tiny_dim

FLOAT, HALF, INT8 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8
VARIANTS = [{"refine": refine, "output": output} for refine in (True, False) for output in ("sigmoid", "clip")]


def ranges_of(proto: onnx.ModelProto, value: float = 4.0) -> dict[str, float]:
    return {node.inputs[0].name: value for node in quantizable(import_graph(proto))}


def types_of(model: onnx.ModelProto) -> dict[str, int]:
    """The type of every tensor, by ONNX's own inference; it fails where two types meet in one node."""
    onnx.checker.check_model(model, full_check=True)
    said = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(bare, strict_mode=True).graph
    values = (*graph.input, *graph.output, *graph.value_info)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    assert {name: types[name] for name in said} == said
    return types | {tensor.name: tensor.data_type for tensor in graph.initializer}


def producers_of(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_fp16_graph_is_float16_but_for_heads_and_ends(variant: dict[str, object]) -> None:
    model = export_model(to_fp16(import_graph(tiny_dim(**variant))))
    types = types_of(model)
    for node in model.graph.node:
        expected = FLOAT if node.op_type in ("Sigmoid", "Clip") or node.name == "sum" else HALF
        read = node.input[:2] if node.op_type == "Concat" else node.input[:1]
        if node.op_type == "Cast":
            assert {types[node.input[0]], types[node.output[0]]} == {FLOAT, HALF}
        else:
            assert {types[name] for name in (*read, node.output[0])} == {expected}, node.name
        if node.op_type == "Conv":
            assert {types[name] for name in node.input} == {HALF}
    assert (types["input"], types["alpha"]) == (FLOAT, FLOAT)
    casts = sum(node.op_type == "Cast" for node in model.graph.node)
    assert casts == (4 if variant["refine"] else 2)  # input, both heads, the coarse alpha


def test_a_graph_that_ends_in_float16_is_cast_at_its_end() -> None:
    proto = tiny_dim(refine=False)
    activation = next(node for node in proto.graph.node if node.name == "activation")
    activation.op_type = "Relu"
    model = export_model(to_fp16(import_graph(proto)))
    assert types_of(model)["alpha"] == FLOAT
    assert [node.op_type for node in model.graph.node][-2:] == ["Relu", "Cast"]


@pytest.mark.parametrize("base", ["fp16", "fp32"])
def test_int8_convolutions_stand_between_quantizations(base: str) -> None:
    proto = dim_onnx(network(SMALL))
    model = export_model(to_int8(import_graph(proto), ranges_of(proto), ["conv3_2"], base=base))
    types, producers = types_of(model), producers_of(model)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    around = HALF if base == "fp16" else FLOAT
    quantized = set()
    for node in (node for node in model.graph.node if node.op_type == "Conv"):
        assert {types[name] for name in node.input} == {around}
        restore = producers.get(node.input[1])
        if restore is None:
            assert types[node.input[1]] == around
            continue
        quantized.add(node.name)
        assert (restore.op_type, helper.get_attribute_value(restore.attribute[0])) == ("DequantizeLinear", 0)
        assert types[restore.input[0]] == INT8
        rounding = producers.get(restore.input[0])  # by TensorRT 8 itself, which has float32 around it
        assert (rounding is not None) == (base == "fp32")
        source = rounding.input if rounding is not None else restore.input
        assert list(source[1:]) == list(restore.input[1:])
        values, scales, zeros = (stored[name] for name in source)
        steps = values / scales.reshape(-1, 1, 1, 1).astype(np.float64) if rounding is not None else values
        assert np.abs(steps - np.rint(steps)).max() < 1e-4
        assert scales.shape == zeros.shape == (len(values),)
        assert (zeros.dtype, zeros.any()) == (np.int8, False)
        dequantize = producers[node.input[0]]
        quantize = producers[dequantize.input[0]]
        assert (dequantize.op_type, quantize.op_type) == ("DequantizeLinear", "QuantizeLinear")
        assert dequantize.input[1:] == quantize.input[1:]
        assert stored[quantize.input[1]].shape == ()
        assert (stored[quantize.input[2]].dtype, stored[quantize.input[2]]) == (np.int8, 0)
    inner = {node.name for node in quantizable(import_graph(proto))}
    assert quantized == inner - {"conv3_2"}
    assert {"conv1_1", "alpha", "refine_conv1", "refine_alpha"}.isdisjoint(inner)


def test_pooling_and_unpooling_are_not_quantized() -> None:
    proto = dim_onnx(network(SMALL))
    model = export_model(to_int8(import_graph(proto), ranges_of(proto)))
    producers = producers_of(model)
    for node in model.graph.node:
        if node.op_type in ("MaxPool", "MaxUnpool", "Add", "Relu"):
            assert "DequantizeLinear" not in {producers[name].op_type for name in node.input}


def test_a_tensor_that_several_convolutions_read_is_quantized_once() -> None:
    proto = tiny_dim(skip=False)
    next(node for node in proto.graph.node if node.name == "conv6").input[0] = "pool1.out"
    proto.graph.initializer.remove(next(t for t in proto.graph.initializer if t.name == "conv6.weight"))
    weights = np.ones((8, 6, 1, 1), np.float32)
    proto.graph.initializer.append(numpy_helper.from_array(weights, "conv6.weight"))
    model = export_model(to_int8(import_graph(proto), ranges_of(proto)))
    readers = [node for node in model.graph.node if node.op_type == "QuantizeLinear" and node.input[0] == "pool1.out"]
    assert len(readers) == 1


# how far from fp32


def rounded(x: Tensor) -> Tensor:
    return x.half().float()


def run_torch_rounded(model: nn.Module, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """PyTorch, with everything that the typed graph holds in float16 rounded to it by hooks."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            for parameter in module.parameters():
                parameter.data = rounded(parameter.data)
            module.register_forward_pre_hook(lambda _module, args: (rounded(args[0]),))
            module.register_forward_hook(lambda _module, _args, output: rounded(output))
    return run_torch(model, x)


def test_emulated_fp16_rounds_as_pytorch_does() -> None:
    model, x = network(PLAIN), picture_input()
    proto = dim_onnx(model)
    exact = run_torch(model, x)
    alpha = run(emulate(export_model(to_fp16(import_graph(proto)))), x)
    expected = run_torch_rounded(model, x)
    lost = np.abs(alpha - exact).mean()
    assert 1e-5 < lost < 2e-3
    assert np.abs(alpha - expected).mean() < lost / 4  # sums in another order round differently now and then


def test_emulated_graph_holds_float16_values_wherever_the_typed_one_does() -> None:
    proto = tiny_dim()
    typed = export_model(to_int8(import_graph(proto), ranges_of(proto)))
    halves = [name for name, kind in types_of(typed).items() if kind == HALF and name in producers_of(typed)]
    model = emulate(typed)
    types = types_of(model)
    assert len(halves) > 20
    assert all(types[name] == FLOAT for name in halves)
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in halves)
    for name, values in zip(halves, Session(model).run(network_input(32, 64), halves), strict=True):
        assert np.array_equal(values, values.astype(np.float16)), name


def resized_graph(sizes: bool) -> onnx.ModelProto:
    """A convolution whose result a Resize doubles, by factors or by sizes, with a region of interest."""
    weight = np.random.default_rng(0).standard_normal((1, 4, 3, 3)).astype(np.float32)
    tensors = {
        "weight": weight,
        "roi": np.zeros(8, np.float32),
        "scales": np.float32([1, 1, 2, 2]),
        "sizes": np.int64([1, 1, 16, 24]),
    }
    inputs = ["y", "roi", "", "sizes"] if sizes else ["y", "roi", "scales"]
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "weight"], ["y"], "conv", pads=[1, 1, 1, 1]),
            helper.make_node("Resize", inputs, ["alpha"], "resize", mode="linear"),
        ],
        "resized",
        [helper.make_tensor_value_info("x", FLOAT, [1, 4, 8, 12])],
        [helper.make_tensor_value_info("alpha", FLOAT, [1, 1, 16, 24])],
        [numpy_helper.from_array(values, name) for name, values in tensors.items() if name in ("weight", *inputs)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("sizes", [True, False], ids=["sizes", "scales"])
def test_fp16_leaves_alone_what_says_how_a_map_is_resized(sizes: bool) -> None:
    proto = resized_graph(sizes)
    typed = export_model(to_fp16(import_graph(proto)))
    types = types_of(typed)
    (resize,) = (node for node in typed.graph.node if node.op_type == "Resize")
    said = [types[name] for name in resize.input[1:] if name]
    assert said == [FLOAT, TensorProto.INT64 if sizes else FLOAT]
    assert types[resize.input[0]] == types[resize.output[0]] == HALF
    x = np.random.default_rng(1).standard_normal((1, 4, 8, 12)).astype(np.float32)
    assert_within(run(emulate(typed), x), run(proto, x), 0.02)


def test_first_and_last_are_found_by_where_they_stand() -> None:
    """After a Concat there may be any convolution, and a head may have several channels."""
    maker = GraphMaker()
    both = maker.add("Concat", [maker.conv("input", 4, 3, 3, "first"), "input"], "concat_input", axis=1)
    near = maker.conv(both, 7, 3, 3, "beside_the_input")
    joined = maker.add("Concat", [maker.conv(near, 3, 3, 3, "inner"), near], "concat", axis=1)
    several = maker.conv(maker.conv(joined, 6, 3, 3, "after_concat"), 3, 2, 3, "head", relu=False)
    graph = import_graph(maker.model(maker.add("Sigmoid", [several], "sigmoid")))
    assert [node.name for node in quantizable(graph)] == ["inner", "after_concat"]


def test_int8_error_is_bounded() -> None:
    model, x = network(SMALL), picture_input()
    proto = dim_onnx(model)
    exact = run_torch(model, x)
    changes = {}
    for base in ("fp16", "fp32"):
        ranges = dict.fromkeys(ranges_of(proto), 6.0)
        alpha = run(emulate(export_model(to_int8(import_graph(proto), ranges, base=base))), x)
        changes[base] = np.abs(alpha - exact).mean()
        assert 1e-4 < changes[base] < 0.05
    assert abs(changes["fp16"] - changes["fp32"]) < 0.2 * changes["fp32"]


def test_excluding_everything_is_the_base_precision() -> None:
    proto, x = dim_onnx(network(SMALL)), picture_input()
    names = [node.name for node in quantizable(import_graph(proto))]
    for base, expected in (("fp32", proto), ("fp16", export_model(to_fp16(import_graph(proto))))):
        nothing = export_model(to_int8(import_graph(proto), {}, names, base=base))
        assert_within(run(nothing, x), run(expected, x), 0)


def test_scales_in_float16_are_the_ones_that_weights_are_rounded_by() -> None:
    weights = np.random.default_rng(0).standard_normal((6, 7, 3, 3)).astype(np.float32)
    weights[1] = 0
    weights[2] *= 1e-4  # its scale has few bits in float16
    weights[3] *= 1e-9  # below the smallest scale
    values, scale = quantize_weights(weights, np.float16)
    assert scale.dtype == np.float16
    assert (scale > 0).all()
    steps = scale.astype(np.float32)[:, None, None, None]
    inside = np.abs(weights) <= 127 * steps
    assert (np.abs(values * steps - weights) <= steps * 0.5001)[inside].all()
    assert inside.mean() > 0.99
    assert not values[3].any()


# refusals


def set_tensor(proto: onnx.ModelProto, name: str, factor: float) -> None:
    tensor = next(t for t in proto.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), name))


@pytest.mark.parametrize(("tensor", "what"), [("conv2.weight", "weights"), ("conv2.bias", "biases")])
def test_values_beyond_float16_are_refused_by_name(tensor: str, what: str) -> None:
    proto = tiny_dim()
    set_tensor(proto, tensor, 1e7)
    with pytest.raises(BuildError, match=rf"'conv2' \(Conv\) has {what} beyond ±65504.*use precision fp32"):
        to_fp16(import_graph(proto))


def test_missing_and_wrong_ranges_are_refused() -> None:
    proto = tiny_dim()
    for value, got in ((None, "None"), (float("nan"), "nan"), (float("inf"), "inf"), (-1.0, "-1.0")):
        ranges = ranges_of(proto)
        ranges.pop("pool1.out")
        if value is not None:
            ranges["pool1.out"] = value
        with pytest.raises(BuildError, match=f"'pool1.out', which convolution 'conv2' reads, got {got}"):
            to_int8(import_graph(proto), ranges)


def test_unknown_layers_and_bases_are_refused() -> None:
    proto = tiny_dim()
    with pytest.raises(InvalidInput, match="exclude: expected names of convolutions of this graph, got conv9, pool1"):
        to_int8(import_graph(proto), ranges_of(proto), ["pool1", "conv2", "conv9"])
    with pytest.raises(InvalidInput, match="base: expected one of fp32, fp16, got 'bf16'"):
        to_int8(import_graph(proto), ranges_of(proto), base="bf16")
