"""What exporters leave in a graph and a network does without, taken out: the same alpha from fewer kinds of nodes.

Float16 becomes float32 again, batch norm goes into the convolution before it, CastLike becomes a Cast and a Cast that
changes nothing an Identity, and a channel axis that was squeezed away comes back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dim_trt.errors import BuildError
from dim_trt.graph.channel_axis import keep_channel_axis
from dim_trt.graph.nodes import describe, stored_tensors, tensors_of

LEFTOVERS = frozenset(["BatchNormalization", "CastLike"])
HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
PLAIN: dict[str, Any] = {
    "value_int": np.int64,
    "value_ints": np.int64,
    "value_float": np.float32,
    "value_floats": np.float32,
}
EPSILON = 1e-5  # ONNX's default
NORM_INPUTS = 5


def without_leftovers(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without them, or `proto` itself where there are none; raises BuildError that names a node."""
    if not _has_leftovers(proto.graph):
        return proto
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    _constants_to_initializers(result.graph)
    _to_float32(result.graph)
    _fold_norms(result.graph)
    _settle_casts(result)
    keep_channel_axis(result.graph)
    return result


def _has_leftovers(graph: onnx.GraphProto) -> bool:
    values = (*graph.input, *graph.output)
    return (
        any(node.op_type in LEFTOVERS | {"Cast", "Squeeze", "Gather"} or _plain_numbers(node) for node in graph.node)
        or any(tensor.data_type in HALVES for tensor in tensors_of(graph))
        or any(value.type.tensor_type.elem_type in HALVES for value in values)
    )


def _plain_numbers(node: onnx.NodeProto) -> bool:
    """A Constant that holds them in place of a tensor."""
    return node.op_type == "Constant" and len(node.attribute) == 1 and node.attribute[0].name in PLAIN


def _constants_to_initializers(graph: onnx.GraphProto) -> None:
    """Those that hold plain numbers; the others are tensors already."""
    for node in list(filter(_plain_numbers, graph.node)):
        attribute = node.attribute[0]
        values = np.asarray(helper.get_attribute_value(attribute), PLAIN[attribute.name])
        graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
        graph.node.remove(node)


def _to_float32(graph: onnx.GraphProto) -> None:
    for tensor in tensors_of(graph):
        if tensor.data_type in HALVES:
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type in HALVES:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i in HALVES:
                attribute.i = TensorProto.FLOAT
    graph.ClearField("value_info")


def _fold_norms(graph: onnx.GraphProto) -> None:
    """As they are in eval mode: a network that was exported in training mode has its averages, too."""
    norms = [node for node in graph.node if node.op_type == "BatchNormalization"]
    if not norms:
        return
    stored = stored_tensors(graph)
    producers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, int] = {}
    for name in [name for node in graph.node for name in node.input] + [output.name for output in graph.output]:
        readers[name] = readers.get(name, 0) + 1
    for norm in norms:
        conv = producers.get(norm.input[0])
        own = [conv.input[1:], norm.input[1:]] if conv is not None and conv.op_type == "Conv" else []
        if not own or readers[norm.input[0]] != 1 or any(name not in stored for names in own for name in names):
            raise BuildError(
                f"onnx: {describe(norm)} does not stand after a convolution of its own with stored weights, so that it "
                "cannot be folded into it; export the network in eval mode"
            )
        if len(norm.input) != NORM_INPUTS or any(name in readers for name in norm.output[1:] if name):
            raise BuildError(f"onnx: {describe(norm)} has statistics that other nodes read; export it in eval mode")
        assert conv is not None
        arrays = {name: numpy_helper.to_array(stored[name]).astype(np.float64) for names in own for name in names}
        stored |= {tensor.name: tensor for tensor in _fold(graph, conv, norm, arrays)}
        producers[norm.output[0]] = conv


def _fold(
    graph: onnx.GraphProto, conv: onnx.NodeProto, norm: onnx.NodeProto, arrays: dict[str, Any]
) -> list[TensorProto]:
    """The convolution takes over what the norm does; its new weight and bias."""
    weight = arrays[conv.input[1]]
    gain, shift, mean, variance = (arrays[name] for name in norm.input[1:])
    bias = arrays[conv.input[2]] if len(conv.input) > 2 else np.zeros(weight.shape[:1])
    if weight.ndim < 1 or any(part.shape != weight.shape[:1] for part in (gain, shift, mean, variance, bias)):
        raise BuildError(f"onnx: {describe(norm)} has other sizes than the convolution before it; the file is damaged")
    epsilon = next((attribute.f for attribute in norm.attribute if attribute.name == "epsilon"), EPSILON)
    with np.errstate(all="ignore"):
        scale = gain / np.sqrt(variance + epsilon)
        folded = [weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), (bias - mean) * scale + shift]
        folded = [values.astype(np.float32) for values in folded]
    names = [f"{norm.output[0]}.folded.{part}" for part in ("weight", "bias")]
    tensors = list(map(numpy_helper.from_array, folded, names))
    graph.initializer.extend(tensors)
    del conv.input[1:]
    conv.input.extend(names)
    conv.output[0] = norm.output[0]
    graph.node.remove(norm)
    return tensors


def _settle_casts(proto: onnx.ModelProto) -> None:
    """A Cast to another type than float32 is for indices, and stays."""
    casts = [node for node in proto.graph.node if node.op_type == "CastLike" or _cast_to(node) == TensorProto.FLOAT]
    if not casts:
        return
    types = _types(proto)
    for node in casts:
        if node.op_type == "CastLike":
            to = types.get(node.input[1], TensorProto.UNDEFINED)
            if to == TensorProto.UNDEFINED:
                raise BuildError(f"onnx: {describe(node)} casts to a type that is not known; export with optimize=True")
        else:
            to = _cast_to(node)
        replacement = helper.make_node("Cast", node.input[:1], node.output, node.name, to=to)
        if types.get(node.input[0]) == to:
            replacement = helper.make_node("Identity", node.input[:1], node.output, node.name)
        node.CopyFrom(replacement)


def _cast_to(node: onnx.NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if (node.op_type, attribute.name) == ("Cast", "to")), 0)


def _types(proto: onnx.ModelProto) -> dict[str, int]:
    """The element type of every tensor, as far as it follows from the operations."""
    try:
        graph = onnx.shape_inference.infer_shapes(proto).graph
    except Exception as failure:  # the library raises whatever it stumbles over
        raise BuildError(
            f"onnx: the types of the graph cannot be told ({failure}); export the model again"
        ) from failure
    values = (*graph.input, *graph.output, *graph.value_info)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return types | {tensor.name: tensor.data_type for tensor in graph.initializer}
