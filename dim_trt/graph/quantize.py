"""Numbers as int8 and float16, for both backends and in standard ONNX: ONNX Runtime runs the same graph and is the
reference.

int8 is symmetric. A convolution's weights have one scale per output channel, a feature map has one scale; in the graph
they stand between QuantizeLinear and DequantizeLinear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import DTypeLike, NDArray

from dim_trt.graph.lower import fail

INT8_MAX = 127  # symmetric: -128 is not used
FLOAT16_MAX = float(np.finfo(np.float16).max)
SMALLEST_SCALE = {  # below, float16 would round the scale itself by more than a percent
    np.dtype(np.float16): 2.0**-19,
    np.dtype(np.float32): float(np.finfo(np.float32).tiny),
}


def is_first_or_last(graph: gs.Graph, conv: gs.Node) -> bool:
    """Whether no other convolution comes before it on some way from an input, or after it on some way to an output."""
    return _meets(conv.inputs[:1], graph.inputs, lambda tensor: tensor.inputs, lambda node: node.inputs) or _meets(
        conv.outputs, graph.outputs, lambda tensor: tensor.outputs, lambda node: node.outputs
    )


def _meets(
    begin: Iterable[gs.Tensor],
    ends: Iterable[gs.Tensor],
    nodes_at: Callable[[gs.Tensor], Iterable[gs.Node]],
    tensors_at: Callable[[gs.Node], Iterable[gs.Tensor]],
) -> bool:
    """Whether a walk from `begin` through nodes that are no convolutions comes to one of `ends`."""
    wanted, pending, seen = {id(tensor) for tensor in ends}, list(begin), set[int]()
    while pending:
        tensor = pending.pop()
        if id(tensor) in wanted:
            return True
        if id(tensor) not in seen:
            seen.add(id(tensor))
            pending += [after for node in nodes_at(tensor) if node.op != "Conv" for after in tensors_at(node)]
    return False


def float32_weights(conv: gs.Node) -> NDArray[np.float32]:
    """The weights of a convolution; raises BuildError unless they are float32 and stored in the file."""
    weight = conv.inputs[1]
    if not isinstance(weight, gs.Constant) or weight.values.dtype != np.float32:
        raise fail(conv, "has no float32 weights stored in the file; precision can be chosen only for fp32 models")
    values: NDArray[np.float32] = weight.values
    return values


def quantize_weights(
    weights: NDArray[np.float32], scale_dtype: DTypeLike = np.float32
) -> tuple[NDArray[np.int8], NDArray[Any]]:
    """[O, I, k, k] float32 -> the same shape in int8 (-127..127) and scales [O]: weights ≈ int8 · scale."""
    dtype = np.dtype(scale_dtype)
    peak = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    scale = np.where(peak > 0, np.maximum(peak / INT8_MAX, SMALLEST_SCALE[dtype]), 1).astype(dtype)
    steps = np.rint(weights / scale.astype(np.float32).reshape(-1, *[1] * (weights.ndim - 1)))  # by the rounded scale
    return np.clip(steps, -INT8_MAX, INT8_MAX).astype(np.int8), scale


def to_float16(node: gs.Node, values: NDArray[np.float32], what: str) -> NDArray[np.float16]:
    """Rounded to float16; raises BuildError where that would be infinity."""
    if np.abs(values).max(initial=0) > FLOAT16_MAX:
        raise fail(node, f"has {what} beyond ±65504, which float16 cannot hold; use precision fp32")
    return values.astype(np.float16)


def activation_scale(peak: float, dtype: DTypeLike) -> NDArray[Any]:
    """A scalar: the step between two int8 values; 1 for a tensor that is always zero."""
    step = max(peak / INT8_MAX, SMALLEST_SCALE[np.dtype(dtype)]) if peak > 0 else 1.0
    return np.asarray(step, dtype)


def quantized_activation(graph: gs.Graph, tensor: gs.Variable, scale: NDArray[Any]) -> gs.Variable:
    """`tensor` rounded to int8 and back, in the type of `scale`."""
    constants = [gs.Constant(f"{tensor.name}.scale", scale), gs.Constant(f"{tensor.name}.zero", np.zeros((), np.int8))]
    stored = gs.Variable(f"{tensor.name}.int8", np.int8, tensor.shape)
    restored = gs.Variable(f"{tensor.name}.dequantized", scale.dtype, tensor.shape)
    name = f"{tensor.name}.quantize"
    graph.nodes += [
        gs.Node("QuantizeLinear", name, {}, [tensor, *constants], [stored]),
        gs.Node("DequantizeLinear", f"{tensor.name}.dequantize", {}, [stored, *constants], [restored]),
    ]
    return restored


def quantized_weight(
    graph: gs.Graph, conv: gs.Node, weights: NDArray[np.float32], dtype: DTypeLike, *, is_stored: bool = True
) -> gs.Variable:
    """A convolution's weights from int8, in `dtype`.

    is_stored: as int8; otherwise as float32 numbers that are rounded in the graph, which TensorRT 8 wants.
    """
    name = f"{conv.name}.weight"
    values, scale = quantize_weights(weights, dtype)
    scales = gs.Constant(f"{name}.scales", scale)
    zeros = gs.Constant(f"{name}.zeros", np.zeros(len(scale), np.int8))  # ONNX can do without; TensorRT 8 cannot
    if is_stored:
        stored = gs.Constant(f"{name}.int8", values)
    else:
        stored = gs.Variable(f"{name}.int8", np.int8, weights.shape)
        exact = gs.Constant(f"{name}.fp32", values * scale.reshape(-1, *[1] * (weights.ndim - 1)))
        graph.nodes.append(gs.Node("QuantizeLinear", f"{name}.quantize", {"axis": 0}, [exact, scales, zeros], [stored]))
    restored = gs.Variable(f"{name}.dequantized", np.dtype(dtype), weights.shape)
    graph.nodes.append(
        gs.Node("DequantizeLinear", f"{name}.dequantize", {"axis": 0}, [stored, scales, zeros], [restored])
    )
    return restored
