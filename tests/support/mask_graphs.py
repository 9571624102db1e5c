"""Networks for masks small enough to check by hand: their mask is a function of the picture's mean color."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LOGITS_SCALE = 8.0


def write_mask_network(
    path: Path,
    *,
    size: Sequence[int | str] = (24, 32),
    last: str | None = "Sigmoid",
    channels: int = 1,
    layout: str = "nchw",
    side: bool = False,
    reshaped: bool = False,
    float16: bool = False,
) -> Path:
    """logit = 8 · (mean of what is fed over the channels), then `last`.

    channels: of the output; with two the first one is minus the logit. side: an output at half the size comes first.
    reshaped: the mask is passed on through a Squeeze after `last`, as [1, height, width].
    """
    kind = TensorProto.FLOAT16 if float16 else TensorProto.FLOAT
    real = np.float16 if float16 else np.float32
    signs = {1: [1], 2: [-1, 1]}.get(channels, [1] * channels)
    weights = np.array(signs, np.float64)[:, None] * np.full(3, LOGITS_SCALE / 3)
    tensors = [numpy_helper.from_array(weights.reshape(channels, 3, 1, 1).astype(real), "weights")]
    nodes, source = [], "input"
    if layout == "nhwc":
        nodes.append(helper.make_node("Transpose", ["input"], ["first"], perm=[0, 3, 1, 2]))
        source = "first"
    nodes.append(helper.make_node("Conv", [source, "weights"], ["logits"]))
    head = "logits"
    if last:
        nodes.append(helper.make_node(last, ["logits"], ["likely"], **({"axis": 1} if last == "Softmax" else {})))
        head = "likely"
    if reshaped:
        tensors.append(numpy_helper.from_array(np.array([1], np.int64), "axes"))
        nodes.append(helper.make_node("Squeeze", [head, "axes"], ["squeezed"]))
        head = "squeezed"
    nodes.append(helper.make_node("Identity", [head], ["mask"]))
    rows, columns = size
    shape: list[Any] = [1, channels, rows, columns]
    outputs = [helper.make_tensor_value_info("mask", kind, shape[:1] + shape[2:] if reshaped else shape)]
    if side:
        nodes.append(helper.make_node("AveragePool", [head], ["side"], kernel_shape=[2, 2], strides=[2, 2]))
        outputs.insert(0, helper.make_tensor_value_info("side", kind, [1, channels, None, None]))
    fed = [1, 3, rows, columns] if layout == "nchw" else [1, rows, columns, 3]
    graph = helper.make_graph(nodes, "masks", [helper.make_tensor_value_info("input", kind, fed)], outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path
