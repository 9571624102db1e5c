"""Weight storage of the cpu backend, said in standard ONNX: ONNX Runtime runs the same graph and is its reference.

fp16: float16 weights and a Cast to float32. int8: int8 weights, symmetric, one scale per output channel, and a
DequantizeLinear; the first and last convolutions, where a rounding error would show most, are stored as fp16.
Biases stay float32, and so does the arithmetic.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray
from onnx import TensorProto

from dim_trt.graph.lower import fail
from dim_trt.plan import check_precision


def store_weights(graph: gs.Graph, precision: str) -> gs.Graph:
    """Store the weights of every convolution of a standard graph at `precision`, in place."""
    check_precision(precision)
    if precision == "fp32":
        return graph
    for node in [node for node in graph.nodes if node.op == "Conv"]:
        weight = node.inputs[1]
        if not isinstance(weight, gs.Constant) or weight.values.dtype != np.float32:
            raise fail(node, "has no float32 weights stored in the file; precision can be chosen only for fp32 models")
        if precision == "int8" and not is_first_or_last(graph, node):
            _store_int8(graph, node, weight)
        else:
            _store_fp16(graph, node, weight)
    return graph.cleanup().toposort()


def is_first_or_last(graph: gs.Graph, conv: gs.Node) -> bool:
    """Reads the network's input or the concatenation of colours and alpha, or is a head with one channel."""
    source = conv.inputs[0]
    reads_input = any(source is tensor for tensor in graph.inputs)
    reads_concat = any(producer.op == "Concat" for producer in source.inputs)
    return reads_input or reads_concat or conv.inputs[1].shape[0] == 1


def quantize_weights(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """[O, I, k, k] float32 -> the same shape in int8 (-127..127) and float32 scales [O]: weights ≈ int8 · scale."""
    peak = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    scale = np.where(peak > 0, peak / 127, 1).astype(np.float32)
    scale = np.maximum(scale, np.finfo(np.float32).tiny)
    steps = np.rint(weights / scale.reshape(-1, *[1] * (weights.ndim - 1)))
    return np.clip(steps, -127, 127).astype(np.int8), scale


def _store_fp16(graph: gs.Graph, node: gs.Node, weight: gs.Constant) -> None:
    if np.abs(weight.values).max(initial=0) > np.finfo(np.float16).max:
        raise fail(node, "has weights beyond ±65504, which float16 cannot hold; use precision fp32")
    stored = gs.Constant(f"{weight.name}.fp16", weight.values.astype(np.float16))
    restored = gs.Variable(f"{weight.name}.fp32", np.float32, weight.shape)
    graph.nodes.append(gs.Node("Cast", f"{node.name}.cast", {"to": TensorProto.FLOAT}, [stored], [restored]))
    node.inputs[1] = restored


def _store_int8(graph: gs.Graph, node: gs.Node, weight: gs.Constant) -> None:
    values, scale = quantize_weights(weight.values)
    stored = gs.Constant(f"{weight.name}.int8", values)
    scales = gs.Constant(f"{weight.name}.scale", scale)
    restored = gs.Variable(f"{weight.name}.fp32", np.float32, weight.shape)
    dequantize = gs.Node("DequantizeLinear", f"{node.name}.dequantize", {"axis": 0}, [stored, scales], [restored])
    graph.nodes.append(dequantize)
    node.inputs[1] = restored
