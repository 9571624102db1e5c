"""Precision of the arithmetic, for TensorRT: the ONNX carries it, the network is built strongly typed.

fp16: weights and feature maps are float16 between the float32 input and output; the activations of the heads, the
refiner's sum, and layers that float16 cannot hold are float32. int8: as fp16, and the input and the weights of most
convolutions go through QuantizeLinear and DequantizeLinear, which TensorRT turns into int8 convolutions. The first and
last convolutions, where a rounding error would show most, stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import DTypeLike
from onnx import helper

from dim_trt.errors import BuildError, InvalidInput
from dim_trt.graph.lower import fail
from dim_trt.graph.quantize import (
    activation_scale,
    float32_weights,
    is_first_or_last,
    quantized_activation,
    quantized_weight,
    to_float16,
)

BASES = {"fp32": np.float32, "fp16": np.float16}
SETTINGS = {"Resize": (1, 2, 3), "Upsample": (1,)}  # inputs that are no data: roi, scales, sizes; float32 in any graph
HEAD_OPS = ("Sigmoid", "Clip")  # in float32, and sums between them and a head


def to_fp16(graph: gs.Graph, keep: Collection[str] = ()) -> gs.Graph:
    """Make a standard fp32 graph compute in float16, in place; float32 input, output, activations of the heads.

    `keep`: names of nodes that stay in float32 as well, for float16 cannot hold what they compute; see overflow.
    """
    heads = _head_nodes(graph) | {id(node) for node in graph.nodes if node.name in keep}
    dtypes: dict[str, DTypeLike] = {tensor.name: np.float32 for tensor in graph.inputs}
    for node in graph.nodes:
        dtype = np.float32 if id(node) in heads else np.float16
        if dtype == np.float16:
            _round_constants(node)
        for output, kind in zip(node.outputs, (dtype, np.int64), strict=False):  # the second are indices of a pooling
            output.dtype = dtypes[output.name] = kind
    _cast_between(graph, heads, dtypes)
    return graph.cleanup(remove_unused_graph_inputs=False).toposort()


def to_int8(
    graph: gs.Graph,
    ranges: Mapping[str, float],
    exclude: Collection[str] = (),
    *,
    base: str = "fp16",
    keep: Collection[str] = (),
    is_stored: bool | None = None,
    in_terms: bool = False,
) -> gs.Graph:
    """Quantize the convolutions of a standard fp32 graph, in place.

    Args:
        ranges: for each tensor of int8_inputs of the quantized convolutions, the value that becomes 127; see calibrate.
        exclude: names of convolutions to leave at the base precision, as the first and last always are.
        base: "fp16" (needs opset 19: TensorRT 10 and newer), or "fp32" (opset 17: TensorRT 8.5 too).
        keep: names of nodes that stay in float32 whatever the base is, as in to_fp16.
        is_stored: whether weights are stored as int8, which TensorRT 10 and newer take, and the CPU; None: with a base
            of fp16.
        in_terms: as in int8_inputs.
    """
    if base not in BASES:
        raise InvalidInput(f"base: expected one of {', '.join(BASES)}, got {base!r}")
    convs = [
        (node, float32_weights(node), [(reader, i, reader.inputs[i].name) for reader, i in int8_inputs(node, in_terms)])
        for node in quantizable(graph, exclude)
        if node.name not in keep
    ]
    for node, _, inputs in convs:
        for _, _, source in inputs:
            if not 0 <= ranges.get(source, -1) < np.inf:
                raise BuildError(
                    f"ranges: expected a number from 0 up for {source!r}, which convolution {node.name!r} reads, "
                    f"got {ranges.get(source)}; calibrate this very graph"
                )
    if base == "fp16":
        to_fp16(graph, keep)
    quantized: dict[str, gs.Variable] = {}  # several convolutions may read one tensor
    for node, weights, inputs in convs:
        for reader, i, source in inputs:
            if source not in quantized:
                scale = activation_scale(ranges[source], BASES[base])
                quantized[source] = quantized_activation(graph, reader.inputs[i], scale)
            reader.inputs[i] = quantized[source]
        stored = base == "fp16" if is_stored is None else is_stored
        node.inputs[1] = quantized_weight(graph, node, weights, BASES[base], is_stored=stored)
    return graph.cleanup(remove_unused_graph_inputs=False).toposort()


def int8_inputs(conv: gs.Node, in_terms: bool = False) -> list[tuple[gs.Node, int]]:
    """What is quantized for a convolution: nodes, and the index of the input there.

    in_terms: of a sum of an unpooled tensor and another, both terms (as the cpu backend keeps them); else always what
    the convolution itself reads.
    """
    before = conv.inputs[0].inputs
    if in_terms and before and adds_to_unpooled(before[0]):
        return [(before[0], 0), (before[0], 1)]
    return [(conv, 0)]


def adds_to_unpooled(node: gs.Node) -> bool:
    return node.op == "Add" and any(before.op == "MaxUnpool" for term in node.inputs for before in term.inputs)


def quantizable(graph: gs.Graph, exclude: Collection[str] = ()) -> list[gs.Node]:
    """The convolutions that int8 quantizes: all but the first, the last and those named in `exclude`."""
    convs = [node for node in graph.nodes if node.op == "Conv"]
    unknown = sorted(set(exclude) - {node.name for node in convs})
    if unknown:
        raise InvalidInput(f"exclude: expected names of convolutions of this graph, got {', '.join(unknown)}")
    return [node for node in convs if node.name not in exclude and not is_first_or_last(graph, node)]


def _head_nodes(graph: gs.Graph) -> set[int]:
    """`id` of the nodes that stay in float32: activations of the heads, and sums that only they come after."""
    heads = {id(node) for node in graph.nodes if node.op in HEAD_OPS}
    pending = [producer for tensor in graph.outputs for producer in tensor.inputs]
    while pending:
        node = pending.pop()
        if node.op in (*HEAD_OPS, "Add"):
            heads.add(id(node))
            pending += [producer for tensor in node.inputs for producer in tensor.inputs]
    return heads


def _round_constants(node: gs.Node) -> None:
    """Those that the node computes with; what says how stays as it is."""
    for index, tensor in enumerate(node.inputs):
        if not isinstance(tensor, gs.Constant) or tensor.values.dtype.kind != "f":
            continue
        if index in SETTINGS.get(node.op, ()):
            continue
        if tensor.values.dtype != np.float32:
            raise fail(node, f"has a {tensor.values.dtype} constant; precision can be chosen only for fp32 models")
        what = {1: "weights", 2: "biases"}.get(index, "constants") if node.op == "Conv" else "constants"
        node.inputs[index] = gs.Constant(f"{tensor.name}.fp16", to_float16(node, tensor.values, what))


def _cast_between(graph: gs.Graph, heads: set[int], dtypes: dict[str, DTypeLike]) -> None:
    """Insert one Cast wherever a node reads a tensor of the other type, and before the output."""
    casts: dict[str, gs.Variable] = {}
    for node in list(graph.nodes):
        wanted = np.float32 if id(node) in heads else np.float16
        for index, tensor in enumerate(node.inputs):
            if dtypes.get(tensor.name, wanted) not in (wanted, np.int64):
                if tensor.name not in casts:
                    casts[tensor.name] = _cast(graph, tensor, wanted)
                node.inputs[index] = casts[tensor.name]
    for output in graph.outputs:
        if dtypes.get(output.name) == np.float16:
            _cast_output(graph, output)


def _cast(graph: gs.Graph, tensor: gs.Variable, dtype: DTypeLike) -> gs.Variable:
    name = f"{tensor.name}.{'fp32' if dtype == np.float32 else 'fp16'}"
    result = gs.Variable(name, dtype, tensor.shape)
    graph.nodes.append(
        gs.Node("Cast", name, {"to": helper.np_dtype_to_tensor_dtype(np.dtype(dtype))}, [tensor], [result])
    )
    return result


def _cast_output(graph: gs.Graph, output: gs.Variable) -> None:
    """The output keeps its name and type; what computes it writes a float16 tensor before it."""
    half = gs.Variable(f"{output.name}.fp16", np.float16, output.shape)
    producer = output.inputs[0]
    producer.outputs = [half if tensor is output else tensor for tensor in producer.outputs]
    for consumer in list(output.outputs):
        consumer.inputs = [half if tensor is output else tensor for tensor in consumer.inputs]
    to = helper.np_dtype_to_tensor_dtype(np.dtype(np.float32))
    graph.nodes.append(gs.Node("Cast", f"{output.name}.cast", {"to": to}, [half], [output]))
    output.dtype = np.float32
