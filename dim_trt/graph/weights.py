"""What both backends do to the weights of a convolution before they store or compute with them."""

from __future__ import annotations

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
    """Reads the network's input or the concatenation of colors and alpha, or is a head with one channel."""
    source = conv.inputs[0]
    reads_input = any(source is tensor for tensor in graph.inputs)
    reads_concat = any(producer.op == "Concat" for producer in source.inputs)
    return reads_input or reads_concat or conv.inputs[1].shape[0] == 1


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
